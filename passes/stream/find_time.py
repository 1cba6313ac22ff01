"""Find where time runs in a model, and stream it along that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.errors import Unsupported
from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.stream.input_dims import InputDims
from gru_lower.passes.stream.sizes import Sizes
from gru_lower.passes.stream.stream_graph import stream_graph
from gru_lower.passes.stream.time_axes import RECURRENCES, candidate_axes, may_be_stepped, named_axes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.stream.stream_graph import StreamedGraph

MAX_TRIED = 24
MAX_CHUNK = 1 << 16


class NoTime(Unsupported):
    """No axis of the inputs is known to be time."""


def find_and_stream(
    scope: Scope, facts: Facts, wanted: Mapping[str, int], chunk: int
) -> tuple[StreamedGraph, dict[str, int]]:
    """Stream a main graph along the axes that are named, or those that its recurrences step along.

    Args:
        scope: The main graph.
        facts: What is known of it.
        wanted: The axis of time by input; empty to find it.
        chunk: How many frames a push takes.

    Raises:
        Unsupported: There is no such axis.
        NoTime: It is not known which axis is time.

    """
    dims = InputDims(scope)
    if wanted:
        times = in_order(dims, named_axes(dims, wanted))
        return stream_graph(scope, facts, dims, times, chunk), times
    candidates: list[dict[str, int]] = []
    tried: dict[int, StreamedGraph] = {}
    for number, (found, stepped) in enumerate(candidate_axes(scope, facts, dims)):
        times = in_order(dims, found)
        if stepped or may_be_stepped(scope, facts, dims, times):
            tried[number] = result = stream_graph(scope, facts, dims, times, chunk)
            if result.steps or stepped:
                return result, times
        candidates.append(times)
        if number == MAX_TRIED:
            break
    return _without_steps(
        scope,
        facts,
        dims,
        [
            (tried[number] if number in tried else stream_graph(scope, facts, dims, times, chunk), times)
            for number, times in enumerate(candidates)
        ],
    )


def _without_steps(
    scope: Scope, facts: Facts, dims: InputDims, tried: Sequence[tuple[StreamedGraph, dict[str, int]]]
) -> tuple[StreamedGraph, dict[str, int]]:
    """Return the axes of time of a model in which no recurrence steps along any, and what came of them.

    Raises:
        NoTime: It is not known which axis is time.

    """
    working = [each for each in tried if each[0].works and all(one.multiple > 1 for one in each[0].obstacles)]
    recurrent = any(is_onnx(node) and node.op_type in RECURRENCES for node in scope.nodes)
    if working and not recurrent:
        likely = [each for each in working if dims.frames(each[1]) is None] or working
        if len(likely) == 1:
            return likely[0]
        raise NoTime(
            f"time may be {' or '.join(spelled(times) for _, times in likely)}",
            code="GL861",
            hint=f"say which with --time {spelled(likely[0][1])}",
        )
    loops = [each for each in tried if any(one.code == "GL860" for one in each[0].obstacles)]
    blocked = loops or [each for each in tried if each[0].works and each[0].obstacles]
    if blocked:
        return blocked[0]
    if _steps_once(scope, facts, dims):
        raise NoTime("it takes one frame at a time already", code="GL863", hint="export it for sequences to stream it")
    example = next((f"{name}:{len(axes) // 2}" for name, axes in dims.dims.items() if len(axes) > 1), "NAME:AXIS")
    raise NoTime(
        "no axis of the inputs is known to be time: none is stepped along by a GRU, LSTM or RNN, or convolved along",
        code="GL861",
        hint=f"say which axis is time, as in --time {example}",
    )


def in_order(dims: InputDims, times: Mapping[str, int]) -> dict[str, int]:
    """Return axes in the order of the inputs."""
    return {name: times[name] for name in dims.dims if name in times}


def least_chunk(scope: Scope, facts: Facts, times: Mapping[str, int], tried: StreamedGraph, chunk: int) -> int | None:
    """Return the least chunk, above the one tried, with which nothing stands in the way that is about the chunk."""
    dims = InputDims(scope)
    while chunk < MAX_CHUNK:
        factor = max((each.multiple for each in tried.obstacles), default=1)
        if factor == 1:
            return chunk
        chunk *= factor
        if chunk > MAX_CHUNK:
            break
        tried = stream_graph(scope, facts, dims, times, chunk)
    return None


def spelled(times: Mapping[str, int]) -> str:
    """Return axes as --time takes them."""
    return " ".join(f"{name}:{axis}" for name, axis in times.items())


def _steps_once(scope: Scope, facts: Facts, dims: InputDims) -> bool:
    """Whether some recurrence takes one step, whatever the open lengths are."""
    sizes = Sizes(scope, facts, dims.shapes({}, 0, {}))
    return any(is_onnx(node) and node.op_type in RECURRENCES and sizes.steps(node) == 1 for node in scope.nodes)
