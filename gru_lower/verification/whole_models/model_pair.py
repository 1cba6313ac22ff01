"""Two models in one worker, and the runs of both on the same inputs."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass
from gru_lower.verification.arrays import is_float
from gru_lower.verification.comparing.compare_arrays import compare
from gru_lower.verification.comparing.elementwise_errors import magnitudes
from gru_lower.verification.comparing.output_limits import OutputLimits
from gru_lower.verification.comparing.tally import Tally
from gru_lower.verification.worker.runtimes import RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.comparing.tolerance import Tolerance
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.running.run_cases import Case
    from gru_lower.verification.running.running_model import RunningModel
    from gru_lower.verification.steps import Steps
    from gru_lower.verification.worker.runtimes import Runtime


@dataclass(frozen=True)
class ModelPair:
    """Two models in one worker.

    Attributes:
        original: The original.
        rewrite: The model that should compute the same.
        options: Tolerances, inputs and limits.
        limits: What sets the tolerance of each output, beside its type.
        say: Called with ``(what, done, total)`` at each step.
        largest: The largest absolute value of each output of the original, on all cases so far.

    """

    original: RunningModel
    rewrite: RunningModel
    options: VerifyOptions
    limits: Mapping[str, OutputLimits]
    say: Steps
    largest: dict[str, float] = field(default_factory=dict)

    @property
    def runtimes(self) -> tuple[Runtime, ...]:
        """The runtimes to try; a provider that was asked for is onnxruntime's, and no other runtime replaces it."""
        return RUNTIMES[:1] if self.options.providers else RUNTIMES

    def tolerance(self, name: str, expected: Array) -> Tolerance:
        """Return the tolerance for an output, which is smaller where the output is small on all cases."""
        return self._limits(name).tolerance(expected.dtype, self.options, self.largest.get(name, 0.0))

    def plain_tolerance(self, name: str, expected: Array) -> Tolerance:
        """Return the tolerance for an output, however small it is."""
        return self._limits(name).tolerance(expected.dtype, self.options)

    def _limits(self, name: str) -> OutputLimits:
        return self.limits.get(name, OutputLimits())

    def tally(self, cases: Sequence[Case], outputs: Sequence[Feeds], *, plainly: bool = False) -> Tally:
        """Compare the outputs of the original with those of the rewrite, one dict per case.

        Args:
            cases: With the original's outputs.
            outputs: The rewrite's, one dict per case.
            plainly: Whether tolerances are taken as they are for outputs that are small, too.

        """
        for case in cases:
            for name, expected in case.outputs.items():
                if is_float(expected.dtype):
                    size = float(magnitudes(expected).max(initial=0.0))
                    self.largest[name] = max(self.largest.get(name, 0.0), size)
        tolerance = self.plain_tolerance if plainly else self.tolerance
        tally = Tally()
        for case, actual in zip(cases, outputs, strict=True):
            for name, expected in case.outputs.items():
                tally.add(case.number, name, compare(expected, actual[name], tolerance(name, expected)))
        return tally


@dataclass
class Runs:
    """Runs of both models on the same inputs.

    Attributes:
        cases: The inputs, with the outputs of the original.
        outputs: The outputs of the rewrite, one dict per case.
        runtime: What ran the original.
        rewrite_runtime: What ran the rewrite.
        surely_differing: The numbers of cases that differ in float64, too: neither rounding nor chaos is the reason.
        words: What cases were drawn for, by their number, where that is more than being ordinary: ``T = 51``.

    """

    cases: list[Case]
    outputs: list[Feeds]
    runtime: Runtime
    rewrite_runtime: Runtime
    surely_differing: set[int] = field(default_factory=set)
    words: dict[int, str] = field(default_factory=dict)
