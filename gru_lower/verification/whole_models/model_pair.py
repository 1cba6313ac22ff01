"""Two models in one worker, and the runs of both on the same inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gru_lower.verification.comparing.compare_arrays import compare
from gru_lower.verification.comparing.tally import Tally
from gru_lower.verification.comparing.tolerance import tolerance_for
from gru_lower.verification.worker.runtimes import RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.comparing.tolerance import Tolerance
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.running.run_cases import Case
    from gru_lower.verification.running.running_model import RunningModel
    from gru_lower.verification.worker.runtimes import Runtime


@dataclass(frozen=True)
class ModelPair:
    """Two models in one worker.

    Attributes:
        original: The original.
        rewrite: The model that should compute the same.
        options: Tolerances, inputs and limits.
        computed_in: The coarsest float type inside the original, as :func:`tolerance_for` takes it.
        say: Called with one line per step.

    """

    original: RunningModel
    rewrite: RunningModel
    options: VerifyOptions
    computed_in: str | None
    say: Callable[[str], None]

    @property
    def runtimes(self) -> tuple[Runtime, ...]:
        """The runtimes to try; a provider that was asked for is onnxruntime's, and no other runtime replaces it."""
        return RUNTIMES[:1] if self.options.providers else RUNTIMES

    def tolerance(self, expected: Array) -> Tolerance:
        """Return the tolerance for an output."""
        options = self.options
        return tolerance_for(expected.dtype, rtol=options.rtol, atol=options.atol, computed_in=self.computed_in)

    def tally(self, cases: Sequence[Case], outputs: Sequence[Feeds]) -> Tally:
        """Compare the outputs of the original with those of the rewrite, one dict per case."""
        tally = Tally()
        for case, actual in zip(cases, outputs, strict=True):
            for name, expected in case.outputs.items():
                tally.add(case.number, name, compare(expected, actual[name], self.tolerance(expected)))
        return tally


@dataclass
class Runs:
    """Runs of both models on the same inputs.

    Attributes:
        cases: The inputs, with the outputs of the original.
        outputs: The outputs of the rewrite, one dict per case.
        runtime: What ran the original.
        rewrite_runtime: What ran the rewrite.

    """

    cases: list[Case]
    outputs: list[Feeds]
    runtime: Runtime
    rewrite_runtime: Runtime
