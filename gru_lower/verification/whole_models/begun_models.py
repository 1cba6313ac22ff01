"""Whole models that begin to run before anybody asks how they compare: while each of their sites is compared."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING

from gru_lower.verification.inputs.errors import BadInputs, Unfeedable
from gru_lower.verification.inputs.generate import feeds_of, plan_inputs, tries
from gru_lower.verification.running.running_model import RunningModel

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

    """

    def __init__(
        self,
        worker: Worker,
        a: onnx.ModelProto,
        b: onnx.ModelProto,
        base_dir_a: Path | None,
        base_dir_b: Path | None,
        options: VerifyOptions,
    ) -> None:
        """Run nothing yet."""
        self.original = RunningModel(worker, a, base_dir_a)
        self.rewrite = RunningModel(worker, b, base_dir_b)
        self._options = options
        self._plan: InputPlan | None = None
        self._first: list[Feeds] = []

    def load_ahead(self) -> bool:
        """Begin to load both, where the process that runs models does things ahead; return whether that is done."""
        loading = [model.load_ahead() for model in (self.original, self.rewrite)]
        return all(loading)

    def begin_original(self) -> None:
        """Begin to run the original on the first inputs, where that is done ahead."""
        if not self.load_ahead() or self._options.inputs is not None:
            return
        with suppress(Unfeedable, BadInputs, MemoryError):  # as whoever asks for the verdict is told
            self._first = list(islice(feeds_of(self.plan), self._options.cases))
        for feeds in self._first:
            self.original.run_ahead(feeds)

    def begin_rewrite(self) -> None:
        """Begin to run the other on the inputs on which the original runs, and that on more for those it refused."""
        with suppress(Unfeedable, BadInputs, MemoryError):  # as whoever asks for the verdict is told
            ran = [feeds for feeds in self._first if self.original.settles(feeds)]
            for feeds in ran:
                self.rewrite.run_ahead(feeds)
            known = len(self._first)
            wanted = min(known + 2 * (known - len(ran)), tries(self._options.cases))
            if ran and known < wanted:
                self._first += islice(feeds_of(self.plan), known, wanted)
            for feeds in self._first[known:]:
                self.original.run_ahead(feeds)

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
