"""What a benchmark is asked for: scenario, profile, devices. The profiles' lengths are data here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cluster4npu.core.engine.arrivals import CAMERAS, POISSON
from cluster4npu.core.errors import InputError, Problem, nearest

OFFLINE = "offline"
SINGLE_STREAM = "single-stream"
MULTI_STREAM = "multi-stream"
SERVER = "server"
DENSITY = "density"


@dataclass(frozen=True, slots=True)
class Scenario:
    """How frames arrive. `window` bounds the frames under way in the whole engine (None: it does not).

    `arrivals` is the kind of schedule on which they come ("": none, as fast as the engine takes them); `streams`
    tells that several streams are fed, of which the worst counts.
    """

    name: str
    title: str
    window: int | None = None
    arrivals: str = ""
    streams: bool = False


SCENARIOS = {
    OFFLINE: Scenario(OFFLINE, "Offline: as fast as it goes (frames/s)"),
    SINGLE_STREAM: Scenario(SINGLE_STREAM, "Single stream: the next frame on completion (latency)", 1),
    MULTI_STREAM: Scenario(
        MULTI_STREAM, "Multi-stream: several cameras at once (worst stream's p99)", None, CAMERAS, True
    ),
    SERVER: Scenario(SERVER, "Server: random arrivals (highest rate within the p99 limit)", None, POISSON),
    DENSITY: Scenario(DENSITY, "Density: most cameras within the p99 limit", None, CAMERAS, True),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """How long is measured; times in seconds.

    A side is measured in legs, interleaved A B B A: `pairs` of them on each side, `leg_s` each, of which the
    first `ramp_s` is not counted. A window is a stretch of measuring in which both sides take turns: `windows` of
    equal length, cut from a side's legs laid end to end, must agree. Where there is one side only, its legs are longer
    by as much as it takes. `survey_s` is measured on every device to find the best single one. `conforms` is set
    where the lengths meet the standard's rules; any other profile is marked, and is never a headline.
    """

    name: str
    title: str
    leg_s: float
    pairs: int = 5
    ramp_s: float = 0.5
    survey_s: float = 2.0
    windows: int = 3
    warm_up_s: float = 3.0  # at least
    warm_up_window_s: float = 1.0
    warm_up_limit_s: float = 15.0  # goes on without agreement after that; the windows will tell
    parity_frames: int = 32

    @property
    def window_s(self) -> float:
        """Return the length of one stability window: of both sides together."""
        return 2 * self.leg_s * self.pairs / self.windows

    @property
    def lone_leg_s(self) -> float:
        """Return the length of a leg where there is one side only: as long as windows of the standard's length take."""
        if not self.conforms:
            return self.leg_s
        return max(self.leg_s, WINDOW_S * self.windows / self.pairs)

    @property
    def conforms(self) -> bool:
        """Tell whether the lengths meet the standard: five pairs, three windows of 5 s, 3 s of warm-up."""
        return self.pairs >= 5 and self.windows >= 3 and self.window_s >= WINDOW_S and self.warm_up_s >= 3.0

    def legs_s(self, *, is_compared: bool) -> float:
        """Return how long all legs take with their ramps, of two sides or of one."""
        if is_compared:
            return 2 * self.pairs * (self.leg_s + self.ramp_s)
        return self.pairs * (self.lone_leg_s + self.ramp_s)

    def begin_s(self, alone: int, real: int) -> float:
        """Return how long comparing answers, warming up, and measuring each device alone takes."""
        warm_up = max(self.warm_up_s, 3 * self.warm_up_window_s) + 3 * self.ramp_s
        return PARITY_S * real + warm_up + alone * (self.survey_s + self.ramp_s)

    def estimate_s(self, devices: int) -> float:
        """Return about how long a benchmark of that many devices takes, loading left out."""
        return self.legs_s(is_compared=devices > 1) + self.begin_s(devices, devices)


WINDOW_S = 5.0  # the shortest stability window of the standard
PARITY_S = 0.5  # that comparing one device's answers takes, about
PROFILES = {
    "quick": Profile("quick", "Quick: about half a minute", leg_s=2.0, ramp_s=0.25, survey_s=1.0),
    "standard": Profile("standard", "Standard: about a minute", leg_s=4.0),
    "certified": Profile("certified", "Certified: about ten minutes", leg_s=28.0, pairs=10, survey_s=5.0),
}


@dataclass(frozen=True, slots=True)
class BenchmarkOptions:
    """What to benchmark.

    `devices` replaces the pipeline's own; `against` is the single device that is the baseline (None: the
    best). `store` is the file in which the result is kept (None: not kept). `profile` is a name, or a profile
    of one's own. `command` is kept with the result.

    Where frames come on a schedule: `rate` is frames/s, of each stream where there are several (server: None
    searches the highest), `streams` how many there are (multi-stream), and `limit_ms` bounds the p99 latency.
    """

    scenario: str = OFFLINE
    profile: str | Profile = "quick"
    devices: tuple[str, ...] | None = None
    against: str | None = None
    store: Path | None = None
    seed: int = 0
    policy: str | None = None
    rate: float | None = None
    streams: int | None = None
    limit_ms: float | None = None
    command: str = field(default="", compare=False)

    def the_profile(self) -> Profile:
        """Return the profile; raises InputError naming those there are."""
        if isinstance(self.profile, Profile):
            return self.profile
        if self.profile not in PROFILES:
            raise InputError(
                Problem(
                    "unknown benchmark profile",
                    field="profile",
                    found=self.profile,
                    allowed=", ".join(PROFILES),
                    hint=nearest(self.profile, PROFILES),
                )
            )
        return PROFILES[self.profile]

    def the_scenario(self) -> Scenario:
        """Return the scenario; raises InputError naming those there are, or the option that it does not take."""
        scenario = SCENARIOS.get(self.scenario)
        if scenario is None:
            raise InputError(
                Problem(
                    "unknown benchmark scenario",
                    field="scenario",
                    found=self.scenario,
                    allowed=", ".join(SCENARIOS),
                    hint=nearest(self.scenario, SCENARIOS) or "Choose one of those.",
                )
            )
        for name, (value, takers, low, high) in self._loads().items():
            if value is None:
                continue
            if self.scenario not in takers:
                raise InputError(
                    Problem(
                        f"the scenario {self.scenario} takes no {name}",
                        field=name,
                        found=f"{value:g}",
                        allowed=f"with {', '.join(takers)}",
                        hint="Leave it out, or choose one of those scenarios.",
                    )
                )
            if not low <= value <= high:
                raise InputError(
                    Problem("out of bounds", field=name, found=f"{value:g}", allowed=f"{low:g} to {high:g}")
                )
        return scenario

    def _loads(self) -> dict[str, tuple[float | None, tuple[str, ...], float, float]]:
        scheduled = tuple(name for name, scenario in SCENARIOS.items() if scenario.arrivals)
        return {
            "rate": (self.rate, scheduled, 0.1, 10_000),
            "streams": (self.streams, (MULTI_STREAM,), 1, 10_000),
            "limit_ms": (self.limit_ms, scheduled, 0.1, 600_000),
        }


@dataclass(frozen=True, slots=True)
class BenchmarkProgress:
    """How far a benchmark has come: `fraction` 0..1 never falls; `eta_s` is what remains (None: not known).

    `stage` is plain text for people ("Warming up"), `detail` says more ("window 2 of at least 3").
    `window_fps` is the rate just measured, on `device` ("" for all together).
    """

    fraction: float
    stage: str
    detail: str = ""
    eta_s: float | None = None
    window_fps: float | None = None
    device: str = ""
