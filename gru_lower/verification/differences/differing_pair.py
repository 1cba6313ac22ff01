"""Two models that differ on some inputs: run parts of both, and compare the values they compute."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import onnx

from gru_lower.graph.scopes import is_onnx
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.arrays import is_float
from gru_lower.verification.comparing.compare_arrays import compare
from gru_lower.verification.comparing.elementwise_errors import errors, magnitudes
from gru_lower.verification.comparing.output_limits import OutputLimits, coarsest_of
from gru_lower.verification.running.capture_values import capture_values
from gru_lower.verification.sites.cut_model import Part, elem_type_of
from gru_lower.verification.worker.run_failure import RunFailure
from gru_lower.verification.worker.runtimes import RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.comparing.tolerance import Tolerance
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.worker.client import Worker


@dataclass(frozen=True)
class DifferingPair:
    """Two models that differ on some inputs, and what runs them.

    Attributes:
        a: The original.
        b: The rewrite.
        feeds: The inputs.
        options: Tolerances.
        worker: Where they run.
        base_dirs: The folders of their external data.

    """

    a: onnx.ModelProto
    b: onnx.ModelProto
    feeds: Feeds
    options: VerifyOptions
    worker: Worker
    base_dirs: tuple[Path | None, Path | None] = (None, None)

    def differ(self, parts: tuple[Part, Part], known: Feeds) -> bool:
        """Whether two parts differ on known values; where the first does not run, there is nothing to say."""
        names = [value.name for value in parts[0].model.graph.output]
        feeds = {name: known[name] for name in parts[0].inputs}
        before = self.values(parts[0].model, names, feeds)
        if before is None:
            return False
        feeds = {name: known[name] for name in parts[1].inputs}
        after = self.values(parts[1].model, names, feeds, rewrite=True)
        return after is None or not all(self.agree(before[name], after[name]) for name in names)

    def values(
        self, model: onnx.ModelProto, names: Collection[str], feeds: Feeds, *, rewrite: bool = False
    ) -> Feeds | None:
        """Return values of a main graph, in the first runtime that runs it; None if none does that is to.

        onnx's reference evaluator runs much that is wrong: it stands in for the rewrite only where it does so for the
        original.
        """
        wanted = [name for name in dict.fromkeys(names) if name not in feeds]
        typed = _typed_inputs(model, feeds)
        for runtime in RUNTIMES[:1] if self.options.providers else RUNTIMES:
            try:
                found = capture_values(typed, wanted, feeds, self.worker, self.base_dirs[rewrite], runtime)
            except RunFailure as failure:
                if failure.kind in {"timeout", "memory"} or (
                    rewrite and not failure.lacks_kernel and self._runs_in_onnxruntime
                ):
                    return None
            else:
                return {**{name: feeds[name] for name in names if name in feeds}, **found}
        return None

    @cached_property
    def _runs_in_onnxruntime(self) -> bool:
        try:
            capture_values(self.a, [self.a.graph.output[0].name], self.feeds, self.worker, self.base_dirs[0])
        except RunFailure:
            return False
        return True

    def agree(self, expected: Array, actual: Array) -> bool:
        """Whether two arrays are within tolerance."""
        return compare(expected, actual, self._tolerance(expected)).ok

    def clearly_differs(self, name: str, expected: Array, actual: Array) -> bool:
        """Whether two arrays are further apart than rounding of their largest elements explains."""
        if expected.shape != actual.shape or expected.dtype != actual.dtype:
            return name in self._made_by_grus  # elsewhere, it is one name for two things
        if not is_float(expected.dtype):
            return not self.agree(expected, actual)
        largest = magnitudes(expected).max(initial=0.0)
        return bool(errors(expected, actual).max(initial=0.0) > self._tolerance(expected).bound(largest))

    def _tolerance(self, expected: Array) -> Tolerance:
        return self._limits.tolerance(expected.dtype, self.options)

    @cached_property
    def _made_by_grus(self) -> set[str]:
        nodes = (*self.a.graph.node, *self.b.graph.node)
        return {name for node in nodes if is_onnx(node, "GRU") for name in node.output}

    @cached_property
    def _limits(self) -> OutputLimits:
        return coarsest_of(self.a, self.b)


def _typed_inputs(model: onnx.ModelProto, feeds: Feeds) -> onnx.ModelProto:
    """Return a part with types for the inputs that have none, of any size."""
    untyped = [value.name for value in model.graph.input if not value.HasField("type")]
    if not untyped:
        return model
    typed = onnx.ModelProto()
    typed.CopyFrom(model)
    for value in typed.graph.input:
        if value.name in untyped:
            array = feeds[value.name]
            value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, elem_type_of(array), [None] * array.ndim))
    return typed
