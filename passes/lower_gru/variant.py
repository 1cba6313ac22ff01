"""A Variant: the kind of GRU that a template is for, with its sizes and flags, but without names and weights."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Literal

from onnx import TensorProto

from gru_lower.emission.emitter import Emitter
from gru_lower.emission.operator_vocabulary import Vocabulary
from gru_lower.gru.spec import GATES
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.lower_gru.products import FLOAT, Products

if TYPE_CHECKING:
    from gru_lower.gru.spec import Direction, GruSpec

MaskRecipe = Literal["", "gate", "where", "rows"]
GateProducts = Literal["apart", "joined", "whole"]
InputProducts = Literal["apart", "whole", "with-state"]
FUSED_WITH_GEMM = frozenset(
    {"Elu", "HardSigmoid", "LeakyRelu", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Tanh", "ThresholdedRelu"}
)
"""The functions that onnxruntime computes in one kernel with a float Gemm before them."""
BOUNDED = frozenset({"Sigmoid", "Tanh"})
"""Those of them a g may be where zeros are multiplied by: of what is finite they make 0, of an infinity NaN."""
SLICE_STEPS_OPSET = 10
"""The opset from which Slice takes steps, which turn X round."""


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
        quantised: Which of ``W``, ``R`` stay quantised constants, each gate behind a DequantizeLinear.
        mask: How sequence_lens acts: ``""`` not at all, ``"gate"`` by projections that close the gates,
            ``"where"`` by a Where in the body, ``"rows"`` by rows that are chosen beforehand.
        lens: The lengths with ``"rows"``.
        zero_length_state: What the last state of a sequence of length 0 is, ``"zero"`` or ``"initial"``.
        products: How matrix products are computed.
        vocabulary: The operators that may be written.
        peeled: Whether the first step is done outside the Scan.
        fused: Whether a Scan's body adds right before g by a product with the identity.
        projects_inside: Whether a Scan's body computes the projection of its step.
        preallocates: Whether all that a Scan's body computes is a state of it, see
            :mod:`gru_lower.passes.lower_gru.forms.scan_unread_states`.
        state_rank: How many axes the states of an unrolled GRU have: [B, H], or 3 with one of length 1 for time.
        batch_major: Whether sequences come before time in an unrolled GRU, see
            :mod:`gru_lower.passes.lower_gru.forms.step_axes`.
        guessed: Whether the target tells axes by their lengths, see ``axes`` in
            :class:`gru_lower.passes.lower_gru.lower_options.LowerOptions`.
        gathers: Whether an unrolled GRU is cut into steps by Gather, with int32 indices.
        gates: How many float products a step's gates are: ``"apart"`` one each, ``"joined"`` one for the update and the
            reset gate, ``"whole"`` one for all three where linear_before_reset lets it.
        projection: Whether the gates' projections are products of their own, ``"apart"``, one product, ``"whole"``, or
            of a single step with an initial state one with the recurrent products, ``"with-state"``.
        resets: Whether the reset gate is computed.
        multiplies: With ``"where"``, whether products with 1 and 0 choose between states in the place of a Where.
        plain: Whether a Scan's body outputs the state and, for Y, a copy of it, which every runtime with a Scan takes.

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
    mask: MaskRecipe = ""
    lens: tuple[int, ...] = ()
    zero_length_state: str = "zero"
    quantised: frozenset[str] = frozenset()
    products: Products = FLOAT
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    projects_inside: bool = False
    preallocates: bool = False
    plain: bool = False
    fused: bool = False
    peeled: bool = False
    state_rank: int = 2
    batch_major: bool = False
    guessed: bool = False
    gathers: bool = False
    gates: GateProducts = "apart"
    projection: InputProducts = "apart"
    resets: bool = True
    multiplies: bool = False

    @property
    def joins_gates(self) -> bool:
        """Whether the update and the reset gate are computed together, as one value [B, 2H]."""
        return self.products.joins_gates or (self.gates != "apart" and self.resets)

    @property
    def parts(self) -> tuple[str, ...]:
        """What a projection consists of: a value for each gate, or one for the gates that are computed together."""
        if not self.resets:
            return ("z", "h")
        return ("zr", "h") if self.joins_gates else GATES

    @property
    def can_be_fused(self) -> bool:
        """Whether onnxruntime would run a sum before g, spelled as a product, in one kernel with g; every g bounded."""
        return (
            self.linear_before_reset
            and not self.joins_gates
            and self.elem_type == TensorProto.FLOAT
            and self.clip is None
            and self.vocabulary.has("Gemm")
            and all(d.g.name in BOUNDED for d in self.directions)
        )

    @property
    def can_be_peeled(self) -> bool:
        """Whether the first step can be done by itself: T is static, no initial_h, no sequence_lens."""
        return (self.seq_length or 0) > 1 and "initial_h" not in self.has and not self.mask

    @property
    def can_be_packed(self) -> bool:
        """Whether its Scan can be packed: constant R and Rbh, one pair of activations, no Where in the body."""
        return (
            not self.joins_gates
            and self.projection == "apart"
            and not {"R", "B"} & (self.dynamic | self.quantised)
            and self.vocabulary.has("Gemm")
            and len({(d.f, d.g) for d in self.directions}) == 1
            and self.mask != "where"
            and self.opset >= SLICE_STEPS_OPSET
        )

    @property
    def can_be_packed_twice(self) -> bool:
        """Whether ``packing=double`` serves: its next state is ``n + z ∘ (h - n)``, so n must not be large beside h."""
        return self.can_be_packed and not self.directions[0].g.can_be_large

    @property
    def can_be_packed_in_three(self) -> bool:
        """Whether ``packing=triple`` serves: constant weights, f(x) + f(-x) = 1, g(0) = 0; no two masks."""
        f, g = self.directions[0].f, self.directions[0].g
        one_mask = not self.mask or len(self.directions) == 1
        return (
            self.can_be_packed
            and "W" not in self.dynamic | self.quantised
            and f.complements
            and g.vanishes
            and one_mask
        )

    @property
    def carries_summands(self) -> bool:
        """Whether a Scan's body outputs ``ht`` and ``Zt ∘ (Ht_1 - ht)`` instead of their sum.

        The next step adds them first thing, so the state is no output of the body, and the sum can be one: no Identity.
        A Where in the body has to choose between two states. Some runtimes, such as tract, refuse a scan output
        with another use in the body; ``packing=plain`` is for those.
        """
        return not self.plain and self.mask != "where" and "Y" in self.wants

    @property
    def multiplies_first(self) -> bool:
        """Whether X is multiplied as it is, and its first two axes are laid together in the product.

        Where X was computed and its last two axes are alike, onnx2tf takes them for exchanged ones, but in a MatMul.
        """
        before = self.seq_length if self.batch_major else self.batch_size
        alike = before == self.input_size != 1
        return self.guessed and alike and self.projection == "apart" and not self.vocabulary.has("Gemm")

    @property
    def one_scale_for_cuts(self) -> bool:
        """Whether a projection and all steps that are cut from it are quantised in one scale, of what reads a step.

        TensorFlow's quantizer has one scale for what a Slice, a Min and a Max read and make. A Clip right behind a
        step, as the first one has from a state of zeros, would bound every step by its own range.
        """
        return self.guessed and (self.seq_length or 0) > 1

    @property
    def subtracts_bias(self) -> bool:
        """Whether the steps subtract ``-Rbh`` where others add Rbh.

        TensorFlow makes a product and a bias that is added one operator, and quantises a bias that several have in the
        scale of the first: beside activations of 16 bits it is another number in all others, and a state handed in is
        seldom as large as those made of it. Without one the first step multiplies Rbh, which keeps it apart.
        """
        constant = "B" in self.has and "initial_h" in self.has and "B" not in self.dynamic
        return self.one_scale_for_cuts and self.linear_before_reset and constant and not self.vocabulary.has("Gemm")

    @property
    def keeps_axes(self) -> bool:
        """Whether X is multiplied as [T, B, I]: no Reshape has to infer B where T is open as well, for a target.

        tract 0.23.9, which is given the full vocabulary but for Gemm, refuses one where T is what a Conv with strides
        leaves: it cannot divide by such a length. In float16 the Reshape stays: onnxruntime 1.32 does
        not load every model without.
        """
        both_open = self.seq_length is None and self.batch_size is None
        multiplied = self.projection != "with-state" and not self.products.joins_gates
        without_gemm = self.vocabulary.name == "gemm" and not self.vocabulary.has("Gemm")
        holds = self.plain and both_open and self.elem_type != TensorProto.FLOAT16
        return holds and multiplied and self.mask != "gate" and without_gemm

    @property
    def adds_products(self) -> bool:
        """Whether a step would add two products of matrices, without a bias or a Slice between.

        Optimisers make a Gemm of that, with one of the products as its C, which the vocabularies without Gemm avoid.
        """
        bare = "B" not in self.has and "initial_h" in self.has and self.seq_length == 1
        return bare and self.vocabulary.name != "gemm"

    @property
    def needs_reset(self) -> bool:
        """Whether an unrolled GRU needs the reset gate: a single step from zeros has nothing that it would scale.

        Spelled without options it is computed all the same: that is what has always been written.
        """
        spelled = (self.gates, self.projection) != ("apart", "apart")
        from_zeros = self.seq_length == 1 and "initial_h" not in self.has and not self.mask
        scales = self.linear_before_reset and "B" in self.has
        return scales or self.products.joins_gates or not (spelled and from_zeros)

    @property
    def may_join_x(self) -> bool:
        """Whether the products of gates can be of X and the state joined: of a single step from a state."""
        return self.seq_length == 1 and bool(self.input_size) and "initial_h" in self.has and not self.mask

    @property
    def without_joined_x(self) -> Variant:
        """The variant with projections of their own."""
        return replace(self, projection="whole") if self.projection == "with-state" else self

    def emitter(self, around: Emitter | None = None) -> Emitter:
        """Return an emitter for it, or for a body of another emitter's node."""
        return Emitter(self.opset, self.elem_type, self.vocabulary, around)

    def only(self, direction: Direction) -> Variant:
        """Return the variant with one of its directions."""
        return replace(self, directions=(direction,))


def variant_of(
    spec: GruSpec,
    opset: int,
    dynamic: frozenset[str],
    mask: MaskRecipe,
    zero_length_state: str,
    **chosen: Any,  # noqa: ANN401 - the variant's other fields
) -> Variant:
    """Reduce a site's spec to what its template depends on.

    Args:
        spec: The site.
        opset: The opset of its scope.
        dynamic: Which of its weights are not constant.
        mask: How sequence_lens acts.
        zero_length_state: ``"zero"`` or ``"initial"``.
        chosen: More of the variant's fields.

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
        **chosen,
    )
