"""The options of ``quantize-gru``."""

from __future__ import annotations

from dataclasses import field

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.lower_gru.choose_form import FORMS

MODES = ("dynamic", "weights-only", "static")
"""``dynamic``: lowered forms whose products quantise their left side when the model runs; ``weights-only``: GRU nodes
with weights in whole numbers; ``static``: QuantizeLinear and DequantizeLinear with scales that are fixed beforehand."""


@dataclass(frozen=True)
class QuantizeOptions:
    """Options of ``quantize-gru``.

    Attributes:
        mode: How to quantise: one of :data:`MODES`.
        weights: The type that weights are stored in; ``uint8`` is around a zero point, ``int4`` in blocks of 32
            rows, for ``dynamic`` alone.
        reduce_range: ``yes`` keeps weights to seven bits, which no CPU adds up wrongly; ``no`` takes all eight.
        foldable: With ``weights-only``, whether DequantizeLinear is spelled as Cast and Mul: ``yes`` or ``no``.
        activations: With ``static``, what values are rounded to: ``auto`` is ``uint8``.
        state: With ``static``, what the state is carried in.
        keep_node: With ``static``, whether GRU nodes stay, in whole numbers: ``yes`` or ``no``.
        dialect: ``onnx`` for standard operators, ``ort`` for onnxruntime's own where they do more.
        all: ``yes`` quantises every GRU that can be, ``no`` those that it makes faster.
        form: What GRUs become: ``auto``, ``scan``, ``loop``, ``unroll`` or ``step``.
        zero_length_state: What Y_h is for a sequence of length 0: ``zero``, as in onnxruntime, or ``initial``.
        batch_hint: The batch size to expect where it is dynamic; 0 for none.
        max_nodes: How many nodes unrolling may add to the model, all its GRUs together; 0 for 20,000.

    """

    mode: str = field(default="dynamic", metadata={"choices": MODES})
    weights: str = field(default="int8", metadata={"choices": ("int8", "uint8", "int4")})
    reduce_range: str = field(default="yes", metadata={"choices": ("yes", "no")})
    foldable: str = field(default="no", metadata={"choices": ("yes", "no")})
    activations: str = field(default="auto", metadata={"choices": ("auto", "uint8", "int8", "int16")})
    state: str = field(default="float", metadata={"choices": ("float", "int8", "int16")})
    keep_node: str = field(default="no", metadata={"choices": ("yes", "no")})
    dialect: str = field(default="onnx", metadata={"choices": ("onnx", "ort")})
    all: str = field(default="no", metadata={"choices": ("yes", "no")})
    form: str = field(default="auto", metadata={"choices": FORMS})
    zero_length_state: str = field(default="zero", metadata={"choices": ("zero", "initial")})
    batch_hint: int = 0
    max_nodes: int = 0
