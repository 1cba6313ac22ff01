"""Proof by recognition: fusing makes the one model of the other, without taking any length for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.base import Context
from gru_lower.passes.fuse_gru.fuse_gru import FuseGru
from gru_lower.passes.fuse_gru.loops.loop_algebra import LoopAlgebra
from gru_lower.proving.equal_lengths import equal_lengths

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra


class ExactLoopAlgebra(LoopAlgebra):
    """The algebra of fusing, but lengths that have several names are only equal where a GRU takes them to be."""

    exact_lengths = True


class _ExactFuseGru(FuseGru):
    """Fuses what is a GRU for whatever lengths.

    Args:
        original: The model with the GRUs.

    """

    def __init__(self, original: Model) -> None:
        super().__init__()
        self.original = original

    def algebra(self, model: Model, facts: Facts) -> Algebra:
        """Return the tables to fill."""
        made = ExactLoopAlgebra()
        made.same_lengths.update(equal_lengths(self.original, model, facts))
        return made


def is_recognised(original: Model, rewritten: Model) -> bool:
    """Whether fusing a model gives another one, byte for byte.

    Args:
        original: The model with GRUs.
        rewritten: The one without.

    """
    fused = rewritten.copy()
    _ExactFuseGru(original).run(fused, Context(keep_changes=False))
    return fused.to_bytes() == original.to_bytes()
