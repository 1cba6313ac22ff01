"""One step of a cell: how its weights are packed, its biases placed, its gates cut and its update written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from spelling import activations, updates
from spelling.affine import Space, add_bias, affine, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spelling.draw import Draw
    from spelling.emit import Emit
    from spelling.truth import Floats, Truth

ORDERS = ("zrn", "rzn", "nzr", "nrz", "znr", "rnz")


@dataclass
class Step:
    """What a step can see besides its x and its state.

    Attributes:
        number: How many steps ran before this one; known where steps are unrolled.
        clock: Writes and returns that number as an int64 scalar of the graph.
        more: States of other kinds, by name; a cell may replace them.

    """

    number: int | None
    clock: Callable[[], str]
    more: dict[str, str] = field(default_factory=dict)


class Cell:
    """A GRU cell in one spelling; near misses override what they do otherwise.

    Args:
        draw: The cell's choices.
        truth: What it computes.
        space: How its values lie.
        opset: Decides which operators there are.
        hoist: Whether x is projected before the loop.

    """

    together_allowed = True
    more_states: tuple[str, ...] = ()  # "x" is as wide as the input, others as the state
    packs: tuple[str, ...] = ()  # those that serve; all if empty
    asks: frozenset[str] = frozenset()  # what layer and container do otherwise
    outputs: tuple[str, ...] = ()  # those that show it; all if empty
    gate = ""  # one that is given out, where that is asked
    h0: bool | None = None  # whether there has to be an initial state

    containers: tuple[str, ...] = ("unrolled", "scan", "loop")
    least_opset = 7
    float32_only = False
    forward_only = False

    @classmethod
    def can_hoist(cls) -> bool:
        """Whether x may be projected before the loop: it is read as it stands."""
        return cls.x is Cell.x

    @classmethod
    def meant(cls, truth: Truth, draw: Draw) -> Truth:  # noqa: ARG003 - near misses draw from it
        """Return what the cell is, or resembles."""
        return truth

    def __init__(self, draw: Draw, truth: Truth, space: Space, opset: int, *, hoist: bool = False) -> None:
        self.draw, self.truth, self.space, self.hoist, self.opset = draw, truth, space, hoist, opset
        packs = {"packed": 5.0, "separate": 3, "pair": 1.5}
        if not hoist:
            packs |= {"joined": 2, "joined separate": 0.7}
            if truth.lbr and draw.choices.get("weights") != "input":  # zeros that are an input may be anything
                packs["block"] = 0.25
        self.pack: str = draw("pack", {k: v for k, v in packs.items() if not self.packs or k in self.packs})
        self.order_x: str = draw("order x", ORDERS)
        self.order_h: str = self.order_x if draw.flag("same order", 0.85) else draw("order h", ORDERS)
        symmetric = truth.f in {"Sigmoid", "HardSigmoid6", "HardSigmoid5"} and truth.clip is None
        self.complement: str = draw("complement z", {"no": 7, "weights": 1.2, "neg": 0.8}) if symmetric else "no"
        self.complement_r: bool = symmetric and draw.flag("complement r", 0.04)
        self.together = self.together_allowed and self._can_be_together() and draw.flag("gates together", 0.5)
        self.after_split = draw.flag("bias after split", 0.3)
        self._place_weights()

    def _can_be_together(self) -> bool:
        if self.complement == "neg" or self.complement_r or self.pack in {"separate", "joined separate", "block"}:
            return False
        return self.order_x == self.order_h and abs(self.order_x.index("z") - self.order_x.index("r")) == 1

    def _place_weights(self) -> None:
        """Settle each gate's matrices and vectors: on x, on h, and after both."""
        truth, draw = self.truth, self.draw
        self._late: Callable[[str], str]
        self.W: dict[str, Floats] = {g: truth.W[truth.gate(g)] for g in "zrn"}
        self.R: dict[str, Floats] = {g: truth.R[truth.gate(g)] for g in "zrn"}
        on_x: dict[str, Floats] = {g: truth.Wb[truth.gate(g)] for g in "zrn"}
        on_h: dict[str, Floats] = {g: truth.Rb[truth.gate(g)] for g in "zrn"}
        after = {g: np.zeros(truth.H) for g in "zrn"}
        place = draw("bias on", {"both": 4, "x": 2, "h": 1, "sum": 1.5})
        joined = self.pack in {"joined", "joined separate"}
        for g in "zrn":
            inner = g == "n" and truth.lbr == 1
            total = on_x[g] if inner else on_x[g] + on_h[g]
            zero = np.zeros(truth.H)
            where = "x" if joined and not inner else place
            if where != "both":
                moved = "x" if inner and where == "h" else where
                on_x[g] = total if moved == "x" else zero
                on_h[g] = on_h[g] if inner else total if moved == "h" else zero
                after[g] = total if moved == "sum" else zero
        if self.complement == "weights":
            for part in (self.W, self.R, on_x, on_h, after):
                part["z"] = -part["z"]
        if self.complement_r:
            for part in (self.W, self.R, on_x, on_h, after):
                part["r"] = -part["r"]
        keep = draw.flag("zero bias kept", 0.15)
        self.bx, self.bh, self.bs = (
            {g: b if b.any() or keep else None for g, b in p.items()} for p in (on_x, on_h, after)
        )

    # How the gates are grouped.

    @property
    def groups_x(self) -> list[str]:
        """The gates that share a matrix on x."""
        if self.pack == "packed":
            return [self.order_x]
        return [self._pair(self.order_x), "n"] if self.pack == "pair" else ["z", "r", "n"]

    @property
    def groups_h(self) -> list[str]:
        """The gates that share a matrix on h; without linear_before_reset, n has its own."""
        if self.pack == "packed" and self.truth.lbr:
            return [self.order_h]
        return [self._pair(self.order_h), "n"] if self.pack in {"packed", "pair"} else ["z", "r", "n"]

    def _pair(self, order: str) -> str:
        return order.replace("n", "")

    def _chunks(self, group: str) -> list[str]:
        """Return the parts a group is cut into: single gates, or z and r as one."""
        if self.together and "n" not in group:
            return [group] if len(group) == 2 else list(group)
        if self.together and len(group) == 3:
            pair = self._pair(group)
            return ["n", pair] if group[0] == "n" else [pair, "n"]
        return list(group)

    def _bias(self, group: str, parts: dict[str, Floats | None]) -> Floats | None:
        if all(parts[g] is None for g in group):
            return None
        given = [parts[g] for g in group]
        return np.concatenate([np.zeros(self.truth.H) if b is None else b for b in given])

    def _project(self, e: Emit, side: str, group: str, v: str, space: Space) -> str:
        matrices, biases = (self.W, self.bx) if side == "x" else (self.R, self.bh)
        late = self.after_split and len(group) > 1
        bias = None if late else self._bias(group, biases)
        return affine(e, self.draw, f"{side} {group}", space, v, np.concatenate([matrices[g] for g in group]), bias)

    def _cut(self, e: Emit, side: str, group: str, v: str) -> dict[str, str]:
        chunks, H = self._chunks(group), self.truth.H
        parts = cut(e, self.draw, f"{side} {group}", self.space, v, [H * len(chunk) for chunk in chunks])
        found = dict(zip(chunks, parts, strict=True))
        if self.after_split and len(group) > 1:
            for chunk in chunks:
                bias = self._bias(chunk, self.bx if side == "x" else self.bh)
                if bias is not None:
                    found[chunk] = add_bias(e, self.draw, f"{side} {chunk}", self.space, found[chunk], bias)
        return found

    def hoisted(self, e: Emit, x: str, space: Space) -> list[str]:
        """Project a whole sequence; its steps are what ``step`` then takes as ``xs``."""
        return [self._project(e, "x", group, x, space) for group in self.groups_x]

    # One step.

    def step(self, e: Emit, xs: Sequence[str], h: str | None, at: Step) -> str:
        """Write one step and return the new state; ``h`` is None where it is known to be zero."""
        self.h = h
        if self.pack == "block" and h is not None:
            pre = self._block(e, xs[0], h, at)
        elif self.pack.startswith("joined") and h is not None:
            pre = self._joined(e, xs[0], h, at)
        else:
            pre = self._apart(e, xs, h, at)
        z, r = self._gates(e, pre, at)
        n = self._candidate(e, r, h, at)
        ht = activations.activate(e, self.g, self.way("g", self.g), self._clipped(e, self.preactivation(e, "n", n, at)))
        ht = self.candidate(e, ht, z, r, at)
        state = None if h is None else self.state(e, "update", h, at)
        new = self.update(e, z, ht, state, at)
        return self.after(e, e.pass_on(new, "state", self.space.rank), h, at)

    def vector(self, e: Emit, values: Floats) -> str:
        """Return a constant over the features."""
        return e.weight(values[:, None] if self.space.columns else values, "b")

    @property
    def g(self) -> str:
        """The candidate's activation."""
        return self.truth.g

    def way(self, knob: str, name: str) -> str:
        """Return how an activation is written."""
        found: str = self.draw(f"{knob} as", activations.ways(name, self.opset))
        return found

    def _apart(self, e: Emit, xs: Sequence[str], h: str | None, at: Step) -> dict[str, str]:
        """Project x and h each by itself."""
        self._px: dict[str, str] = {}
        joined = self.pack.startswith("joined") or self.pack == "block"
        for number, group in enumerate(["z", "r", "n"] if joined else self.groups_x):
            x = xs[number] if self.hoist else self.x(e, group, xs[0], at)
            value = x if self.hoist else self._project(e, "x", group, x, self.space)
            self._px |= self._cut(e, "x", group, value)
        self._ph: dict[str, str] = {}
        for group in [] if h is None else self.groups_h:
            if group == "n" and not self.truth.lbr:
                continue
            state = self.state(e, "candidate" if group == "n" else "gates", h or "", at)
            self._ph |= self._cut(e, "h", group, self._project(e, "h", group, state, self.space))
        pre: dict[str, str] = {}
        for chunk in [c for c in self._px if c != "n"]:
            pre[chunk] = self._sum(e, chunk, self._px[chunk], self._ph.get(chunk))
        return pre

    def _sum(self, e: Emit, chunk: str, px: str, ph: str | None) -> str:
        """Add both sides and the bias that stands after them; with a zero state only the bias of h is left."""
        if ph is None:
            bias = self._bias(chunk, self.bh)
            value = px if bias is None else add_bias(e, self.draw, f"h {chunk}", self.space, px, bias)
        else:
            value = e.add(f"x+h {chunk}", px, ph)
        bias = self._bias(chunk, self.bs)
        return value if bias is None else add_bias(e, self.draw, f"sum {chunk}", self.space, value, bias)

    def _joined(self, e: Emit, x: str, h: str, at: Step) -> dict[str, str]:
        """Project Concat[x, h] at once."""
        x_first = self.draw.flag("x first", 0.7)
        H = self.truth.H

        def join(state: str, group: str) -> str:
            parts = [self.x(e, group, x, at), state] if x_first else [state, self.x(e, group, x, at)]
            return e.op("Concat", *parts, axis=self.space.axis)

        def project(group: str, v: str) -> str:
            both = [np.concatenate([m[g] for g in group]) for m in ((self.W, self.R) if x_first else (self.R, self.W))]
            return affine(e, self.draw, f"xh {group}", self.space, v, np.hstack(both), self._bias(group, self.bx))

        gates = self.state(e, "gates", h, at)
        pair = self._pair(self.order_x)
        groups = [pair] if self.pack == "joined" else list(pair)
        pre: dict[str, str] = {}
        for group in groups:
            chunks = [group] if self.together else list(group)
            value = project(group, join(gates, group))
            parts = cut(e, self.draw, f"xh {group}", self.space, value, [H * len(chunk) for chunk in chunks])
            pre |= dict(zip(chunks, parts, strict=True))
        self._px = {"n": self._project(e, "x", "n", self.x(e, "n", x, at), self.space)} if self.truth.lbr else {}
        state = self.state(e, "candidate", h, at)
        self._ph = {"n": self._project(e, "h", "n", state, self.space)} if self.truth.lbr else {}
        self._late = lambda rh: project("n", join(rh, "n"))
        return pre

    def _block(self, e: Emit, x: str, h: str, at: Step) -> dict[str, str]:
        """Project Concat[x, h] by one matrix: z, r, and n's two halves with zeros beside them."""
        W, R, H = self.W, self.R, self.truth.H
        nothing_h, nothing_x = np.zeros((H, H)), np.zeros((H, self.truth.I))
        M = np.block([[W["z"], R["z"]], [W["r"], R["r"]], [W["n"], nothing_h], [nothing_x, R["n"]]])
        biases = [self._bias(g, self.bx) for g in "zrn"] + [self._bias("n", self.bh)]
        for number, g in enumerate("zr"):
            ours = [b for b in (biases[number], self._bias(g, self.bh), self._bias(g, self.bs)) if b is not None]
            biases[number] = np.sum(ours, axis=0) if ours else None
        bias = np.concatenate([np.zeros(H) if b is None else b for b in biases])
        state = self.state(e, "gates", h, at)
        joined = e.op("Concat", self.x(e, "z", x, at), state, axis=self.space.axis)
        value = affine(e, self.draw, "block", self.space, joined, M, bias)
        z, r, px, ph = cut(e, self.draw, "block", self.space, value, [H] * 4)
        self._px, self._ph = {"n": px}, {"n": ph}
        return {"z": z, "r": r}

    def _gates(self, e: Emit, pre: dict[str, str], at: Step) -> tuple[str, str]:
        """Return the gates z (or its complement) and r."""
        if len(pre) == 1:
            (chunk, value), *_ = pre.items()
            both = activations.activate(e, self.truth.f, self.way("f", self.truth.f), self._clipped(e, value))
            parts = cut(e, self.draw, f"gates {chunk}", self.space, both, [self.truth.H] * 2)
            return parts[chunk.index("z")], parts[chunk.index("r")]
        found = {}
        for g in "zr":
            value = self.preactivation(e, g, pre[g], at)
            if g == "z" and self.complement == "neg":
                value = e.op("Neg", value)
            f = self.activation(g)
            found[g] = activations.activate(
                e, f, self.way("f" if f == self.truth.f else f"f {g}", f), self._clipped(e, value)
            )
        if self.complement_r:
            found["r"] = e.op("Sub", e.scalar(1), found["r"])
        found["z"] = e.pass_on(found["z"], "z", self.space.rank)
        return self.gates(e, found["z"], found["r"], at)

    def _candidate(self, e: Emit, r: str, h: str | None, at: Step) -> str:
        """Return the candidate's pre-activation."""
        if h is None:
            inner = self._bias("n", self.bh)
            px = self._px["n"]
            if inner is None:
                return self._sum(e, "n", px, None)
            value = self.vector(e, inner)
            return self._sum(e, "n", px, self.reset(e, r, value, at) if self.truth.lbr else value)
        if self.truth.lbr:
            return self._sum(e, "n", self._px["n"], self.reset(e, r, self._ph["n"], at))
        rh = self.reset(e, r, self.state(e, "reset", h, at), at)
        if self.pack.startswith("joined"):
            return self._late(rh)
        return self._sum(e, "n", self._px["n"], self._project(e, "h", "n", rh, self.space))

    def _clipped(self, e: Emit, v: str) -> str:
        bound = self.truth.clip
        return v if bound is None else e.clip(v, -bound, bound)

    # What near misses do otherwise.

    def x(self, e: Emit, group: str, x: str, at: Step) -> str:  # noqa: ARG002 - near misses read more of it
        """Return the x a group of gates reads."""
        return x

    def state(self, e: Emit, use: str, h: str, at: Step) -> str:  # noqa: ARG002
        """Return the state read for "gates", "candidate", "reset" or "update"."""
        return h

    def activation(self, g: str) -> str:  # noqa: ARG002
        """Return the activation of a gate."""
        return self.truth.f

    def preactivation(self, e: Emit, g: str, v: str, at: Step) -> str:  # noqa: ARG002
        """Return the pre-activation of z, r or n."""
        return v

    def gates(self, e: Emit, z: str, r: str, at: Step) -> tuple[str, str]:  # noqa: ARG002
        """Return z (or its complement) and r."""
        return z, r

    def reset(self, e: Emit, r: str, v: str, at: Step) -> str:  # noqa: ARG002
        """Apply the reset gate."""
        return e.op("Mul", r, v) if self.draw.flag("r first", 0.5) else e.op("Mul", v, r)

    def candidate(self, e: Emit, n: str, z: str, r: str, at: Step) -> str:  # noqa: ARG002
        """Return the candidate."""
        return e.pass_on(n, "n", self.space.rank)

    def update(self, e: Emit, z: str, n: str, h: str | None, at: Step) -> str:  # noqa: ARG002
        """Return the new state."""
        update = updates.Update(e, self.draw, z, n, h, complement=self.complement != "no")
        return update.write(self.draw("update", updates.ways(self.opset)))

    def after(self, e: Emit, new: str, h: str | None, at: Step) -> str:  # noqa: ARG002
        """Return the state that is kept."""
        return new
