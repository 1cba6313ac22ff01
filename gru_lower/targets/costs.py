"""How long a target takes for a GRU, as the node and as each form: a small model, fitted to what was measured there.

What a run takes is a sum of terms that none of is negative, in a unit of its own, so that only quotients mean anything:

    one step            k0 + k1·B·H + k2·P + k3·P·B + k4·P^1.5 + k5·P^1.5·B
    several             k0 + (k1 + k2·B·H + k3·P + k4·P·B + k5·P^1.5 + k6·P^1.5·B)·T

P is how large the products of a step are, (H·I + H²) / 2; of a first step, from zeros, H·I alone. Its power stands for
weights that are too large for a cache.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from gru_lower.gru.spec import GruSpec

Steps = Literal["first", "one", "several"]
STEPS: tuple[Steps, ...] = ("first", "one", "several")
"""A single step from a state of zeros; one from initial_h; more."""
PRECISIONS = ("f32", "bf16")
NODE = "gru"
CLEARLY = 0.97
"""What something may be expected to take of the node at most to be written in its place."""
UNCACHED = 1.5
"""The power of weights that are too large for a cache."""
TYPICAL_STEPS = 50
"""How many steps are reckoned with where T is dynamic."""
SPELLING: dict[str, tuple[str, ...]] = {
    "vocabulary": ("gemm", "matmul", "minimal"),
    "state_rank": ("2", "3"),
    "gates": ("apart", "joined", "whole"),
    "projection": ("apart", "whole", "with-state"),
    "tanh": ("auto", "bounded"),
    "kept_output": ("own", "Y_h"),
}
"""The options of ``lower-gru`` that a form may be spelled with, by what they may be; the last one is the node's."""
NODE_SPELLING = ("kept_output",)
"""Those the node may be spelled with."""


@dataclass(frozen=True)
class Way:
    """What a GRU may become.

    Attributes:
        form: ``"gru"`` for the node as it is, or a form.
        spelling: Options of ``lower-gru`` and their values, where they are not the profile's own.

    """

    form: str
    spelling: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Say it in a few words."""
        return " ".join([self.form, *(f"{key}={value}" for key, value in self.spelling)])


@dataclass(frozen=True)
class Size:
    """What the time of a GRU depends on.

    Attributes:
        hidden: H.
        inputs: I.
        batch: B.
        length: T.
        state: Whether there is an initial_h.
        linear_before_reset: 0 or 1.
        only_Y: Whether Y is the only output, which makes a step slow in some engines.

    """

    hidden: int
    inputs: int
    batch: int
    length: int
    state: bool
    linear_before_reset: int
    only_Y: bool = False

    @property
    def steps(self) -> Steps:
        """Which kind of sequence it is."""
        return "several" if self.length > 1 else "one" if self.state else "first"

    @property
    def terms(self) -> tuple[float, ...]:
        """What the coefficients of a cost are multiplied by."""
        h, b, t = self.hidden, self.batch, self.length
        products = h * self.inputs if self.steps == "first" else h * (self.inputs + h) / 2
        uncached = products**UNCACHED
        step = (1.0, float(b * h), products, products * b, uncached, uncached * b)
        return step if t == 1 else (1.0, *(t * each for each in step))


def size_of(spec: GruSpec, batch_hint: int = 0) -> Size:
    """Return what the time of a GRU depends on; where sizes are not known, what is typical."""
    return Size(
        spec.hidden_size,
        spec.input_size or spec.hidden_size,
        max(spec.batch_size if spec.batch_size is not None else batch_hint, 1),
        TYPICAL_STEPS if spec.seq_length is None else max(spec.seq_length, 1),
        "initial_h" in spec.inputs,
        int(spec.linear_before_reset),
        only_Y=not spec.Y_h,
    )


def is_as_timed(spec: GruSpec) -> bool:
    """Whether a GRU is of the plain kind that was timed: what a flag makes of another one was not looked at."""
    (first, *others), constants = spec.directions, {"W", "R", "B"}
    plain = not (others or first.reverse or spec.layout) and spec.clip is None and bool(spec.Y)
    return plain and f"{first.f}/{first.g}" == "Sigmoid/Tanh" and spec.inputs.keys() - {"X", "initial_h"} == constants


@dataclass(frozen=True)
class Cost:
    """What one way takes, for one kind of sequence and one setting of the engine.

    Attributes:
        way: The way.
        linear_before_reset: 0 or 1.
        steps: Which kind of sequence.
        coefficients: Of :attr:`Size.terms`.
        precision: The precision it was measured in, ``""`` where the engine has one only.
        flags: Flags of the engine's that it was measured with, ``""`` for none.
        only_Y: Whether Y was the only output; one of both outputs serves where there is no other.

    """

    way: Way
    linear_before_reset: int
    steps: Steps
    coefficients: tuple[float, ...]
    precision: str = ""
    flags: str = ""
    only_Y: bool = False


@dataclass(frozen=True)
class Costs:
    """All that was measured of a target's speed.

    Attributes:
        version: The version of the target that was measured.
        machine: What it ran on.
        rows: The costs.
        precision_setting: The target's setting that says what it computes in, ``""`` where there is one precision only.

    """

    version: str
    machine: str = ""
    rows: tuple[Cost, ...] = field(default=())
    precision_setting: str = ""

    @property
    def ways(self) -> list[Way]:
        """The ways that were measured without flags, in order."""
        return list(dict.fromkeys(row.way for row in self.rows if not row.flags))

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions that were measured."""
        return tuple(dict.fromkeys(row.precision for row in self.rows))

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags that were measured."""
        return tuple(dict.fromkeys(row.flags for row in self.rows if row.flags))

    def estimate(self, way: Way, size: Size, precision: str, flags: str = "") -> float | None:
        """Return what a way takes, in this table's unit; ``None`` where it was not measured."""
        asked = (way, size.linear_before_reset, size.steps, precision, flags)
        found = {
            row.only_Y: row
            for row in self.rows
            if (row.way, row.linear_before_reset, row.steps, row.precision, row.flags) == asked
        }
        row = found.get(size.only_Y) or found.get(False)
        return None if row is None else sum(k * term for k, term in zip(row.coefficients, size.terms, strict=True))
