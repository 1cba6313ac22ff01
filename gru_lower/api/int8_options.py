"""Options of :func:`gru_lower.quantize` beside its default mode, each with its type and what it is for."""

from typing import TYPE_CHECKING, Annotated, Literal

from gru_lower.api.declared_options import Doc

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from gru_lower.verification.arrays import Feeds

ReduceRange = Annotated[
    bool,
    Doc(
        "Whether weights keep to seven bits, which every CPU adds up rightly; all eight are for CPUs known to have "
        "a dot product of bytes (VNNI).",
        flag="Keep weights to seven bits, which every CPU adds up rightly; all eight need VNNI or the like.",
    ),
]
EveryGru = Annotated[bool, Doc("Quantise every GRU, faster then or not, and each as exactly as can be: for size.")]
WeightsOnly = Annotated[
    bool,
    Doc(
        "Leave the GRU nodes, with 8-bit W and R behind DequantizeLinear: a quarter of the bytes. onnxruntime runs "
        'that at the float node\'s speed with the session option session.disable_quant_qdq = "1", and slower without.',
        flag="Leave the GRU nodes, with 8-bit weights behind DequantizeLinear.",
    ),
]
Foldable = Annotated[
    bool,
    Doc(
        "With ``weights_only``: spell DequantizeLinear as Cast and Mul, which onnxruntime computes at loading whatever "
        "the session's options are.",
        flag="With --weights-only: Cast and Mul in its place, which need no session option to be fast.",
    ),
]
Static = Annotated[
    "str | PathLike[str] | Sequence[Feeds] | None",
    Doc(
        "Write QuantizeLinear and DequantizeLinear with fixed scales, calibrated on these inputs: the path of a file "
        "as ``--inputs`` takes it, or a dict of arrays by input name each.",
        flag="Write QuantizeLinear and DequantizeLinear with fixed scales, calibrated on these inputs.",
    ),
]
Activations = Annotated[
    Literal["auto", "uint8", "int8", "int16"],
    Doc(
        "With ``static``: the type that values are rounded to; auto is uint8, which onnxruntime has kernels for on "
        "every CPU.",
        flag="With --static: what values are rounded to; auto: uint8.",
    ),
]
CarriedState = Annotated[
    Literal["float", "int8", "int16"],
    Doc(
        "With ``static``: the type that the state is carried in, and with int8 and int16 every other value of a step.",
        flag="With --static: what the state is carried in.",
    ),
]
KeepNode = Annotated[
    bool,
    Doc(
        "With ``static``: leave GRU nodes between DequantizeLinear and QuantizeLinear, as onnxruntime-qnn takes them.",
        flag="With --static: leave GRU nodes between DequantizeLinear and QuantizeLinear.",
    ),
]
Weights = Annotated[
    Literal["int8", "uint8", "int4"],
    Doc(
        "The type that W and R are stored in: int8 around 0, uint8 with a zero point, int4 in blocks of 32, which "
        'takes opset 21 or ``dialect="ort"``.',
        flag="The type that weights are stored in; int4 takes opset 21, or --dialect ort.",
    ),
]
Engine = Annotated[
    Literal["cpu", "wasm"],
    Doc(
        "Whose measured speed decides: onnxruntime on a CPU, or in a browser, where int8 products are slower than the "
        "float GRU, so that ``weights_only`` is chosen.",
        flag="Whose speed decides: onnxruntime on a CPU, or in a browser, which gets --weights-only.",
    ),
]
Dialect = Annotated[
    Literal["onnx", "ort"],
    Doc(
        "``onnx`` writes standard operators, ``ort`` onnxruntime's own where they do more.",
        flag="Standard operators, or onnxruntime's own where they do more.",
    ),
]
