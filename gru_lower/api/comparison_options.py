"""The models that calls take, and the options of those that compare them, each declared once: see options.py."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, cast

from gru_lower.api.declared_options import Doc, Options
from gru_lower.api.report_options import EvidenceOptions
from gru_lower.api.shared_options import AnyModel, Inputs, LineProgress, Search, Seed, Shapes

if TYPE_CHECKING:
    from os import PathLike

    from gru_lower.api.accepted_models import AcceptedModel
    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.options import VerifyOptions

SEARCH = 2.0
"""Seconds for which two models that agree at first are searched for inputs on which they differ."""


class MemoryOption(Options, kw_only=True):
    """How much memory the processes of a call may take."""

    memory: Annotated[
        int | str | None,
        Doc(
            'Bytes, or ``"8GB"``, that the process may take that runs models, and calls onnx on graphs it might not '
            "survive.",
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

    a: Annotated[
        "AcceptedModel", Doc("The original: a path, bytes, ModelProto, or any other kind that ``lower`` takes.")
    ]
    b: Annotated["AcceptedModel", Doc("The model to compare with it.")]


class OneOrTwoModels(Options):
    """The models a call times."""

    a: Annotated["AcceptedModel", Doc("The model: a path, bytes, ModelProto, or any other kind that ``lower`` takes.")]
    b: Annotated[
        "AcceptedModel | None", Doc("The model to compare with it; without one, ``a`` lowered by ``auto``.")
    ] = None


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

        inputs = None if self.inputs is None else list(cast("Sequence[Feeds]", self.inputs))
        expected = None if self.expected is None else list(self.expected)
        return replace(super().verify_options(), inputs=inputs, expected=expected, shapes=dict(self.shapes or {}))


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
        "Sequence[Feeds] | str | PathLike[str] | None",
        Doc("Inputs to run on instead of generated ones; the first case is used.", flag="Run on these inputs."),
    ] = None
    shapes: Shapes = None
    progress: LineProgress = None
