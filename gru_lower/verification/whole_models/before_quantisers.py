"""Judge two models before what they quantise: a value next to a rounding boundary may fall to either side of it.

Both models are cut at their QuantizeLinear and DynamicQuantizeLinear nodes. What goes into each is compared, and behind
it the second model goes on with what the first one made of it. Where all of that agrees, the two differ by nothing but
which way single values were rounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import onnx
from onnx import helper

from gru_lower.light_dataclass import dataclass
from gru_lower.verification.comparing.chaos import movement_if_chaotic
from gru_lower.verification.comparing.compare_arrays import compare
from gru_lower.verification.comparing.output_limits import OutputLimits
from gru_lower.verification.comparing.tolerance import DEFAULTS, Tolerance
from gru_lower.verification.running.capture_values import capture_values
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.running.run_cases import Case
    from gru_lower.verification.running.running_model import RunningModel
    from gru_lower.verification.whole_models.model_pair import ModelPair, Runs
    from gru_lower.verification.worker.runtimes import Runtime

_QUANTISERS = ("QuantizeLinear", "DynamicQuantizeLinear")


@dataclass(frozen=True)
class _Cut:
    """A quantiser of the first model and the one that stands for it in the second."""

    first: onnx.NodeProto
    second: onnx.NodeProto

    @property
    def inputs(self) -> Iterator[tuple[str, str]]:
        """What goes into both, scales and zero points included, by name."""
        return ((a, b) for a, b in zip(self.first.input, self.second.input, strict=True) if a)


def judge_before_quantisers(pair: ModelPair, runs: Runs) -> Literal["agree", "differ", "unknown"]:
    """Tell whether two models that differ do so before they quantise, or behind that with the same roundings.

    Args:
        pair: The models.
        runs: What they computed.

    Returns:
        "unknown" where there is nothing to cut at, or where the first model is chaotic even between the cuts.

    """
    cuts = _cuts(pair.original.model.graph, pair.rewrite.model.graph)
    failing = {entry.case for entry in pair.tally(runs.cases, runs.outputs).failing}
    if not cuts:
        return "unknown"
    pair.say("values before they are quantised", 0, 0)
    try:
        sides = [_Sides(pair, runs, cuts, case) for case in runs.cases if case.number in failing]
        wrong = [(each, names) for each in sides if (names := each.out_of_tolerance())]
        if not wrong:
            return "agree"
        return "unknown" if all(each.is_chaotic(names) for each, names in wrong) else "differ"
    except RunFailure:
        return "unknown"


def _cuts(first: onnx.GraphProto, second: onnx.GraphProto) -> list[_Cut]:
    """Match quantisers by what they make, the others by their order if there are as many."""
    ours, theirs = ([node for node in graph.node if node.op_type in _QUANTISERS] for graph in (first, second))
    named = {node.output[0]: node for node in theirs}
    pairs = [(node, named[node.output[0]]) for node in ours if node.output[0] in named]
    matched = {node.output[0] for node, _ in pairs}
    left = [[node for node in nodes if node.output[0] not in matched] for nodes in (ours, theirs)]
    if len(left[0]) == len(left[1]):
        pairs += zip(*left, strict=True)
    return [_Cut(a, b) for a, b in pairs if _do_the_same(a, b)]


def _do_the_same(a: onnx.NodeProto, b: onnx.NodeProto) -> bool:
    same = (a.op_type, a.domain, len(a.input), len(a.output)) == (b.op_type, b.domain, len(b.input), len(b.output))
    attributes = [sorted(node.attribute, key=lambda each: each.name) for node in (a, b)]
    return (
        same
        and attributes[0] == attributes[1]
        and all(bool(x) == bool(y) for x, y in zip(a.input, b.input, strict=True))
    )


class _Sides:
    """What both models compute on a case where the second goes on with what the first one quantised.

    Attributes:
        ours: Values of the first model by name: its inputs, its outputs, what goes into each cut and what comes out.
        theirs: The same of the second, by the first one's names.

    """

    def __init__(self, pair: ModelPair, runs: Runs, cuts: list[_Cut], case: Case) -> None:
        """Run both."""
        self._pair, self._runs, self._cuts, self._case = pair, runs, cuts, case
        self._outputs = list(case.outputs)
        first, second = pair.original, pair.rewrite
        made = [name for cut in cuts for name in cut.first.output if name]
        put_in = [a for cut in cuts for a, _ in cut.inputs]
        self.ours = {**case.feeds}
        wanted = [name for name in (*self._outputs, *put_in, *made) if name not in self.ours]
        self.ours |= capture_values(first.model, wanted, case.feeds, first.worker, first.base_dir, runs.runtime)
        fed = {**case.feeds}
        for cut in cuts:
            fed |= {b: self.ours[a] for a, b in zip(cut.first.output, cut.second.output, strict=True) if a and b}
        found = _run_behind(
            second,
            runs.rewrite_runtime,
            fed,
            [cut.second for cut in cuts],
            [*self._outputs, *(b for cut in cuts for _, b in cut.inputs)],
        )
        self.theirs = {name: found[name] for name in self._outputs}
        self.theirs |= {a: found[b] for cut in cuts for a, b in cut.inputs}

    def out_of_tolerance(self) -> list[str]:
        """Return the values that differ: outputs, what is quantised, scales and zero points."""
        limits = OutputLimits(
            max((each.computed_in or "" for each in self._pair.limits.values()), key=_coarseness, default=None)
        )
        tolerances = {}
        for cut in self._cuts:
            for place, (name, _) in enumerate(cut.inputs):
                plain = limits.tolerance(self.ours[name].dtype, self._pair.options)
                tolerances[name] = Tolerance(0.0, 0.0) if place else plain
        tolerances |= {name: self._pair.tolerance(name, self.ours[name]) for name in self._outputs}
        return [name for name, limit in tolerances.items() if not compare(self.ours[name], self.theirs[name], limit).ok]

    def is_chaotic(self, names: list[str]) -> bool:
        """Whether the first model itself moves as much between the cuts when its inputs change in the last bits."""
        first, quantisers = self._pair.original, [cut.first for cut in self._cuts]
        fed = self._case.feeds | {name: self.ours[name] for node in quantisers for name in node.output if name}

        def run(feeds: Feeds) -> Feeds:
            return _run_behind(first, self._runs.runtime, feeds, quantisers, names)

        return movement_if_chaotic(run, fed, self.ours, self.theirs, names) is not None


def _run_behind(
    model: RunningModel, runtime: Runtime, fed: Feeds, quantisers: list[onnx.NodeProto], wanted: list[str]
) -> Feeds:
    """Return values of a model that goes on with what its quantisers are said to make."""
    part = _without_quantisers(model.model, quantisers, fed)
    feeds = {value.name: fed[value.name] for value in part.graph.input if value.name in fed}
    computed = [name for name in wanted if name not in fed]
    return fed | capture_values(part, computed, feeds, model.worker, model.base_dir, runtime)


def _coarseness(name: str) -> float:
    return DEFAULTS[name].atol if name in DEFAULTS else 0.0


def _without_quantisers(model: onnx.ModelProto, quantisers: list[onnx.NodeProto], known: Feeds) -> onnx.ModelProto:
    """Return a model whose quantisers are gone, and what they make is among its inputs."""
    part = onnx.ModelProto()
    part.CopyFrom(model)
    made = {name for node in quantisers for name in node.output if name}
    kept = [node for node in part.graph.node if made.isdisjoint(node.output)]
    del part.graph.node[:]
    part.graph.node.extend(kept)
    for name in made:
        array = known[name]
        elem_type = helper.np_dtype_to_tensor_dtype(array.dtype)
        part.graph.input.append(helper.make_tensor_value_info(name, elem_type, [None] * array.ndim))
    outputs = [value for value in part.graph.output if value.name not in made]
    del part.graph.output[:]
    part.graph.output.extend(outputs)
    return part
