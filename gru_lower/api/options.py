"""The options of the public calls, each declared once.

Signatures and docstrings of the calls are made of these declarations, and so are the flags of the command line. As
``--help`` has to answer at once, nothing heavy is imported here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from gru_lower.api.comparison_options import ComparisonOptions, MemoryOption
from gru_lower.api.declared_options import Doc
from gru_lower.api.int8_options import (
    Activations,
    CarriedState,
    Dialect,
    Engine,
    EveryGru,
    Foldable,
    KeepNode,
    ReduceRange,
    Static,
    Weights,
    WeightsOnly,
)
from gru_lower.api.report_options import EvidenceOptions
from gru_lower.api.shared_options import (
    AssumedLengths,
    FixDims,
    Form,
    MaxNodes,
    NameOutputs,
    Opset,
    Precision,
    Prefer,
    Search,
    SetInputs,
    ZeroLengthState,
)

if TYPE_CHECKING:
    from os import PathLike

    from gru_lower.verification.options import VerifyOptions


class RewritingOptions(ComparisonOptions, EvidenceOptions, kw_only=True):
    """What every call takes that rewrites a model."""

    verify: Annotated[
        bool,
        Doc("Whether to run the model before and after, and compare.", flag="Compare with the original."),
    ] = True
    search: Search = 0.0
    progress: Annotated[Callable[[str, int, int], None] | None, Doc("Called with ``(what, done, total)``.")] = None

    def how_to_verify(self) -> "VerifyOptions | None":
        """Return how to verify the result, ``None`` not to: with one long, one wide and one empty case at least."""
        from dataclasses import replace

        return replace(self.verify_options(), seconds=self.search, corners=True) if self.verify else None


class LoweringOptions(RewritingOptions, kw_only=True):
    """Options of :func:`gru_lower.lower`."""

    form: Form = "auto"
    zero_length_state: ZeroLengthState = "zero"
    mask: Annotated[
        Literal["auto", "where", "multiply"],
        Doc(
            "How sequence_lens acts: ``where`` takes a Where in the body, which quantisers understand; ``multiply`` "
            "products with 1 and 0 in unrolled forms, for chips without a Where; what is in padding has to be finite.",
            flag="How sequence_lens acts; where: by Where in the body; multiply: unrolled, by products with 1 and 0.",
        ),
    ] = "auto"
    batch_hint: Annotated[int, Doc("Batch size to expect where it is dynamic; only speed depends on it.", least=0)] = 0
    fix_dims: FixDims = None
    set: SetInputs = None
    assume: AssumedLengths = "nothing"
    name_outputs: NameOutputs = False
    vocabulary: Annotated[
        Literal["gemm", "matmul", "minimal"],
        Doc(
            "What steps are spelled with; minimal: MatMul, Add, Sub, Mul, Sigmoid, Tanh and views without Split; "
            "matmul: the same, and what other functions, clip and lengths need."
        ),
    ] = "gemm"
    forbid: Annotated[
        Sequence[str],
        Doc("Operators not to write: ``('Split', 'Sub')``.", flag="Operators not to write: Split+Sub; repeatable."),
    ] = ()
    target: Annotated[
        str | None,
        Doc(
            "What to lower for, a profile's name (``portable``) or path; ``vocabulary`` and ``forbid`` narrow what "
            "it takes.",
            flag="Write only what a target takes; portable: what everybody takes.",
        ),
    ] = None
    prefer: Prefer = None
    precision: Precision = None
    opset: Opset = None
    max_nodes: MaxNodes = None
    passes: Annotated[str | None, Doc('Run these passes instead: "normalize-gru,lower-gru{form=scan}".')] = None


class FusingOptions(RewritingOptions, kw_only=True):
    """Options of :func:`gru_lower.fuse`."""

    require: Annotated[
        int | None,
        Doc(
            "How many GRUs have to come of it at least.",
            flag="Exit 1 if fewer GRUs than N were fused.",
            least=0,
        ),
    ] = None
    steps: Annotated[bool, Doc("Make a GRU of sequence length 1 of a single step, too.")] = False
    projected: Annotated[
        bool,
        Doc(
            "Make GRUs of those whose gates something else than a matrix projects ahead, too - a normalisation, a "
            "rectified layer, or the caller: X is what is projected, and W selects features of it.",
            flag="Fuse GRUs whose gates are projected ahead, too: W only selects features.",
        ),
    ] = False
    assume: Annotated[
        Literal["nothing", "right-padded"],
        Doc(
            "``right-padded`` promises that masks are true up to each sequence's length and false from there on, and "
            "lets them become sequence_lens; verification then feeds such masks.",
            flag="Promise that masks only ever mask the end of sequences.",
        ),
    ] = "nothing"
    empty: Annotated[
        Literal["fuse", "guard", "keep"],
        Doc(
            "What becomes of loops that took empty sequences or batches, which no runtime's GRU takes: ``fuse`` makes "
            "GRUs of them and warns, ``guard`` puts an If around each that gives what the loop gave, ``keep`` leaves "
            "them.",
            flag="Loops that took empty sequences or batches: make a GRU, with an If around it, or leave the loop.",
        ),
    ] = "fuse"
    name_outputs: NameOutputs = False
    passes: Annotated[str | None, Doc('Run these passes instead: "fuse-gru,normalize-gru".')] = None


class LegalizingOptions(RewritingOptions, kw_only=True):
    """Options of :func:`gru_lower.legalize`."""

    target: Annotated[
        str,
        Doc(
            "What to legalise for: the name of a profile that ships (``tract``), or the path of one.",
            flag="The profile to legalise for; see gru-lower targets.",
        ),
    ]
    allow_cast: Annotated[bool, Doc("Compute GRUs of a type the target does not take in the first it does.")] = False
    zero_length_state: ZeroLengthState = "zero"
    fix_dims: FixDims = None
    set: SetInputs = None
    assume: AssumedLengths = "nothing"
    name_outputs: NameOutputs = False
    prefer: Prefer = None
    precision: Precision = None
    opset: Opset = None
    max_nodes: MaxNodes = None


class StreamingOptions(RewritingOptions, kw_only=True):
    """Options of :func:`gru_lower.stream`."""

    chunk: Annotated[
        int, Doc("How many frames each push takes: a multiple of what the model strides over.", least=1)
    ] = 1
    context: Annotated[
        int | None,
        Doc(
            "Give the whole model so many earlier frames beside each chunk instead of streaming it exactly, where "
            "something needs all of a sequence and a window is near enough.",
            flag="Run the whole model on each chunk and so many frames before it: where a window is near enough.",
            least=0,
        ),
    ] = None
    time: Annotated[
        Mapping[str, int] | None,
        Doc(
            "The axis of time by input, where it is not to be found from the model's GRUs and convolutions.",
            flag="An axis of the inputs that is time, where it is not to be found: INPUT:1; repeatable.",
        ),
    ] = None
    fix_dims: FixDims = None
    opset: Opset = None


class QuantizingOptions(RewritingOptions, kw_only=True):
    """Options of :func:`gru_lower.quantize`."""

    reduce_range: ReduceRange = True
    weights_only: WeightsOnly = False
    foldable: Foldable = False
    static: Static = None
    activations: Activations = "auto"
    state: CarriedState = "float"
    keep_node: KeepNode = False
    weights: Weights = "int8"
    engine: Engine = "cpu"
    dialect: Dialect = "onnx"
    all: EveryGru = False
    form: Form = "auto"
    zero_length_state: ZeroLengthState = "zero"
    batch_hint: Annotated[int, Doc("Batch size to expect where it is dynamic; only speed depends on it.", least=0)] = 0
    fix_dims: FixDims = None
    opset: Opset = None
    max_nodes: MaxNodes = None


class CheckingOptions(MemoryOption, EvidenceOptions, kw_only=True):
    """Options of :func:`gru_lower.check`."""

    target: Annotated[
        str | None,
        Doc(
            "Also look for what a target would reject, or compute wrongly: a profile's name or path.",
            flag="Also what a target would reject, or compute wrongly.",
        ),
    ] = None
    select: Annotated[
        Sequence[str],
        Doc(
            "The codes to look for, or their beginnings (``GL7``); all by default.",
            flag="Look for these codes only: GL711,GL72.",
        ),
    ] = ()
    ignore: Annotated[
        Sequence[str],
        Doc("Codes, or their beginnings, not to look for.", flag="Do not look for these codes."),
    ] = ()
    baseline: Annotated[
        "str | PathLike[str] | None",
        Doc(
            "A file of findings that are known: they are marked so, do not count, and those that are gone are said.",
            flag="A file of known findings, which do not count; those that are gone are said.",
        ),
    ] = None
    write_baseline: Annotated[
        bool,
        Doc(
            "Write what is found into ``baseline``, as known; what it says of other models stays.",
            flag="Write what is found into the baseline, as known.",
        ),
    ] = False


class FixingOptions(CheckingOptions, RewritingOptions, kw_only=True):
    """Options of :func:`gru_lower.fix`."""

    unsafe: Annotated[
        bool, Doc("Whether to make fixes, too, after which the model may mean something else than was meant.")
    ] = False
    verify: Annotated[
        bool,
        Doc(
            "Whether to run the model before and after the fixes that change no result, and compare.",
            flag="Compare before and after fixes.",
        ),
    ] = True
