"""The options of ``lower-gru``."""

from __future__ import annotations

import math
from dataclasses import field

from gru_lower.emission.operator_vocabulary import NAMES, Bounds, refuse_unknown_operators
from gru_lower.errors import Unsupported
from gru_lower.light_dataclass import dataclass
from gru_lower.nearest_word import did_you_mean
from gru_lower.passes.lower_gru.choose_form import FORMS
from gru_lower.passes.lower_gru.choose_packing import PACKINGS
from gru_lower.targets.costs import PRECISIONS

SATURATED = 128.0
"""From here on sigmoid and tanh are 1 to any arithmetic of floats; where they are fused again, this bound is none."""
TANH_IS_ONE = 20.0
"""From here on the hyperbolic tangent is 1 in float64, too. OpenCV 5 computes less of it: no more than 45."""


@dataclass(frozen=True)
class LowerOptions:
    """Options of ``lower-gru``.

    Attributes:
        form: ``auto``, ``scan``, ``loop``, ``unroll`` or ``step``.
        packing: For Scan bodies, where it applies: ``fused`` lets onnxruntime run the last sum before g in one kernel
            with g; ``block`` puts both directions in one body, ``block-fused`` is both; ``double`` and ``triple`` also
            put the state there twice and in three parts (see ``forms/scan_packed_double.py`` and
            ``forms/scan_packed_triple.py``); ``inside`` computes the input's projection in the body, for large batches;
            ``none`` gives each direction a body of its own and computes the projection outside; ``plain`` is ``none``
            with a body that outputs the state and a copy of it, which every runtime with a Scan takes; ``auto`` goes by
            costs.json.
        batch_hint: The batch size to expect where it is dynamic; 0 for none. The result is right for any.
        mask: How sequence_lens acts: ``auto`` closes the gates outside the body where that is exact,
            ``where`` always takes a Where in the body, which quantisers understand; ``multiply`` is like ``where``, and
            takes products with 1 and 0 where that serves in an unrolled form: what stands in padding has to be finite.
        vocabulary: ``gemm`` writes what is fastest in onnxruntime, ``minimal`` only MatMul, Add, Sub, Mul, Sigmoid,
            Tanh and operators that move values, ``matmul`` the same and what other functions, clip and lengths need
            (see :mod:`gru_lower.emission.operator_vocabulary`).
        forbid: Operators not to write, joined by ``+``: ``Split+Sub``.
        forms: The forms a target takes, joined by ``+``, the best first; all if empty.
        target: A profile's name or path: a GRU the target runs right is kept, and none becomes what it runs wrongly.
        state_rank: Without Gemm, how many axes the states of an unrolled GRU have: 2, [B, H], or 3 with one for time.
        steps: How an unrolled GRU without Gemm is cut into steps: ``auto`` by Slices, ``gather`` by Gathers with int32
            indices.
        gates: How many products a step's gates are: ``apart`` one each, ``joined`` one for the update and the reset
            gate, ``whole`` one for all three, which linear_before_reset = 0 does not let be. Constant float weights
            alone are joined.
        projection: How many products the projections of the gates are: ``apart`` one each, or as many as the gates;
            ``whole`` one; ``with-state`` of a single step with an initial state none, since the products of gates are
            of X and the state joined, else like ``whole``.
        tanh: How Tanh is written: ``auto`` as it is where it may be, ``bounded`` behind a Clip.
        functions: The same of both Sigmoid and Tanh, for targets that are less exact where one stands right behind an
            Add; ``bounded-relu`` of Relu, for targets that lose it there: its Clip is to the infinities.
        axes: ``guessed`` for targets that tell the axes of what is computed by their lengths: an unrolled GRU has no
            Transpose then, and X with two such axes alike is multiplied before it is reshaped.
        kept_output: Of a single step that a target keeps and whose only output is Y: ``own`` leaves it, ``Y_h`` takes
            Y of Y_h, which is the same.
        prefer: For a target with measured costs: ``node`` keeps each GRU that it runs right, ``speed`` takes the
            fastest of what it runs right; ``size`` keeps each, too, and writes the form of the fewest nodes for the
            rest.
        precision: The precision the target computes in, ``f32`` or ``bf16``; with none, whichever it may.
        max_nodes: How many nodes unrolling may add to the model, all its GRUs together; 0 for 20,000.
        assume: What is promised of sequence_lens: ``nothing``, or ``positive-lengths`` that each is 1 or more.
        zero_length_state: What Y_h is for a sequence of length 0: ``zero``, as in onnxruntime, or ``initial``.

    """

    form: str = field(default="auto", metadata={"choices": FORMS})
    packing: str = field(default="auto", metadata={"choices": PACKINGS})
    batch_hint: int = 0
    mask: str = field(default="auto", metadata={"choices": ("auto", "where", "multiply")})
    vocabulary: str = field(default="gemm", metadata={"choices": NAMES})
    forbid: str = ""
    forms: str = ""
    target: str = ""
    state_rank: int = field(default=2, metadata={"choices": ("2", "3")})
    steps: str = field(default="auto", metadata={"choices": ("auto", "gather")})
    gates: str = field(default="apart", metadata={"choices": ("apart", "joined", "whole")})
    projection: str = field(default="apart", metadata={"choices": ("apart", "whole", "with-state")})
    tanh: str = field(default="auto", metadata={"choices": ("auto", "bounded")})
    functions: str = field(default="auto", metadata={"choices": ("auto", "bounded", "bounded-relu")})
    axes: str = field(default="told", metadata={"choices": ("told", "guessed")})
    kept_output: str = field(default="own", metadata={"choices": ("own", "Y_h")})
    prefer: str = field(default="node", metadata={"choices": ("node", "speed", "size")})
    precision: str = field(default="", metadata={"choices": ("", *PRECISIONS)})
    max_nodes: int = 0
    assume: str = field(default="nothing", metadata={"choices": ("nothing", "positive-lengths")})
    zero_length_state: str = field(default="zero", metadata={"choices": ("zero", "initial")})

    @property
    def bounded(self) -> Bounds:
        """The functions that are written behind a Clip, and its bound."""
        if self.functions == "bounded":
            return ("Sigmoid", SATURATED), ("Tanh", SATURATED)
        if self.functions == "bounded-relu":
            return (("Relu", math.inf),)
        return (("Tanh", TANH_IS_ONE),) if self.tanh == "bounded" else ()

    def __post_init__(self) -> None:
        """Refuse operators and forms that there are not."""
        refuse_unknown_operators(filter(None, self.forbid.split("+")))
        for word in filter(None, self.forms.split("+")):
            if word not in FORMS[1:]:
                hint = did_you_mean(word, FORMS[1:], f"one of {', '.join(FORMS[1:])}")
                raise Unsupported(f"there is no form {word!r}", code="GL008", hint=hint)
