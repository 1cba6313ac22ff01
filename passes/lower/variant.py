"""A Variant: all that a template depends on, and nothing of the site (names, weights) that it does not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from gru_lower.passes.lower.vocabulary import Vocabulary

if TYPE_CHECKING:
    from gru_lower.gru.spec import Direction, GruSpec

Mask = Literal["", "gate", "where"]


@dataclass(frozen=True)
class Variant:
    """One kind of GRU to author a template for. Hashable: templates are cached by it.

    Attributes:
        opset: The model's opset.
        elem_type: ``TensorProto.DataType``.
        directions: As in :class:`GruSpec`.
        hidden_size: H.
        input_size: I, or ``None``.
        seq_length: T, or ``None`` where it is dynamic.
        batch_size: B, or ``None`` where it is dynamic.
        linear_before_reset: Where the reset gate acts.
        layout: 0 or 1.
        clip: Bound, or ``None``.
        has: Which of ``B``, ``initial_h`` are there.
        wants: Which of ``Y``, ``Y_h`` are asked for.
        dynamic: Which of ``W``, ``R``, ``B`` are computed in the graph rather than constant.
        mask: How sequence_lens acts: ``""`` not at all, ``"gate"`` by closing the update gate outside the
            body, ``"where"`` by a Where in the body.
        zero_length_state: What the last state of a sequence of length 0 is, ``"zero"`` or ``"initial"``.
        vocabulary: The operators that may be written.
        hands_on_state: Whether bodies hand on the state itself, and never its summands.

    """

    opset: int
    elem_type: int
    directions: tuple[Direction, ...]
    hidden_size: int
    input_size: int | None
    seq_length: int | None
    batch_size: int | None
    linear_before_reset: bool
    layout: int
    clip: float | None
    has: frozenset[str]
    wants: frozenset[str]
    dynamic: frozenset[str]
    mask: Mask = ""
    zero_length_state: str = "zero"
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    hands_on_state: bool = False

    def only(self, direction: Direction) -> Variant:
        """Return the variant with one of its directions."""
        return replace(self, directions=(direction,))


def variant_of(spec: GruSpec, opset: int, dynamic: frozenset[str], mask: Mask, zero_length_state: str) -> Variant:
    """Reduce a site's spec to what its template depends on.

    Args:
        spec: The site.
        opset: The opset of its scope.
        dynamic: Which of its weights are not constant.
        mask: How sequence_lens acts.
        zero_length_state: ``"zero"`` or ``"initial"``.

    """
    return Variant(
        opset=opset,
        elem_type=spec.elem_type,
        directions=spec.directions,
        hidden_size=spec.hidden_size,
        input_size=spec.input_size,
        seq_length=spec.seq_length,
        batch_size=spec.batch_size,
        linear_before_reset=spec.linear_before_reset,
        layout=spec.layout,
        clip=spec.clip,
        has=frozenset({"B", "initial_h"} & spec.inputs.keys()),
        wants=frozenset(key for key, name in (("Y", spec.Y), ("Y_h", spec.Y_h)) if name),
        dynamic=dynamic,
        mask=mask,
        zero_length_state=zero_length_state,
    )


def mask_recipe(spec: GruSpec, wanted: str, vocabulary: Vocabulary) -> Mask:
    """Choose how sequence_lens acts.

    Closing the update gate costs no node in the body, but rests on three things: no clip (it would lift the
    -inf that closes the gate), an f with f(v) + f(-v) = 1 that reaches 0, and a bounded candidate (0 times
    an infinite one is NaN).
    """
    if "sequence_lens" not in spec.inputs:
        return ""
    closes = all(d.f.complements and (d.f.alpha is None or d.f.alpha > 0) and d.g.bounded for d in spec.directions)
    exact = closes and spec.clip is None and vocabulary.has("Gemm")
    return "gate" if exact and wanted == "auto" else "where"
