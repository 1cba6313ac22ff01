"""What was done to quantise one GRU, how many bytes that saves, and the error it brings over the steps."""

from __future__ import annotations

import math
from dataclasses import field
from typing import Any

from gru_lower.isolation.memory_size import spelled_size
from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData


@dataclass(frozen=True)
class StepErrors(PlainData):
    """The errors of one GRU's states over its steps, all cases, sequences and directions together.

    Attributes:
        steps: How many there were at most.
        largest: The largest |float - quantised|.
        noise: The root mean square of the error by that of the states.
        by_step: The step, counted in the order of computing, and the root mean square of the error there: a selection.
        grows: Whether the error is larger at the end than after the first steps.

    """

    steps: int
    largest: float
    noise: float
    by_step: tuple[tuple[int, float], ...]
    grows: bool

    @property
    def snr_db(self) -> float:
        """Signal to noise in decibels; infinite without noise."""
        return math.inf if not self.noise else -20 * math.log10(self.noise)

    def describe(self) -> str:
        """Return it in a few words."""
        said = f"error {self.largest:.2g} at most, {self.noise:.2%} of the state, over {self.steps} steps"
        first, last = self.by_step[0][1], self.by_step[-1][1]
        if self.steps == 1:
            return said.removesuffix("s")
        how = "still growing at the end" if self.grows else "no longer growing at the end"
        return f"{said}, {how}: {first:.2g} after the first, {last:.2g} after the last"

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report."""
        return {
            "steps": self.steps,
            "max_abs": self.largest,
            "snr_db": None if math.isinf(self.snr_db) else self.snr_db,
            "by_step": [{"step": step, "rms": rms} for step, rms in self.by_step],
            "grows": self.grows,
        }


@dataclass
class Quantisation(PlainData):
    """What was done to quantise one GRU.

    Attributes:
        mode: ``dynamic``, ``static``, ``weights-only`` or ``keep-node``.
        weights: The type that W and R are stored in.
        bytes_before: Bytes of W and R as they were.
        bytes_after: Bytes of what stands for them: whole numbers, scales and zero points.
        activations: The type that values are rounded to beforehand, ``None`` where none are.
        state: The type that the state is carried in.
        scales: By value, ``scale``, ``zero_point`` and ``type`` of what is rounded.
        session_options: What onnxruntime has to be told for the model to run at its full speed.
        errors: How far it is off, where that was measured.

    """

    mode: str
    weights: str
    bytes_before: int
    bytes_after: int
    activations: str | None = None
    state: str = "float"
    scales: dict[str, dict[str, Any]] = field(default_factory=dict)
    session_options: dict[str, str] = field(default_factory=dict)
    errors: StepErrors | None = None

    def describe(self) -> str:
        """Return it in a few words, for tables."""
        kinds = [f"{self.weights} weights"]
        kinds += [f"{self.activations} values"] if self.activations else []
        kinds += [f"{self.state} state"] if self.state != "float" else []
        said = f"{self.mode}: {', '.join(kinds)}, {spelled_size(self.bytes_before)} to {spelled_size(self.bytes_after)}"
        return said if self.errors is None else f"{said}; {self.errors.describe()}"

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report."""
        return {
            "mode": self.mode,
            "weights": self.weights,
            "activations": self.activations,
            "state": self.state,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "scales": self.scales,
            "session_options": self.session_options,
            "errors": None if self.errors is None else self.errors.to_dict(),
        }
