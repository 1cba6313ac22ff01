"""Ht = (1 - zt) ∘ ht + zt ∘ Ht-1, in the ways people write it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from spelling.draw import Draw
    from spelling.emit import Emit

WAYS = {
    "zh + (1-z)n": 5.0,
    "(1-z)n + zh": 3,
    "n + z(h-n)": 4,
    "h - (1-z)(h-n)": 1,
    "h + (1-z)(n-h)": 2,
    "n - z(n-h)": 1,
    "zh + n - zn": 1,
    "sum": 0.7,
    "(-z+1)n + zh": 1,
    "addcmul": 0.7,
    "hz - (z-1)n": 0.7,
    "h - h(1-z) + (1-z)n": 0.5,
    "stack": 0.3,
}


def ways(opset: int) -> dict[str, float]:
    """Return the ways an opset allows, by weight."""
    return WAYS | ({"lerp": 2, "lerp back": 0.7} if opset >= 9 else {})


class Update:
    """One update under construction.

    Args:
        e: Where to write.
        draw: The cell's choices.
        gate: zt, or 1 - zt if ``complement``.
        n: The candidate ht.
        h: The state Ht-1; None where it is known to be zero.
        complement: Whether the gate keeps the candidate rather than the state.
        rest: How 1 - gate is written, if not so.

    """

    def __init__(
        self,
        e: Emit,
        draw: Draw,
        gate: str,
        n: str,
        h: str | None,
        *,
        complement: bool = False,
        rest: Callable[[str], str] | None = None,
    ) -> None:
        self.e, self.draw, self.gate, self.n, self.h = e, draw, gate, n, h
        self.complement, self._rest_by = complement, rest

    def z(self) -> str:
        """Return what multiplies the state."""
        return self._rest() if self.complement else self.gate

    def u(self) -> str:
        """Return what multiplies the candidate."""
        return self.gate if self.complement else self._rest()

    def _rest(self) -> str:
        if self._rest_by is not None:
            return self._rest_by(self.gate)
        e = self.e
        if self.draw("one minus", {"sub": 5, "neg": 1}) == "sub":
            return e.op("Sub", e.scalar(1), self.gate)
        return e.add("1 + -z", e.op("Neg", self.gate), e.scalar(1))

    def mul(self, a: str, b: str) -> str:
        """Multiply in the cell's favourite order."""
        return self.e.op("Mul", a, b) if self.draw.flag("factors", 0.6) else self.e.op("Mul", b, a)

    def write(self, way: str) -> str:
        """Write it, and return Ht."""
        e, n, h, mul = self.e, self.n, self.h, self.mul
        if h is None:
            return mul(self.u(), n) if way != "zh + n - zn" else e.op("Sub", n, mul(self.z(), n))
        if way in {"n + z(h-n)", "addcmul"}:
            step = mul(self.z(), e.op("Sub", h, n))
            return e.add("update", n, e.op("Mul", step, e.scalar(1)) if way == "addcmul" else step)
        if way == "n - z(n-h)":
            return e.op("Sub", n, mul(self.z(), e.op("Sub", n, h)))
        if way == "h - (1-z)(h-n)":
            return e.op("Sub", h, mul(self.u(), e.op("Sub", h, n)))
        if way == "h + (1-z)(n-h)":
            return e.add("update", h, mul(self.u(), e.op("Sub", n, h)))
        if way == "zh + n - zn":
            z = self.z()
            return e.op("Sub", e.add("update", mul(z, h), n), mul(z, n))
        if way == "sum":
            z = self.z()
            return e.op("Sum", n, e.op("Neg", mul(z, n)), mul(h, z))
        if way == "(-z+1)n + zh":
            z = self.z()
            return e.op("Add", mul(e.op("Add", e.op("Neg", z), e.scalar(1)), n), mul(z, h))
        if way == "hz - (z-1)n":
            z = self.z()
            return e.op("Sub", mul(h, z), mul(e.op("Sub", z, e.scalar(1)), n))
        if way == "h - h(1-z) + (1-z)n":
            u = self.u()
            return e.add("update", e.op("Sub", h, mul(h, u)), mul(u, n))
        if way.startswith("lerp"):
            return self._lerp(*((n, h, self.z()) if way == "lerp" else (h, n, self.u())))
        return self._stacked() if way == "stack" else self._plain(way)

    def _plain(self, way: str) -> str:
        kept, new = self.mul(self.z(), self.h or ""), self.mul(self.u(), self.n)
        return self.e.op("Add", kept, new) if way == "zh + (1-z)n" else self.e.op("Add", new, kept)

    def _lerp(self, start: str, end: str, weight: str) -> str:
        """Write torch.lerp as torch's exporters decompose it."""
        e = self.e
        step = e.op("Sub", end, start)
        near = e.op("Add", start, self.mul(weight, step))
        far = e.op("Sub", end, self.mul(step, e.op("Sub", e.scalar(1), weight)))
        return e.op("Where", e.op("Less", weight, e.scalar(0.5)), near, far)

    def _stacked(self) -> str:
        """Sum products over a new axis."""
        e = self.e
        weights = e.op("Concat", e.unsqueeze(self.z(), 0), e.unsqueeze(self.u(), 0), axis=0)
        values = e.op("Concat", e.unsqueeze(self.h or "", 0), e.unsqueeze(self.n, 0), axis=0)
        return e.reduce("ReduceSum", e.op("Mul", weights, values), 0, keepdims=0)
