"""Cells that look odd and are GRUs all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from spelling import updates
from spelling.affine import add_bias, affine
from spelling.cell import Cell

if TYPE_CHECKING:
    from spelling.affine import Space
    from spelling.cell import Step
    from spelling.draw import Draw
    from spelling.emit import Emit
    from spelling.truth import Truth


class Temperature(Cell):
    """A pre-activation is half as large, and doubled before its function."""

    together_allowed = False

    def _place_weights(self) -> None:
        super()._place_weights()
        self.scaled: str = self.draw("scaled", "zr")
        g = self.scaled
        for matrix in (self.W, self.R):
            matrix[g] = matrix[g] / 2
        for bias in (self.bx, self.bh, self.bs):
            value = bias[g]
            bias[g] = None if value is None else value / 2

    def preactivation(self, e: Emit, g: str, v: str, at: Step) -> str:
        return e.op("Mul", v, e.scalar(2)) if g == self.scaled else super().preactivation(e, g, v, at)


class ScaledInput(Cell):
    """x is divided inside the step, and its matrices are as much larger."""

    def _place_weights(self) -> None:
        super()._place_weights()
        self.W = {g: W * 4 for g, W in self.W.items()}

    def x(self, e: Emit, group: str, x: str, at: Step) -> str:
        del group, at
        return e.op("Mul", x, e.scalar(0.25)) if self.draw.flag("by Mul", 0.5) else e.op("Div", x, e.scalar(4))


class ShiftedInput(Cell):
    """x is normalised inside the step, which the biases make good."""

    packs = ("packed", "separate", "pair")

    def _place_weights(self) -> None:
        super()._place_weights()
        for g in "zrn":
            given = self.bx[g]
            moved = self.W[g].sum(axis=1)
            self.bx[g] = moved if given is None else given + moved

    def x(self, e: Emit, group: str, x: str, at: Step) -> str:
        del group, at
        return e.op("Sub", x, e.scalar(1))


class ScaledCandidate(Cell):
    """The candidate is scaled by a number: ScaledTanh."""

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:
        del draw
        return replace(truth, g="ScaledTanh75")

    @property
    def g(self) -> str:
        return "Tanh"

    def candidate(self, e: Emit, n: str, z: str, r: str, at: Step) -> str:
        del z, r, at
        return e.op("Mul", n, e.scalar(0.75))


class OddCandidate(Cell):
    """tanh(v) is written -tanh(-v), with the minus in the weights."""

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:
        del draw
        return replace(truth, g="Tanh")

    def _place_weights(self) -> None:
        super()._place_weights()
        for matrix in (self.W, self.R):
            matrix["n"] = -matrix["n"]
        for bias in (self.bx, self.bh, self.bs):
            value = bias["n"]
            bias["n"] = None if value is None else -value

    def candidate(self, e: Emit, n: str, z: str, r: str, at: Step) -> str:
        del z, r, at
        return e.op("Neg", n)


class Factored(Cell):
    """x is projected by two matrices, one after the other."""

    packs = ("packed", "separate", "pair")

    def _place_weights(self) -> None:
        super()._place_weights()
        stacked = np.vstack([self.W[g] for g in "zrn"])
        # W = (W·A⁻¹)·A for an A that is no permutation and has an inverse
        self.A = np.eye(self.truth.I) * 1.5 + np.tri(self.truth.I) * 0.5
        outer = stacked @ np.linalg.inv(self.A)
        self.W = dict(zip("zrn", np.split(outer, 3), strict=True))

    def x(self, e: Emit, group: str, x: str, at: Step) -> str:
        del group, at
        return affine(e, self.draw, "inner", self.space, x, self.A, None)


class TwoMatrices(Cell):
    """The state is projected by two matrices whose results are added."""

    def _project(self, e: Emit, side: str, group: str, v: str, space: Space) -> str:
        value = super()._project(e, side, group, v, space)
        if side == "x":
            return value
        rng = self.draw.rng(f"second {group}")
        more = np.round(rng.uniform(-0.4, 0.4, (self.truth.H * len(group), self.truth.H)), 3)
        first = affine(e, self.draw, f"plus {group}", space, v, more, None)
        second = affine(e, self.draw, f"minus {group}", space, v, more, None)
        return e.op("Sub", e.op("Add", value, first), second)


class BiasInTwo(Cell):
    """A bias is added in two parts."""

    together_allowed = False

    def _place_weights(self) -> None:
        super()._place_weights()
        self.part = np.round(self.draw.rng("part").uniform(-1, 1, self.truth.H), 3)
        for g in "zr":
            before = self.bx[g]
            self.bx[g] = -self.part if before is None else before - self.part

    def preactivation(self, e: Emit, g: str, v: str, at: Step) -> str:
        if g == "n":
            return super().preactivation(e, g, v, at)
        return add_bias(e, self.draw, f"rest {g}", self.space, v, self.part)


class DroppedState(Cell):
    """A constant mask stands on the state before its matrix, as recurrent dropout leaves it: R with scaled columns."""

    packs = ("packed", "separate", "pair")

    def _place_weights(self) -> None:
        super()._place_weights()
        self.mask = np.where(np.arange(self.truth.H) % 2, 1.25, 0.5)
        self.R = {g: R / self.mask for g, R in self.R.items()}

    def _project(self, e: Emit, side: str, group: str, v: str, space: Space) -> str:
        if side == "h":
            v = e.op("Mul", v, self.vector(e, self.mask))
        return super()._project(e, side, group, v, space)


class ResetInCandidate(Cell):
    """r stands in the candidate by itself: a part of Rbh."""

    together_allowed = False

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:
        del draw
        Rb = truth.Rb.copy()
        Rb[truth.gate("n")] += 1
        return replace(truth, lbr=1, Rb=Rb)

    def _place_weights(self) -> None:
        super()._place_weights()
        given = self.bh["n"]
        assert given is not None
        self.bh["n"] = given - 1

    def preactivation(self, e: Emit, g: str, v: str, at: Step) -> str:
        return e.op("Add", v, self.r) if g == "n" else super().preactivation(e, g, v, at)

    def gates(self, e: Emit, z: str, r: str, at: Step) -> tuple[str, str]:
        del e, at
        self.r = r
        return z, r


class Complemented(Cell):
    """The update takes 1 - z for z, and z's hard sigmoid is not symmetric: one with other weights."""

    float32_only = True
    together_allowed = False

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:
        del draw
        return replace(truth, f="HardSigmoid", g="Tanh", clip=None)

    def _place_weights(self) -> None:
        super()._place_weights()
        for matrix in (self.W, self.R):
            matrix["z"] = -matrix["z"]
        for bias in (self.bx, self.bh, self.bs):
            value = bias["z"]
            bias["z"] = None if value is None else -value
        given = self.bx["z"]
        self.bx["z"] = np.ones(self.truth.H) if given is None else given + 1

    def update(self, e: Emit, z: str, n: str, h: str | None, at: Step) -> str:
        del at
        update = updates.Update(e, self.draw, z, n, h, complement=True)
        return update.write(self.draw("update", updates.ways(self.opset)))


DISGUISES: dict[str, type[Cell]] = {
    cell.__name__: cell
    for cell in (
        *(Temperature, ScaledInput, ShiftedInput, ScaledCandidate, OddCandidate),
        *(Factored, TwoMatrices, BiasInTwo, DroppedState, ResetInCandidate, Complemented),
    )
}
