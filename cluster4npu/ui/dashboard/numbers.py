"""How measured numbers are written, wherever they are shown."""

NOT_REPORTED = "not reported"


def figure(value: float) -> str:
    """Return a number with three digits that count: 1234, 56.7, 8.90."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
