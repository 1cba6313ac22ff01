"""What ranges the values of a GRU's steps have on given inputs, over all steps, sequences and directions together.

The step is :mod:`gru_lower.gru.step_equations`, run over an algebra of arrays that notes the least and the largest of
whatever is computed, by the local name that it has in the lowered forms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gru_lower.gru.reference import ACTIVATIONS
from gru_lower.gru.spec import GATES
from gru_lower.gru.step_equations import Projection, step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.gru.activations import Activation
    from gru_lower.gru.spec import Direction, GruSpec

Array = np.ndarray[Any, np.dtype[Any]]


class Range(NamedTuple):
    """The least and the largest of some values; 0 is always within."""

    low: float
    high: float

    def joined(self, other: Range) -> Range:
        """Return the range of both."""
        return Range(min(self.low, other.low), max(self.high, other.high))

    def within(self, bound: float) -> Range:
        """Return what lies between -bound and bound."""
        return Range(max(self.low, -bound), min(self.high, bound))


def range_of(values: Array) -> Range:
    """Return the range of finite values; those that are not are left out."""
    finite = values[np.isfinite(values)]
    return Range(float(finite.min(initial=0.0)), float(finite.max(initial=0.0)))


class StepRanges:
    """The ranges of one GRU's values.

    Attributes:
        ranges: By local name: ``X``, ``Xz``, ``pre_z``, ``Zt``, ``Ht`` and so on.

    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.ranges: dict[str, Range] = {}

    def note(self, name: str, values: Array) -> Array:
        """Note values, and return them."""
        found = range_of(values)
        self.ranges[name] = found if name not in self.ranges else self.ranges[name].joined(found)
        return values

    def add(self, spec: GruSpec, inputs: Mapping[str, Array]) -> None:
        """Run a GRU on inputs, and note the ranges.

        Args:
            spec: The GRU.
            inputs: By ONNX's input names, W, R and B included.

        """
        values = {key: array if key == "sequence_lens" else array.astype(np.float32) for key, array in inputs.items()}
        x = values["X"].swapaxes(0, 1) if spec.layout else values["X"]
        steps, batch, _ = x.shape
        lens = values.get("sequence_lens", np.full(batch, steps))
        for direction in spec.directions:
            algebra = _Noting(self, spec, direction, values)
            state = np.zeros((batch, spec.hidden_size), np.float32)
            if "initial_h" in values:
                given = values["initial_h"]
                state = (given.swapaxes(0, 1) if spec.layout else given)[direction.index].copy()
                self.note("Ht", state)
            for t in reversed(range(steps)) if direction.reverse else range(steps):
                rows = np.flatnonzero(t < lens)
                if rows.size and np.isfinite(x[t, rows]).any():
                    xt = algebra.project(self.note("X", x[t, rows]))
                    state[rows] = step(
                        algebra, direction, xt, state[rows], linear_before_reset=spec.linear_before_reset
                    )


def _by_gate(rows: Array) -> dict[str, Array]:
    return dict(zip(GATES, np.split(rows, 3), strict=True))


class _Noting:
    """The algebra of arrays that notes ranges."""

    def __init__(self, ranges: StepRanges, spec: GruSpec, direction: Direction, values: Mapping[str, Array]) -> None:
        self._note, self._clip = ranges.note, spec.clip
        self._w, self._r = (_by_gate(values[key][direction.index]) for key in "WR")
        b = values["B"][direction.index] if "B" in values else np.zeros(6 * spec.hidden_size, np.float32)
        of_x, of_state = map(_by_gate, np.split(b, 2))
        self._rbh = of_state["h"] if spec.linear_before_reset else np.zeros_like(of_state["h"])
        self._b = {gate: of_x[gate] + of_state[gate] for gate in GATES}
        if spec.linear_before_reset:
            self._b["h"] = of_x["h"]
        for gate in GATES:
            ranges.note(f"b{gate}", self._b[gate])
        ranges.note("Rbh", self._rbh)

    def project(self, xt: Array) -> Projection[Array]:
        parts = []
        for gate in GATES:
            product = self._note(f"X{gate}_product", xt @ self._w[gate].T)
            parts.append(self._note(f"X{gate}", product + self._b[gate]))
        return Projection(*parts)

    def recurrent(self, gate: str, state: Array, plus: Array) -> Array:
        return self._note(f"pre_{gate}", plus + self._note(f"pre_{gate}_product", state @ self._r[gate].T))

    def recurrent_candidate(self, state: Array | None) -> Array | None:
        if state is None:
            return self._rbh
        product = self._note("recurrent_h_product", state @ self._r["h"].T)
        return self._note("recurrent_h", product + self._rbh)

    def clip(self, value: Array) -> Array:
        return value if self._clip is None else np.clip(value, -self._clip, self._clip)

    def activation(self, function: Activation, value: Array, name: str) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            made = ACTIVATIONS[function.name.lower()][0](value, function.alpha or 0.0, function.beta or 0.0)
        return self._note(name, made)

    def mul(self, left: Array, right: Array, name: str) -> Array:
        return self._note(name, left * right)

    def add(self, left: Array, right: Array, name: str) -> Array:
        return self._note(name, left + right)

    def blend(self, zt: Array, ht: Array, state: Array | None) -> Array:
        state = np.zeros_like(ht) if state is None else state
        change = self._note("change", state - ht)
        update = self._note("update", zt * change)
        self._note("taken", (1 - zt) * ht)
        self._note("kept", zt * state)
        return self._note("Ht", ht + update)
