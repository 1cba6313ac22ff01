"""Whole models that begin to run before anybody asks how they compare: while each of their sites is compared."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING

from gru_lower.errors import FOREIGN_FAILURES, GruLowerError
from gru_lower.verification.inputs.errors import BadInputs, Unfeedable
from gru_lower.verification.inputs.generate import feeds_of, plan_inputs, tries
from gru_lower.verification.running.running_model import RunningModel
from gru_lower.verification.whole_models.judge_apart import running_on_empty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import onnx

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.inputs.generate import InputPlan
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.worker.client import Worker


class BegunModels:
    """Two models and the inputs that are drawn for them.

    Attributes:
        original: The original.
        rewrite: The model that should compute the same.

    Args:
        worker: Where they run.
        a: The original.
        b: The other.
        base_dir_a: The folder of the original's external data.
        base_dir_b: The folder of the other's.
        options: How they are verified.
        raw_a: The original's serialisation, where somebody has it.

    """

    def __init__(
        self,
        worker: Worker,
        a: onnx.ModelProto,
        b: onnx.ModelProto,
        base_dir_a: Path | None,
        base_dir_b: Path | None,
        options: VerifyOptions,
        raw_a: bytes = b"",
    ) -> None:
        """Run nothing yet."""
        self.original = RunningModel(worker, a, base_dir_a, raw_a)
        self.rewrite = RunningModel(worker, b, base_dir_b)
        self._options = options
        self._plan: InputPlan | None = None
        self._first: list[Feeds] = []
        self._ran: list[Feeds] | None = None

    def load_ahead(self) -> bool:
        """Begin to load both, where the process that runs models does things ahead; return whether that is done."""
        loading = [model.load_ahead() for model in (self.original, self.rewrite)]
        return all(loading)

    def begin_original(self) -> None:
        """Begin to run the original on the first inputs, where that is done ahead."""
        if self._options.inputs is not None or not self.original.is_ahead:
            return
        with suppress(Unfeedable, BadInputs, MemoryError):  # as whoever asks for the verdict is told
            self._first = list(islice(feeds_of(self.plan), self._options.cases))
        self._run_original(self._first)

    def go_on(self) -> None:
        """Begin to run the original on more inputs, where it is known already that it refused some of the first."""
        if all(map(self.original.has_run_ahead, self._first)):
            self._settle()

    def begin_rewrite(self) -> None:
        """Begin to run the other on the inputs on which the original runs."""
        for feeds in self._settle():
            self.rewrite.run_ahead(feeds)

    def load_for_empty(self) -> None:
        """Begin to load what will run on empty inputs, where there are to be some and that is done ahead."""
        if not self._options.corners or self._options.inputs is not None or not self.original.is_ahead:
            return
        with suppress(*FOREIGN_FAILURES, GruLowerError):  # as whoever asks for the verdict is told
            for model in (self.original, self.rewrite) if self.plan.unknown() else ():
                running, runtime = running_on_empty(model)
                if runtime == "onnxruntime":
                    running.load_ahead()

    def _run_original(self, drawn: list[Feeds]) -> None:
        for feeds in drawn:
            self.original.run_ahead(feeds, at_once=feeds is drawn[-1])

    def _settle(self) -> list[Feeds]:
        """Return the first inputs on which the original runs; for those it refused, begin to run it on more."""
        if self._ran is None:
            self._ran = [feeds for feeds in self._first if self.original.settles(feeds)]
            known = len(self._first)
            wanted = min(known + 2 * (known - len(self._ran)), tries(self._options.cases))
            if self._ran and known < wanted:
                with suppress(Unfeedable, BadInputs, MemoryError):  # as whoever asks for the verdict is told
                    self._first += islice(feeds_of(self.plan), known, wanted)
                self._run_original(self._first[known:])
        return self._ran

    @property
    def plan(self) -> InputPlan:
        """What all inputs drawn for them have in common.

        Raises:
            Unfeedable: There are none.
            BadInputs: The shapes in `options` do not fit.

        """
        if self._plan is None:
            options = self._options
            self._plan = plan_inputs(
                self.original.model,
                seed=options.seed,
                shapes=options.shapes,
                other=self.rewrite.model,
                zero_lengths=options.zero_length_state == "zero",
                padding=options.padding,
            )
        return self._plan

    def drawn(self) -> Iterator[Feeds]:
        """Yield as many inputs as are tried, those first on which both may have begun to run."""
        return chain(self._first, islice(feeds_of(self.plan), len(self._first), tries(self._options.cases)))
