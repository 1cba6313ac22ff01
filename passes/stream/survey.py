"""Whether a model could be streamed, and what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.diagnostics import diagnostic
from gru_lower.errors import GruLowerError
from gru_lower.garbage_collection import without_garbage_collection
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import walk
from gru_lower.passes.stream.find_time import find_and_stream, least_chunk
from gru_lower.passes.stream.input_dims import InputDims
from gru_lower.passes.stream.prepare import prepare
from gru_lower.passes.stream.shorten_chains import shortened
from gru_lower.passes.stream.stream_graph import stream_graph
from gru_lower.streaming.description import describe
from gru_lower.streaming.streaming import InTheWay, Streaming

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import NodeProto

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope


def survey(model: Model) -> Streaming | None:
    """Return whether a model could run frame by frame; ``None`` where it is not known which axis is time.

    Args:
        model: The model; one that was handed over in memory is not changed, one that was read is used up.

    """
    if describe(model.proto) is not None:
        return None
    if model.raw is None:
        model = model.copy()
    try:
        with without_garbage_collection():
            prepare(model)
            scope, facts = next(iter(walk(model.proto))), Facts(model)
            nodes = shortened(scope, facts)
            if nodes is None:
                return _found(scope, facts)
            return _of_short_chains(model, nodes) or _found(next(iter(walk(model.proto))), Facts(model))
    except GruLowerError:
        return None


def _of_short_chains(model: Model, nodes: Sequence[NodeProto]) -> Streaming | None:
    """Return what can be said without looking at every node; ``None`` where something stands in the way.

    Args:
        model: The model; unchanged in the end.
        nodes: Its nodes without those that make no difference.

    """
    all_nodes = list(model.proto.graph.node)
    try:
        _replace(model, nodes)
        found = _found(next(iter(walk(model.proto))), Facts(model))
    finally:
        _replace(model, all_nodes)
    return None if found.in_the_way else found


def _replace(model: Model, nodes: Sequence[NodeProto]) -> None:
    del model.proto.graph.node[:]
    model.proto.graph.node.extend(nodes)


def _found(scope: Scope, facts: Facts) -> Streaming:
    """Return how a model streams, and what stands in the way.

    Raises:
        GruLowerError: It is not known which axis is time.

    """
    found, times = find_and_stream(scope, facts, {}, 1)
    chunk = least_chunk(scope, facts, times, found, 1) or 1
    if chunk > 1:
        found = stream_graph(scope, facts, InputDims(scope), times, chunk)
    obstacles = tuple(
        InTheWay(each.code, each.message, each.site, each.hint or diagnostic(each.code, "").hint)
        for each in found.obstacles
    )
    lag = None if found.description is None else found.description.lag
    return Streaming(times, chunk, lag, len(found.streamer.write.states), obstacles)
