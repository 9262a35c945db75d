"""The records of an import: where a figure stands, what it belongs to, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cluster4npu.core.store.importing.metrics import Meaning

UNKNOWN_NAME = "unknown"
IMPORTED, SIMULATED, FORMULA = "imported", "simulated", "formula"
OK, FAILED, INCOMPATIBLE, SKIPPED = "ok", "failed", "incompatible", "skipped"

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of the figures at a place: given there, or inherited from what encloses it."""

    model: str = ""
    device: str = ""
    batch: int | None = None
    sequence: int | None = None
    precision: str = ""
    recorded_at: str = ""
    status: str = OK
    error: str = ""
    simulated: bool = False
    formula: bool = False
    label: tuple[str, ...] = ()  # enclosing names that are none of the above: what tells variants apart
    units: str = ""  # a unit that is said beside the figures
    unit_of: tuple[
        tuple[str, str], ...
    ] = ()  # names, as words joined by _, and the units that are said of each
    batches: tuple[int, ...] = ()  # batch sizes that an enclosing object lists
    summary: bool = False
    model_rank: int = 99
    device_rank: int = 99
    simulated_devices: tuple[str, ...] = ()
    browser: str = ""
    browser_version: str = ""
    adapter: str = ""  # of a browser, as it tells it

    def unit_beside(self, *names: str) -> str:
        """Return the unit that is said of the first of these names (as words joined by _), or of all figures."""
        told = dict(self.unit_of)
        return next((told[name] for name in names if name in told), self.units)

    def but(self, **changes: object) -> Context:
        """Return a copy with these fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(slots=True)
class Figure:
    """One number, or one list of samples, as the source has it.

    `digits` are the decimals of a number that was read from text (None: as precise as JSON).
    """

    path: Path
    name: str
    meaning: Meaning
    values: list[float]
    samples: bool = False
    digits: int | None = None
    beside: str = ""  # a unit that is said beside it
    unit: str = ""
    unit_rule: str = ""
    factor: float = 1.0
    target: str = ""

    @property
    def settled(self) -> list[float]:
        """Return the values in the unit `target`."""
        return [value * self.factor for value in self.values] if self.factor != 1.0 else self.values


@dataclass(slots=True)
class Record:
    """Figures that belong together: of one object of the file and one device. Without figures: a failure."""

    path: Path
    context: Context
    figures: list[Figure] = field(default_factory=list)
    provenance: str = IMPORTED
    summary: bool = False
    from_text: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement as it is stored. A failure has the metric "failure" and no value."""

    path: str
    model: str
    device: str
    batch_size: int | None
    sequence_length: int | None
    precision: str
    variant: str
    recorded_at: str
    metric: str
    statistic: str
    position: int | None  # of a sample in its list, from 0
    value: float | None
    unit: str
    source_value: float | None
    source_unit: str
    unit_rule: str
    provenance: str
    status: str
    error: str
    scope: str  # figure, sample, summary, text, failure
    digest: str  # of the record that it belongs to: equal for equal records of several files


@dataclass(slots=True)
class Recognised:
    """What was found in one file: rows, and what was left out and why (`skipped`: reason to number of numbers)."""

    shape: str
    rows: list[Row]
    numbers: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    unknown_fields: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)  # of which the rows are made
