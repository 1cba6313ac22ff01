"""A Variant: all that a template depends on, and nothing of the site (names, weights) that it does not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from onnx import TensorProto

from gru_lower.emission.vocabulary import Vocabulary

if TYPE_CHECKING:
    from gru_lower.gru.spec import Direction, GruSpec

Mask = Literal["", "gate", "where"]
FUSED = frozenset(
    {"Elu", "HardSigmoid", "LeakyRelu", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Tanh", "ThresholdedRelu"}
)
"""The functions that onnxruntime computes in one kernel with a float Gemm before them."""
BOUNDED = frozenset({"Sigmoid", "Tanh"})
"""Those of them a g may be where zeros are multiplied by: of what is finite they make 0, of an infinity NaN."""


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
        mask: How sequence_lens acts: ``""`` not at all, ``"gate"`` by projections that close the gates,
            ``"where"`` by a Where in the body.
        zero_length_state: What the last state of a sequence of length 0 is, ``"zero"`` or ``"initial"``.
        vocabulary: The operators that may be written.
        peeled: Whether a Scan begins with the second step.
        fused: Whether a Scan's body adds right before g by a product with the identity.
        inside: Whether a Scan's body computes the projection of its step.
        holds: Whether all that a Scan's body computes is a state of it, see :mod:`gru_lower.passes.lower_gru.forms.scan_preallocated`.
        plain: Whether a Scan's body hands on the state and nothing else, see :mod:`gru_lower.passes.lower_gru.forms.scan`.

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
    inside: bool = False
    holds: bool = False
    plain: bool = False
    fused: bool = False
    peeled: bool = False

    @property
    def can_be_fused(self) -> bool:
        """Whether onnxruntime would run a sum before g, spelled as a product, in one kernel with g; every g bounded."""
        return (
            self.linear_before_reset
            and self.elem_type == TensorProto.FLOAT
            and self.clip is None
            and self.vocabulary.has("Gemm")
            and all(d.g.name in BOUNDED for d in self.directions)
        )

    @property
    def can_be_peeled(self) -> bool:
        """Whether the first step can be done by itself: T is static, no initial_h, no sequence_lens."""
        return (self.seq_length or 0) > 1 and "initial_h" not in self.has and not self.mask

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


def mask_recipe(spec: GruSpec, wanted: str) -> Mask:
    """Choose how sequence_lens acts.

    Gates closed by infinite projections cost no node in the body, but rest on three things: no clip (it would bound
    the infinities), an f that is exactly 0 and 1 there, and a bounded g that is 0 at 0 (0 times an infinite candidate
    is NaN).
    """
    if "sequence_lens" not in spec.inputs:
        return ""
    closes = all(d.f.saturates and d.g.vanishes for d in spec.directions)
    return "gate" if closes and spec.clip is None and wanted == "auto" else "where"
