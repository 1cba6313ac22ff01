"""What is chosen by a mask, and which frames of a push are of the stream."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.stream.refusal import Refused
from gru_lower.passes.stream.streamed_values import StreamedValues
from gru_lower.passes.stream.timing import LONG
from gru_lower.passes.stream.writer import dtype_of

if TYPE_CHECKING:
    from gru_lower.passes.stream.timing import Length, Timed


class Masks(StreamedValues):
    """The streamed model as far as it is written, and the means to choose between values."""

    def choose(self, valid: str, timed: Timed, fill: float, local: str) -> str:
        """Write what gives a value where a mask is 1 and ``fill`` where it is 0."""
        other = self.write.constant(np.array(fill, dtype_of(timed.elem_type)), f"{local}_fill")
        if not timed.tame or not np.isfinite(fill) or not np.issubdtype(dtype_of(timed.elem_type), np.floating):
            truth = self.write.emit("Cast", [valid], f"{local}_mask", to=9)
            return self.write.emit("Where", [truth, timed.name, other], local)
        if not fill:
            return self.write.emit("Mul", [timed.name, valid], local)
        return self.blend(valid, timed, other, local)

    def select(self, valid: str, timed: Timed, other: str, local: str) -> str:
        """Write what gives a value where a mask is 1 and another one of its kind where it is 0."""
        if timed.tame and np.issubdtype(dtype_of(timed.elem_type), np.floating):
            return self.blend(valid, timed, other, local)
        truth = self.write.emit("Cast", [valid], f"{local}_mask", to=9)
        return self.write.emit("Where", [truth, timed.name, other], local)

    def blend(self, valid: str, timed: Timed, other: str, local: str) -> str:
        """Write what :meth:`select` does, by products: what is not chosen has to be finite."""
        kept = self.write.emit("Mul", [timed.name, valid], f"{local}_kept")
        one = self.write.constant(np.array(1, dtype_of(timed.elem_type)), f"{local}_one")
        outside = self.write.emit("Sub", [one, valid], f"{local}_outside")
        filled = self.write.emit("Mul", [other, outside], f"{local}_filled")
        return self.write.emit("Add", [kept, filled], local)

    def begins(self, timed: Timed, count: int) -> list[int]:
        """Return for each frame of a push how many have to have been before the push for it to be of the stream."""
        return [ceil(Fraction(timed.delay - j) / timed.rate) for j in range(count)]

    def ends(self, timed: Timed, count: int) -> list[int]:
        """Return for each frame of a push how many have to be left, this push included, for it to be one."""
        return [least_frames(timed.length, j - timed.delay + 1) for j in range(count)]


def least_frames(length: Length, wanted: int) -> int:
    """Return the least number of frames of the inputs, below 0 too, for which a value has at least so many.

    Raises:
        Refused: It has as many however many there are.

    """
    if length.is_constant:
        raise Refused(
            "GL855", f"the first {length.of(0)} frames are for something else than to stand in front of others"
        )
    low, high = -LONG, LONG
    while length.of(high) < wanted:
        high *= 2
    while length.of(low) >= wanted:
        low *= 2
    while high - low > 1:
        middle = (low + high) // 2
        if length.of(middle) >= wanted:
            high = middle
        else:
            low = middle
    return high
