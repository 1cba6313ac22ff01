"""Options that several of the public calls take, each with its type and what it is for."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from gru_lower.api.declared_options import Doc

if TYPE_CHECKING:
    from os import PathLike

    from gru_lower.api.accepted_models import AcceptedModel
    from gru_lower.verification.arrays import Feeds

AnyModel = Annotated[
    "AcceptedModel",
    Doc("A path, bytes, ModelProto, onnx_graphsurgeon.Graph, onnx_ir.Model or ONNXProgram; never changed."),
]
Form = Annotated[Literal["auto", "scan", "loop", "unroll", "step"], Doc("What a GRU becomes.")]
ZeroLengthState = Annotated[
    Literal["zero", "initial"],
    Doc("What Y_h is for a sequence of length 0; onnxruntime gives zeros.", flag="Y_h of a sequence of length 0."),
]
Opset = Annotated[
    int | None,
    Doc("Convert the whole model to this opset first.", least=1),
]
FixDims = Annotated[
    Mapping[str, int] | None,
    Doc(
        "Static lengths to write into the model first, by symbol (``batch``) or input and axis (``X:0``).",
        flag="Make a dim of the inputs static first: batch=1, or X:0=1; repeatable.",
    ),
]
MaxNodes = Annotated[
    int | None,
    Doc(
        "How many nodes unrolling may add to the model, all its GRUs together.",
        default="20000, or the target's",
        least=1,
    ),
]
Prefer = Annotated[
    Literal["node", "speed", "size"] | None,
    Doc(
        "Where the target runs several things right: ``node`` keeps its GRU, ``speed`` takes what was measured to be "
        "the fastest there, ``size`` what has the fewest nodes.",
        flag="Of what the target runs right: its GRU, the fastest, or what has the fewest nodes.",
        default="speed for lower, node for legalize",
    ),
]
Precision = Annotated[
    Literal["f32", "bf16"] | None,
    Doc(
        "What the target computes in, where it may do either and that makes another form the fastest.",
        flag="What the target computes in, where another form is the fastest then.",
        default="either",
    ),
]
SetInputs = Annotated[
    Mapping[str, Any] | None,
    Doc(
        "Inputs that become constants, by name: a number for all elements, a list or an array, the path of an .npy "
        "file, or the name of a dim for its length (``time``, ``X:0``).",
        flag="Make an input a constant: a number, a list, an .npy file, or a dim's name for its length; repeatable.",
    ),
]
AssumedLengths = Annotated[
    Literal["nothing", "positive-lengths", "full-length"],
    Doc(
        "What is promised of sequence_lens: ``positive-lengths`` that each is 1 or more, ``full-length`` that each is "
        "the whole sequence, so that they are dropped.",
        flag="Promise that lengths are 1 or more, or all the whole sequence.",
    ),
]
NameOutputs = Annotated[
    bool, Doc("Give Y a name where Y_h alone is used: some tools take an omitted output for a value without a name.")
]
Seed = Annotated[int, Doc("Seed of generated inputs.", least=0)]
Shapes = Annotated[
    Mapping[str, tuple[int, ...]] | None,
    Doc("Shapes to generate for inputs, by name.", flag="Shape to generate for an input; repeatable."),
]
Inputs = Annotated[
    "Sequence[Feeds] | str | PathLike[str] | None",
    Doc(
        "Inputs to compare on instead of generated ones, a dict of arrays by input name each; or the path of a file "
        "or folder of them.",
        flag="Compare on these inputs; with labels (out__NAME) accuracy is reported.",
    ),
]
Search = Annotated[
    float,
    Doc(
        "Seconds to go on for with further inputs, wilder ones, and to look for some on which the two differ.",
        flag="How long to go on with wilder inputs, and look for some on which the two differ.",
        least=0,
    ),
]
LineProgress = Annotated[Callable[[str], None] | None, Doc("Called with a line on what is going on.")]
