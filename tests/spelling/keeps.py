"""Models in which a GRU can be seen but need not be: whatever becomes of them, the numbers have to stay."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from spelling.cell import Cell

if TYPE_CHECKING:
    from spelling.cell import Step
    from spelling.draw import Draw
    from spelling.emit import Emit
    from spelling.truth import Truth


class Mgu(Cell):
    """The minimal gated unit: one gate resets the state and, complemented, keeps it: a GRU whose z is 1 - r."""

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:
        del draw
        z, r = truth.gate("z"), truth.gate("r")
        parts = {name: getattr(truth, name).copy() for name in ("W", "R", "Wb", "Rb")}
        for part in parts.values():
            part[z] = -part[r]
        return replace(truth, f="Sigmoid", **parts)

    def gates(self, e: Emit, z: str, r: str, at: Step) -> tuple[str, str]:
        del at
        if self.complement_r:
            return z, r
        return (r if self.complement != "no" else e.op("Sub", e.scalar(1), r)), r


class TiedGates(Cell):
    """One gate serves as z and as r."""

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:
        del draw
        z, r = truth.gate("z"), truth.gate("r")
        parts = {name: getattr(truth, name).copy() for name in ("W", "R", "Wb", "Rb")}
        for part in parts.values():
            part[r] = part[z]
        return replace(truth, f="Sigmoid", **parts)

    def gates(self, e: Emit, z: str, r: str, at: Step) -> tuple[str, str]:
        del e, at
        return (z, r) if self.complement != "no" or self.complement_r else (z, z)


class MinGru(Cell):
    """Gates and candidate read x alone: a GRU with R = 0."""

    packs = ("packed", "separate", "pair")

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:
        del draw
        return replace(truth, R=np.zeros_like(truth.R), Rb=np.zeros_like(truth.Rb))

    def _apart(self, e: Emit, xs: list[str], h: str | None, at: Step) -> dict[str, str]:  # type: ignore[override]
        del h
        self.h = None
        return super()._apart(e, xs, None, at)

    def _candidate(self, e: Emit, r: str, h: str | None, at: Step) -> str:
        del h
        return super()._candidate(e, r, None, at)


class Peephole(Cell):
    """The state stands on z by a diagonal matrix as well: R with a diagonal added."""

    together_allowed = False

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:
        del draw
        R = truth.R.copy()
        R[truth.gate("z")] += np.eye(truth.H) * 0.7
        return replace(truth, R=R)

    def _place_weights(self) -> None:
        super()._place_weights()
        self.sign = -1.0 if self.complement == "weights" else 1.0
        self.R["z"] = self.R["z"] - self.sign * np.eye(self.truth.H) * 0.7

    def preactivation(self, e: Emit, g: str, v: str, at: Step) -> str:
        del at
        if g != "z" or self.h is None:
            return v
        return e.op("Add", v, e.op("Mul", self.h, self.vector(e, np.full(self.truth.H, self.sign * 0.7))))


class GateOut(Cell):
    """A gate is an output as well."""

    together_allowed = False
    asks = frozenset({"gate out"})
    outputs = ("Y", "both")

    def gates(self, e: Emit, z: str, r: str, at: Step) -> tuple[str, str]:
        del e, at
        self.gate = self.draw("gate given out", {"z": 1, "r": 1})
        self.gate = z if self.gate == "z" else r
        return z, r


class ShortTrip(Cell):
    """The last step of x is never read: a GRU over a part of x."""

    asks = frozenset({"short"})
    outputs = ("last",)

    containers = ("unrolled", "loop")


class MixedOrder(Cell):
    """The first two steps are exchanged: a GRU over an x that is put in order first."""

    asks = frozenset({"mixed order"})
    outputs = ("last",)

    containers = ("unrolled",)


class FrozenState(Cell):
    """Past its length a sequence repeats its last state, as Keras masks have it; only the last state is used."""

    asks = frozenset({"lengths", "frozen Y"})
    outputs = ("last",)
    h0 = False
    least_opset = 9
    forward_only = True


KEEPS: dict[str, type[Cell]] = {
    cell.__name__: cell for cell in (Mgu, TiedGates, MinGru, Peephole, GateOut, ShortTrip, MixedOrder, FrozenState)
}
