"""The options of the public calls, each declared once.

Signatures and docstrings of the calls are made of these declarations, and so are the flags of the command line. As
``--help`` has to answer at once, nothing heavy is imported here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from gru_lower.api.declared_options import Doc, Options
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
    AnyModel,
    AssumedLengths,
    FixDims,
    Form,
    Inputs,
    LineProgress,
    MaxNodes,
    NameOutputs,
    Opset,
    Precision,
    Prefer,
    Search,
    Seed,
    SetInputs,
    Shapes,
    ZeroLengthState,
)

if TYPE_CHECKING:
    from os import PathLike

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.options import VerifyOptions

SEARCH = 2.0
"""Seconds for which two models that agree at first are searched for inputs on which they differ."""


class MemoryOption(Options, kw_only=True):
    """How much memory the processes of a call may take."""

    memory: Annotated[
        int | None,
        Doc(
            "Bytes that the process may take that runs models, and calls onnx on graphs it might not survive.",
            flag="What the process may take that runs models: 8GB, 512MB.",
            default="4 GB, or five times the model if that is more",
            least=1,
        ),
    ] = None


class OneModel(Options):
    """The model a call is about."""

    model: AnyModel


class TwoModels(Options):
    """The models a call compares."""

    a: Annotated[Any, Doc("The original: a path, bytes, ModelProto, or any other kind that ``lower`` takes.")]
    b: Annotated[Any, Doc("The model to compare with it.")]


class ManyModels(Options):
    """The models that a command is run over."""

    models: Annotated[
        str | Sequence[str],
        Doc(
            "The models: paths and URLs that fsspec knows, with ``*``, ``?``, ``[abc]``, and ``**`` for any number of "
            "folders; one, or several."
        ),
    ]


class OneOrTwoModels(Options):
    """The models a call times."""

    a: Annotated[Any, Doc("The model: a path, bytes, ModelProto, or any other kind that ``lower`` takes.")]
    b: Annotated[Any, Doc("The model to compare with it; without one, ``a`` lowered by ``auto``.")] = None


class VerificationOptions(MemoryOption, kw_only=True):
    """How models are compared."""

    rtol: Annotated[
        float | None,
        Doc("Relative tolerance.", default="by element type", least=0),
    ] = None
    atol: Annotated[
        float | None,
        Doc("Absolute tolerance.", default="by element type", least=0),
    ] = None
    cases: Annotated[int, Doc("Generated inputs to compare on.", least=1)] = 3
    seed: Seed = 0

    def verify_options(self) -> "VerifyOptions":
        """Return how to verify."""
        from gru_lower.verification.options import VerifyOptions

        return VerifyOptions(rtol=self.rtol, atol=self.atol, cases=self.cases, seed=self.seed)


class ComparisonOptions(VerificationOptions, kw_only=True):
    """How models are compared, and on what inputs."""

    inputs: Inputs = None
    expected: Annotated[
        "Sequence[Feeds] | None", Doc("What is right for each of ``inputs``: labels or values by output name.")
    ] = None
    shapes: Shapes = None

    def verify_options(self) -> "VerifyOptions":
        """Return how to verify, and on what inputs."""
        from dataclasses import replace

        inputs = None if self.inputs is None else list(self.inputs)
        expected = None if self.expected is None else list(self.expected)
        return replace(super().verify_options(), inputs=inputs, expected=expected, shapes=dict(self.shapes or {}))


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
        Literal["auto", "where"],
        Doc(
            "How sequence_lens acts: ``where`` takes a Where in the body, which quantisers understand.",
            flag="How sequence_lens acts; where: by Where in the body.",
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


class BatchOptions(MemoryOption, EvidenceOptions, kw_only=True):
    """Options of :func:`gru_lower.batch`."""

    do: Annotated[
        str | Sequence[str],
        Doc(
            "What to do with each: a command and its options as on the command line, without a model and an output.",
            flag='The command and its options: "lower --target portable".',
        ),
    ]
    out: Annotated[
        str | None,
        Doc(
            "The folder for results, a path or a URL: each goes to the model's path below the longest folder before "
            "the first wildcard.",
            flag="The folder for results: each has the model's path below the first wildcard's folder.",
        ),
    ] = None
    cluster: Annotated[
        str,
        Doc(
            "Where to run: ``local`` for workers that are started on this machine, ``none`` for this process, or the "
            "address of a Dask scheduler.",
            flag="Where to run: local for workers of its own, none for this process, tcp://... for a Dask scheduler.",
        ),
    ] = "local"
    workers: Annotated[
        int | None,
        Doc("How many workers to start on this machine.", default="one a core", least=1),
    ] = None
    time_limit: Annotated[
        float,
        Doc("Seconds that one model may take; 0 for no limit.", least=0),
    ] = 1800.0
    journal: Annotated[
        str | None,
        Doc(
            "The file into which results are entered as they come, and from which a second run resumes.",
            default="gru-lower-batch.jsonl in a local out, or in this folder",
        ),
    ] = None
    retry_failed: Annotated[bool, Doc("Do models again that failed in an earlier run.")] = False


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


class PairOptions(ComparisonOptions, kw_only=True):
    """How two models are compared that were handed in."""

    search: Search = SEARCH
    providers: Annotated[
        Sequence[str],
        Doc(
            "onnxruntime's execution providers, such as ``cuda``, in order of preference.",
            flag="onnxruntime's execution provider, such as cuda; repeatable, in order of preference.",
            default="cpu",
        ),
    ] = ()
    zero_length_state: Annotated[
        Literal["zero", "initial"],
        Doc("What Y_h is for a sequence of length 0; with initial none are fed."),
    ] = "zero"
    ignore: Annotated[
        Sequence[str],
        Doc("Codes of findings, or their beginnings, not to look for.", flag="Do not look for these findings."),
    ] = ()
    match: Annotated[
        Literal["name", "position"],
        Doc("How inputs and outputs are paired; by position where a tool has renamed them."),
    ] = "name"

    def how_to_verify(self) -> "VerifyOptions":
        """Return how to verify the two.

        Raises:
            Unsupported: There is no such code to ignore.

        """
        from dataclasses import replace

        from gru_lower.checking.code_selection import CodeSelection

        return replace(
            self.verify_options(),
            seconds=self.search,
            providers=tuple(self.providers),
            zero_length_state=self.zero_length_state,
            ignore=CodeSelection(ignore=tuple(self.ignore)).ignore,
            match=self.match,
        )


class VerifyingOptions(PairOptions, EvidenceOptions, kw_only=True):
    """Options of :func:`gru_lower.verify`."""

    prove: Annotated[
        bool,
        Doc(
            "Show, too, over the reals and for all inputs, that the GRUs of one model compute what stands for them in "
            "the other; ``proved`` says whether that worked.",
            flag="Show over the reals, too, that each GRU is what stands for it.",
        ),
    ] = False
    progress: LineProgress = None


class TimingOptions(MemoryOption, kw_only=True):
    """Options of :func:`gru_lower.bench`."""

    seconds: Annotated[float, Doc("How long to time both together.", above=0)] = 3.0
    runs: Annotated[int | None, Doc("Rounds to time instead; each times both models.", least=1)] = None
    threads: Annotated[int, Doc("Of onnxruntime, for each model; 0: one per core.", least=0)] = 1
    seed: Seed = 0
    inputs: Annotated[
        "Sequence[Feeds] | None",
        Doc("Inputs to run on instead of generated ones; the first case is used.", flag="Run on these inputs."),
    ] = None
    shapes: Shapes = None
    progress: LineProgress = None
