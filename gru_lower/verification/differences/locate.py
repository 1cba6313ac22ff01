"""Where two models that differ start to: at which value, and at which GRU.

1. Values that both models name alike are compared, in the order they are computed in, up to the first that differs.
2. What lies before it is cut off, as long as the rest still differs: known values are fed in both models alike.
3. Of several GRUs that are left, all but one are put back as they were, one after another.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import onnx

from gru_lower.graph.scopes import is_onnx
from gru_lower.verification.comparing.interface import coarsest_float
from gru_lower.verification.comparing.tolerance import compare, errors, is_float, magnitudes, tolerance_for
from gru_lower.verification.differences.restore_grus import Restore
from gru_lower.verification.running.cases import RUNTIMES
from gru_lower.verification.sites.cut_parts import Part, cut, sites
from gru_lower.verification.sites.verify_site import capture
from gru_lower.verification.worker.client import RunFailure

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from gru_lower.verification.comparing.tolerance import Tolerance
    from gru_lower.verification.result import Array, Feeds, VerifyOptions
    from gru_lower.verification.worker.client import Worker

_MOST_GRUS = 24


@dataclass(frozen=True)
class Start:
    """Where two models start to differ.

    Attributes:
        value: The first value that differs.
        sites: The GRUs between that and what still agrees: those that are the cause, if that could be told.
        parts: Of each model, what computes the value from what agrees.
        feeds: What agrees, as the first model computes it.

    """

    value: str
    sites: list[str]
    parts: tuple[Part, Part]
    feeds: Feeds


@dataclass(frozen=True)
class Pair:
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

    def start(self) -> Start | None:
        """Return where they start to differ, None if that cannot be told."""
        shared = self._shared
        outputs = [value.name for value in self.a.graph.output]
        if not outputs:
            return None
        before = self.values(self.a, [*shared, *outputs], self.feeds)
        if before is None:
            return None
        value = self._first_different(shared, outputs, before)
        if value is None:
            return None
        earlier = shared[: shared.index(value)] if value in shared else shared
        known = {**self.feeds, **{name: before[name] for name in earlier}}
        parts = self._least(value, earlier, known)
        if parts is None:
            return None
        feeds = {name: known[name] for name in sorted(parts[0].inputs | parts[1].inputs)}
        return Start(value, self._culprits(value, parts, feeds), parts, feeds)

    @cached_property
    def _shared(self) -> list[str]:
        """The tensors that both models' main graphs compute under one name, in the order of the first."""
        known = [_computed_tensors(model) for model in (self.a, self.b)]
        ancestors = cut(self.a, [value.name for value in self.a.graph.output], ()).kept
        order = [name for index, node in enumerate(self.a.graph.node) if index in ancestors for name in node.output]
        return [name for name in order if name in known[0] and name in known[1]]

    def _first_different(self, shared: list[str], outputs: list[str], before: Feeds) -> str | None:
        after = self.values(self.b, [*shared, *outputs], self.feeds, rewrite=True)
        if after is None:
            return self._first_failing([*shared, *(name for name in outputs if name not in shared)])
        for name in shared:
            if name not in outputs and self._clearly_differs(name, before[name], after[name]):
                return name
        return next((name for name in outputs if not self.agree(before[name], after[name])), None)

    def _first_failing(self, names: list[str]) -> str | None:
        """Return the first value that the rewrite cannot compute."""
        low, high = 0, len(names)  # the first `low` can be computed, the first `high` cannot
        if not names or self._computes(names):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._computes(names[:middle]) else (low, middle)
        return names[low]

    def _computes(self, names: list[str]) -> bool:
        part = cut(self.b, names, self.feeds).model
        return self.values(part, names, self.feeds, rewrite=True) is not None

    def _least(self, value: str, earlier: list[str], known: Feeds) -> tuple[Part, Part] | None:
        """Return the smallest parts that differ, fed with as late values as they do: most often the latest."""

        def parts(count: int) -> tuple[Part, Part]:
            stop = [*self.feeds, *earlier[:count]]
            return cut(self.a, [value], stop), cut(self.b, [value], stop)

        if self.differ(parts(len(earlier)), known):
            return parts(len(earlier))
        low, high = 0, len(earlier)
        if not self.differ(parts(0), known):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.differ(parts(middle), known) else (low, middle)
        return parts(low)

    def _culprits(self, value: str, parts: tuple[Part, Part], feeds: Feeds) -> list[str]:
        """Return the GRUs in the parts, or those of them that differ by themselves."""
        found = [sites(model, part.kept) for model, part in zip((self.a, self.b), parts, strict=True)]
        with_grus = 0 if found[0] else 1
        named = found[with_grus]
        if not 1 < len(named) <= _MOST_GRUS:
            return named
        model, other = (self.a, self.b) if with_grus == 0 else (self.b, self.a)
        restore = Restore(model, other, self.base_dirs[with_grus])

        def still(kept: Sequence[str]) -> bool:
            """Whether the two differ with all GRUs put back but some."""
            mixed = restore.but(named, kept)
            if mixed is None:
                return False
            part = cut(mixed, [value], list(feeds))
            return self.differ((parts[0], part) if with_grus == 0 else (part, parts[1]), feeds)

        if still([]):
            return named  # something else differs, too
        return [site for site in named if still([site])] or named

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
                found = capture(typed, wanted, feeds, self.worker, self.base_dirs[rewrite], runtime)
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
            capture(self.a, [self.a.graph.output[0].name], self.feeds, self.worker, self.base_dirs[0])
        except RunFailure:
            return False
        return True

    def agree(self, expected: Array, actual: Array) -> bool:
        """Whether two arrays are within tolerance."""
        return compare(expected, actual, self._limits(expected)).ok

    def _clearly_differs(self, name: str, expected: Array, actual: Array) -> bool:
        """Whether two arrays are further apart than rounding of their largest elements explains."""
        if expected.shape != actual.shape or expected.dtype != actual.dtype:
            return name in self._made_by_grus  # elsewhere, it is one name for two things
        if not is_float(expected.dtype):
            return not self.agree(expected, actual)
        limits, error = self._limits(expected), errors(expected, actual)
        return bool(error.max(initial=0.0) > limits.atol + limits.rtol * magnitudes(expected).max(initial=0.0))

    def _limits(self, expected: Array) -> Tolerance:
        options = self.options
        return tolerance_for(expected.dtype, rtol=options.rtol, atol=options.atol, computed_in=self._coarsest)

    @cached_property
    def _made_by_grus(self) -> set[str]:
        nodes = (*self.a.graph.node, *self.b.graph.node)
        return {name for node in nodes if is_onnx(node, "GRU") for name in node.output}

    @cached_property
    def _coarsest(self) -> str | None:
        return coarsest_float(self.a)


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
            elem_type = onnx.helper.np_dtype_to_tensor_dtype(array.dtype) if array.dtype.kind not in "OUST" else 8
            value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, elem_type, [None] * array.ndim))
    return typed


def _computed_tensors(model: onnx.ModelProto) -> set[str]:
    """Return the values of a main graph that are tensors for all that can be told, each computed by one node."""
    inferred = onnx.shape_inference.infer_shapes(model)
    kinds = {value.name: value.type.WhichOneof("value") for value in (*inferred.graph.value_info, *model.graph.output)}
    made = Counter(name for node in model.graph.node for name in node.output if name)
    return {name for name, count in made.items() if count == 1 and kinds.get(name) == "tensor_type"}


__all__ = ["Pair", "Start"]
