"""Cells that look like GRUs and are none: what they compute is no GRU of any weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from spelling import updates
from spelling.cell import Cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spelling.affine import Space
    from spelling.cell import Step
    from spelling.draw import Draw
    from spelling.emit import Emit
    from spelling.truth import Truth


class Mutant(Cell):
    """What all near misses share: gates one by one, and no folded first step unless asked for."""

    together_allowed = False
    asks: frozenset[str] = frozenset({"state"})
    outputs: tuple[str, ...] = ("Y", "last", "both", "last of Y")
    packs: tuple[str, ...] = ("packed", "separate", "pair", "joined", "joined separate")

    def uses(self) -> tuple[str, ...]:
        """Return where the step reads the state, besides the update; one matrix for all three is read for "gates"."""
        if not self.truth.lbr:
            return ("gates", "reset")
        return ("gates",) if self.pack == "packed" else ("gates", "candidate")


class GateUpdate(Mutant):
    """The two factors of the update do not add up to 1, or are not one gate's."""

    def update(self, e: Emit, z: str, n: str, h: str | None, at: Step) -> str:
        assert h is not None
        del at
        kind = self.draw("mutation", ("2 - z", "1 + z", "r for z", "r for 1-z", "no 1-z", "z(h+n)"))
        if self.complement != "no":
            z = e.op("Sub", e.scalar(1), z)
        if kind == "2 - z":
            way = self.draw("update", ("zh + (1-z)n", "(1-z)n + zh", "h + (1-z)(n-h)"))
            return updates.Update(e, self.draw, z, n, h, rest=lambda gate: e.op("Sub", e.scalar(2), gate)).write(way)
        rest = e.op("Sub", e.scalar(1), z)
        kept, new = e.op("Mul", z, h), e.op("Mul", rest, n)
        if kind == "1 + z":
            new = e.op("Mul", e.op("Add", e.scalar(1), z), n)
        elif kind == "r for z":
            kept = e.op("Mul", self.r, h)
        elif kind == "r for 1-z":
            new = e.op("Mul", e.op("Sub", e.scalar(1), self.r), n)
        elif kind == "no 1-z":
            new = n
        else:
            return e.op("Add", n, e.op("Mul", z, e.op("Add", h, n)))
        return e.op("Add", kept, new)

    def gates(self, e: Emit, z: str, r: str, at: Step) -> tuple[str, str]:
        del e, at
        self.r = r
        return z, r


class OtherState(Mutant):
    """One place reads the state before the last."""

    more_states = ("older",)

    def state(self, e: Emit, use: str, h: str, at: Step) -> str:
        del e
        return at.more["older"] if use == self.draw("mutation", ("update", *self.uses())) else h

    def after(self, e: Emit, new: str, h: str | None, at: Step) -> str:
        del e
        at.more["older"] = h or ""
        return new


class OtherX(Mutant):
    """One gate reads the x before the last."""

    more_states = ("x",)
    packs = ("separate", "joined separate")

    def x(self, e: Emit, group: str, x: str, at: Step) -> str:
        del e
        self.latest = x
        return at.more["x"] if group == self.draw("mutation", "zrn") else x

    def after(self, e: Emit, new: str, h: str | None, at: Step) -> str:
        del e, h
        at.more["x"] = self.latest
        return new


class OneStep(Mutant):
    """One step has other weights."""

    containers = ("unrolled",)
    packs = ("packed", "separate", "pair", "joined")

    @classmethod
    def can_hoist(cls) -> bool:
        return False

    def step(self, e: Emit, xs: Sequence[str], h: str | None, at: Step) -> str:
        if at.number != 1:
            return super().step(e, xs, h, at)
        which = self.draw("mutation", ("W", "R", "bx") if self.pack == "joined" else ("W", "R", "bx", "bh"))
        part = getattr(self, which)
        gate = self.draw("of gate", "zrn")
        before = dict(part)
        change = 0.5 if which in {"bx", "bh"} else np.eye(self.truth.H)[:, :1]
        part[gate] = change + (np.zeros(self.truth.H) if part[gate] is None else part[gate])
        new = super().step(e, xs, h, at)
        part.update(before)
        return new


class TimeDependent(Mutant):
    """A term grows with the number of the step."""

    def preactivation(self, e: Emit, g: str, v: str, at: Step) -> str:
        if g != self.draw("mutation", "zrn"):
            return v
        t = e.op("Cast", at.clock(), to=helper.np_dtype_to_tensor_dtype(e.target.dtype))
        return e.op("Add", v, e.op("Mul", t, e.scalar(0.25)))


class ExtraTerm(Mutant):
    """Something is added that a GRU has not."""

    def preactivation(self, e: Emit, g: str, v: str, at: Step) -> str:
        del at
        kinds = ("h in n", "h in state", "constant in state", "n in state")
        # With linear_before_reset, r on its own is r ∘ Rbh.
        kind = self.draw("mutation", kinds if self.truth.lbr else (*kinds, "r in n"))
        assert self.h is not None
        if g == "n" and kind == "h in n":
            return e.op("Add", v, e.op("Mul", self.h, e.scalar(0.5)))
        if g == "n" and kind == "r in n":
            return e.op("Add", v, self.r)
        return v

    def gates(self, e: Emit, z: str, r: str, at: Step) -> tuple[str, str]:
        del e, at
        self.r = r
        return z, r

    def candidate(self, e: Emit, n: str, z: str, r: str, at: Step) -> str:
        self.n = n
        return super().candidate(e, n, z, r, at)

    def after(self, e: Emit, new: str, h: str | None, at: Step) -> str:
        del at
        kind = self.draw.choices[f"{self.draw.prefix}mutation"]
        if kind == "h in state":
            return e.op("Add", new, e.op("Mul", h or "", e.scalar(0.25)))
        if kind == "constant in state":
            return e.op("Add", new, e.scalar(0.125))
        return e.op("Add", new, e.op("Mul", self.n, e.scalar(0.25))) if kind == "n in state" else new


class OtherGates(Mutant):
    """A gate is squared, multiplied, scaled, bounded or averaged."""

    def gates(self, e: Emit, z: str, r: str, at: Step) -> tuple[str, str]:
        del at
        kinds = (
            "z squared",
            "r squared",
            "z * r for z",
            "z * r for r",
            "0.9 z",
            "z in 0.2..0.8",
            "mean of z",
            "mean over batch",
        )
        kind = self.draw("mutation", kinds)
        batch = 1 if self.space.columns or self.space.lead == "first" else 0
        changed = {
            "z squared": lambda: (e.op("Mul", z, z), r),
            "r squared": lambda: (z, e.op("Mul", r, r)),
            "z * r for z": lambda: (e.op("Mul", z, r), r),
            "z * r for r": lambda: (z, e.op("Mul", z, r)),
            "0.9 z": lambda: (e.op("Mul", z, e.scalar(0.9)), r),
            "z in 0.2..0.8": lambda: (e.clip(z, 0.4, 0.6), r),
            "mean of z": lambda: (e.reduce("ReduceMean", z, self.space.axis), r),
            "mean over batch": lambda: (e.reduce("ReduceMean", z, batch), r),
        }
        return changed[kind]()


class OtherActivations(Mutant):
    """A function that ONNX's GRU has not, or two where it has one."""

    least_opset = 9
    float32_only = True

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:
        del draw
        return replace(truth, f="Sigmoid", g="Tanh")

    @property
    def kind(self) -> str:
        """Which function is another."""
        kinds = ("n Gelu", "n Silu", "n Sin", "n HardSwish", "z HardSigmoid5", "r HardSigmoid6", "r Tanh", "z Silu")
        kind: str = self.draw("mutation", kinds)
        return kind

    @property
    def g(self) -> str:
        return self.kind[2:] if self.kind[0] == "n" else self.truth.g

    def activation(self, g: str) -> str:
        return self.kind[2:] if self.kind[0] == g else self.truth.f


class OtherReset(Mutant):
    """The reset gate stands elsewhere."""

    packs = ("packed", "separate", "pair")
    h0 = True

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:
        del draw
        return replace(truth, lbr=1)

    def _candidate(self, e: Emit, r: str, h: str | None, at: Step) -> str:
        assert h is not None
        kind = self.draw("mutation", ("on x", "on all", "before and after", "complement after", "on none"))
        px, ph = self._px["n"], self._ph["n"]
        if kind == "on x":
            return self._sum(e, "n", self.reset(e, r, px, at), ph)
        if kind == "on all":
            return self.reset(e, r, self._sum(e, "n", px, ph), at)
        if kind == "on none":  # the gate stands on the new state instead
            self.late = r
            return self._sum(e, "n", px, ph)
        if kind == "complement after":
            rest = e.op("Sub", e.scalar(1), r)
            both = e.op("Add", self.reset(e, r, ph, at), self.reset(e, rest, h, at))
            return self._sum(e, "n", px, both)
        inner = self._project(e, "h", "n", self.reset(e, r, h, at), self.space)
        return self._sum(e, "n", px, e.op("Add", inner, self.reset(e, r, ph, at)))

    def candidate(self, e: Emit, n: str, z: str, r: str, at: Step) -> str:
        del z, at
        return e.op("Mul", n, r) if self.draw.choices[f"{self.draw.prefix}mutation"] == "on none" else n


class OtherStateAfter(Mutant):
    """The new state is changed before it is kept."""

    def after(self, e: Emit, new: str, h: str | None, at: Step) -> str:
        del at
        kinds = ("0.9 h", "tanh", "clip .95", "clip .3", "residual", "standardised", "sign kept", "rounded")
        kind = self.draw("mutation", kinds)
        if kind == "0.9 h":
            return e.op("Mul", new, e.scalar(0.9))
        if kind == "tanh":
            return e.op("Tanh", new)
        if kind.startswith("clip"):
            bound = float(kind[5:])
            return e.clip(new, -bound, bound)
        if kind == "residual":
            return e.op("Mul", e.op("Add", new, h or ""), e.scalar(0.75))
        if kind == "standardised":
            return standardised(e, new, self.space)
        if kind == "rounded":
            return e.op("Mul", e.op("Floor", e.op("Mul", new, e.scalar(64))), e.scalar(1 / 64))
        return e.op("Abs", new)


def standardised(e: Emit, v: str, space: Space) -> str:
    """Write LayerNorm over the features, as an operator or in its parts."""
    centred = e.op("Sub", v, e.reduce("ReduceMean", v, space.axis))
    variance = e.reduce("ReduceMean", e.op("Mul", centred, centred), space.axis)
    return e.op("Div", centred, e.op("Sqrt", e.op("Add", variance, e.scalar(0.01))))


class LayerNorm(Mutant):
    """A pre-activation is normalised."""

    def preactivation(self, e: Emit, g: str, v: str, at: Step) -> str:
        del at
        if g != self.draw("mutation", "zrn"):
            return v
        if e.opset >= 17 and not self.space.columns and self.draw.flag("operator", 0.6):
            scale = self.vector(e, np.ones(self.truth.H))
            return e.op("LayerNormalization", v, scale, axis=-1, epsilon=0.01)
        return standardised(e, v, self.space)


class NonlinearState(Mutant):
    """Gates or candidate read a function of the state."""

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:
        del draw
        return replace(truth, g="Tanh")  # of a state that is never negative abs and relu would change nothing

    def state(self, e: Emit, use: str, h: str, at: Step) -> str:
        del at
        kind = self.draw("mutation", ("h*h", "abs", "tanh", "relu"))
        if use != self.draw("mutation reads", self.uses()):
            return h
        if kind == "h*h":
            return e.op("Mul", h, h)
        return e.op({"abs": "Abs", "tanh": "Tanh", "relu": "Relu"}[kind], h)


class MixedSequences(Mutant):
    """Sequences of the batch are mixed, as a convolution over places does."""

    float32_only = True
    least_opset = 11
    packs = ("packed", "separate", "pair")

    def state(self, e: Emit, use: str, h: str, at: Step) -> str:
        del at
        if use not in {"gates", "candidate", "reset"}:
            return h
        rows = self.space.leave(e, h)
        places = e.unsqueeze(e.op("Transpose", rows, perm=[1, 0]), 0)  # [1, H, B]
        H = self.truth.H
        rng = self.draw.rng("kernel")
        kernel = rng.uniform(-0.5, 0.5, (H, H, 3)) + np.eye(H)[:, :, None] * np.array([0.0, 1.0, 0.0])
        mixed = e.op("Conv", places, e.weight(kernel, "w"), pads=[1, 1])
        return self.space.enter(e, e.op("Transpose", e.squeeze(mixed, 0), perm=[1, 0]))


class Feedback(Mutant):
    """x depends on what the state would print: argmax and an embedding."""

    least_opset = 11
    packs = ("packed", "separate", "pair", "joined")

    def x(self, e: Emit, group: str, x: str, at: Step) -> str:
        del group, at
        assert self.h is not None
        H, I = self.truth.H, self.truth.I
        logits = self.space.leave(e, self.h)
        word = e.op("ArgMax", logits, axis=1, keepdims=0)
        table = np.round(self.draw.rng("embedding").normal(size=(H, I)) * 2, 3)
        embedded = self.space.enter(e, e.op("Gather", e.weight(table, "w"), word, axis=0))
        return embedded if self.draw.flag("x dropped", 0.3) else e.op("Add", x, embedded)


class AttentionGate(Mutant):
    """The gate is multiplied by a value per step that comes from x (AUGRU)."""

    def x(self, e: Emit, group: str, x: str, at: Step) -> str:
        del e, group, at
        self.latest = x
        return x

    def gates(self, e: Emit, z: str, r: str, at: Step) -> tuple[str, str]:
        del at
        attention = e.op("Sigmoid", e.reduce("ReduceSum", self.latest, self.space.axis))
        if self.draw("mutation", ("z", "r")) == "r":
            return z, e.op("Mul", r, attention)
        return e.op("Mul", z, attention), r


class EveryOther(Mutant):
    """Only every other step changes the state; where steps are unrolled, that is a GRU over the others."""

    containers = ("scan", "loop")
    least_opset = 10

    def after(self, e: Emit, new: str, h: str | None, at: Step) -> str:
        odd = e.op("Mod", at.clock(), e.ints(2, scalar=True))
        skip = e.op("Equal", odd, e.ints(int(self.draw("mutation", (0, 1))), scalar=True))
        return e.op("Where", skip, h or "", new)


class DataSkips(Mutant):
    """A step whose x is small leaves the state alone: a mask read from the data."""

    least_opset = 9

    def x(self, e: Emit, group: str, x: str, at: Step) -> str:
        del e, group, at
        self.latest = x
        return x

    def after(self, e: Emit, new: str, h: str | None, at: Step) -> str:
        del at
        total = e.reduce("ReduceSum", self.latest, self.space.axis)
        return e.op("Where", e.op("Less", total, e.scalar(0)), h or "", new)


class Lstm(Mutant):
    """An LSTM whose input and forget gates are one's complement."""

    more_states = ("cell",)

    def update(self, e: Emit, z: str, n: str, h: str | None, at: Step) -> str:
        assert h is not None
        memory = updates.Update(e, self.draw, z, n, at.more["cell"], complement=self.complement != "no")
        at.more["cell"] = memory.write("zh + (1-z)n")
        return e.op("Mul", self.r, e.op("Tanh", at.more["cell"]))

    def gates(self, e: Emit, z: str, r: str, at: Step) -> tuple[str, str]:
        del e, at
        self.r = r
        return z, r


class NoComplement(Mutant):
    """The update takes 1 - z for z, and z's function has no complement."""

    float32_only = True

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:
        return replace(truth, f=draw("mutation", ("Softsign", "Relu")), g="Tanh", clip=None)

    def update(self, e: Emit, z: str, n: str, h: str | None, at: Step) -> str:
        del at
        update = updates.Update(e, self.draw, z, n, h, complement=True)
        return update.write(self.draw("update", updates.ways(self.opset)))


class ClippedGate(Mutant):
    """Only one of the pre-activations is bounded."""

    def preactivation(self, e: Emit, g: str, v: str, at: Step) -> str:
        del at
        return e.clip(v, -0.3, 0.3) if g == self.draw("mutation", "zrn") else v


class FirstStep(Mutant):
    """The first step does otherwise with the initial state than the others would."""

    containers = ("unrolled",)
    h0 = True

    def state(self, e: Emit, use: str, h: str, at: Step) -> str:
        if at.number:
            return h
        wrong = self.draw("mutation", ("no R·h", "no z·h"))
        return h if (use == "update") == (wrong == "no R·h") else e.op("Mul", h, e.scalar(0))


class FirstBias(Mutant):
    """The first step leaves out r∘b, as MLX does for a state not given."""

    asks = frozenset({"fold"})
    containers = ("unrolled",)
    packs = ("packed", "separate", "pair")
    h0 = False

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:
        Rb = truth.Rb.copy()
        Rb[truth.gate("n")] = np.round(draw.rng("bias").uniform(0.5, 1.5, truth.H), 3)
        return replace(truth, lbr=1, Rb=Rb)

    def _candidate(self, e: Emit, r: str, h: str | None, at: Step) -> str:
        if h is not None:
            return super()._candidate(e, r, h, at)
        before = self.bh["n"]
        self.bh["n"] = None
        value = self._sum(e, "n", self._px["n"], None)
        self.bh["n"] = before
        return value


class KerasMask(Mutant):
    """Past its length a sequence repeats its last output, where ONNX's GRU gives zeros."""

    asks = frozenset({"state", "lengths", "frozen Y"})
    outputs = ("Y", "both")
    h0 = False
    least_opset = 9
    forward_only = True


class EarlyExit(Mutant):
    """The loop ends when a state is large."""

    asks = frozenset({"state", "early exit"})
    containers = ("loop",)
    outputs = ("last",)


class ClampedIndex(Mutant):
    """The last step reads the x of the step before it again."""

    asks = frozenset({"state", "clamped index"})
    containers = ("loop",)
    least_opset = 9


MUTANTS: dict[str, type[Cell]] = {
    cell.__name__: cell
    for cell in (
        *(GateUpdate, OtherState, OtherX, OneStep, TimeDependent, ExtraTerm, OtherGates, OtherActivations, OtherReset),
        *(OtherStateAfter, LayerNorm, NonlinearState, MixedSequences, Feedback, AttentionGate, EveryOther, DataSkips),
        *(Lstm, NoComplement, ClippedGate, FirstStep, FirstBias, KerasMask, EarlyExit, ClampedIndex),
    )
}
