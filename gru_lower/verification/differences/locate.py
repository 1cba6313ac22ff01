"""Locate where two models that differ start to: at which value, and at which GRU.

1. Values that both models name alike are compared, in the order they are computed in, up to the first that differs.
2. What lies before it is cut off, as long as the rest still differs: known values are fed in both models alike.
3. Of several GRUs that are left, all but one are put back as they were, one after another.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gru_lower.graph import onnx_calls
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.differences.restore_grus import Restore
from gru_lower.verification.sites.cut_model import Part, cut, gru_sites

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.differences.differing_pair import DifferingPair

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


def locate(pair: DifferingPair) -> Start | None:
    """Return where they start to differ, None if that cannot be told.

    On empty inputs nothing is run again: onnxruntime's GRU may end the process on them.
    """
    if any(array.size == 0 for array in pair.feeds.values()):
        return None
    shared = _shared_tensors(pair)
    outputs = [value.name for value in pair.a.graph.output]
    if not outputs:
        return None
    before = pair.values(pair.a, [*shared, *outputs], pair.feeds)
    if before is None:
        return None
    value = _first_different(pair, shared, outputs, before)
    if value is None:
        return None
    earlier = shared[: shared.index(value)] if value in shared else shared
    known = {**pair.feeds, **{name: before[name] for name in earlier}}
    parts = _smallest_parts(pair, value, earlier, known)
    if parts is None:
        return None
    feeds = {name: known[name] for name in sorted(parts[0].inputs | parts[1].inputs)}
    return Start(value, _differing_grus(pair, value, parts, feeds), parts, feeds)


def _shared_tensors(pair: DifferingPair) -> list[str]:
    """The tensors that both models' main graphs compute under one name, in the order of the first."""
    known = [_computed_tensors(model) for model in (pair.a, pair.b)]
    ancestors = cut(pair.a, [value.name for value in pair.a.graph.output], ()).kept
    order = [name for index, node in enumerate(pair.a.graph.node) if index in ancestors for name in node.output]
    return [name for name in order if name in known[0] and name in known[1]]


def _first_different(pair: DifferingPair, shared: list[str], outputs: list[str], before: Feeds) -> str | None:
    after = pair.values(pair.b, [*shared, *outputs], pair.feeds, rewrite=True)
    if after is None:
        return _first_failing(pair, [*shared, *(name for name in outputs if name not in shared)])
    for name in shared:
        if name not in outputs and pair.clearly_differs(name, before[name], after[name]):
            return name
    return next((name for name in outputs if not pair.agree(before[name], after[name])), None)


def _first_failing(pair: DifferingPair, names: list[str]) -> str | None:
    """Return the first value that the rewrite cannot compute."""
    low, high = 0, len(names)  # the first `low` can be computed, the first `high` cannot
    if not names or _computes(pair, names):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _computes(pair, names[:middle]) else (low, middle)
    return names[low]


def _computes(pair: DifferingPair, names: list[str]) -> bool:
    part = cut(pair.b, names, pair.feeds).model
    return pair.values(part, names, pair.feeds, rewrite=True) is not None


def _smallest_parts(pair: DifferingPair, value: str, earlier: list[str], known: Feeds) -> tuple[Part, Part] | None:
    """Return the smallest parts that differ, fed with as late values as they do: most often the latest."""

    def parts(count: int) -> tuple[Part, Part]:
        stop = [*pair.feeds, *earlier[:count]]
        return cut(pair.a, [value], stop), cut(pair.b, [value], stop)

    if pair.differ(parts(len(earlier)), known):
        return parts(len(earlier))
    low, high = 0, len(earlier)
    if not pair.differ(parts(0), known):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if pair.differ(parts(middle), known) else (low, middle)
    return parts(low)


def _differing_grus(pair: DifferingPair, value: str, parts: tuple[Part, Part], feeds: Feeds) -> list[str]:
    """Return the GRUs in the parts, or those of them that differ by themselves."""
    found = [gru_sites(model, part.kept) for model, part in zip((pair.a, pair.b), parts, strict=True)]
    with_grus = 0 if found[0] else 1
    named = found[with_grus]
    if not 1 < len(named) <= _MOST_GRUS:
        return named
    model, other = (pair.a, pair.b) if with_grus == 0 else (pair.b, pair.a)
    restore = Restore(model, other, pair.base_dirs[with_grus])

    def differ_with(kept: Sequence[str]) -> bool:
        """Whether the two differ with all GRUs put back except some."""
        mixed = restore.restored(named, kept)
        if mixed is None:
            return False
        part = cut(mixed, [value], list(feeds))
        return pair.differ((parts[0], part) if with_grus == 0 else (part, parts[1]), feeds)

    if differ_with([]):
        return named  # something else differs, too
    return [site for site in named if differ_with([site])] or named


def _computed_tensors(model: onnx.ModelProto) -> set[str]:
    """Return the values of a main graph that are tensors for all that can be told, each computed by one node."""
    try:
        inferred = onnx_calls.call("infer", model)
    except onnx_calls.OnnxRefusalError:
        inferred = model
    kinds = {value.name: value.type.WhichOneof("value") for value in (*inferred.graph.value_info, *model.graph.output)}
    made = Counter(name for node in model.graph.node for name in node.output if name)
    return {name for name, count in made.items() if count == 1 and kinds.get(name) == "tensor_type"}
