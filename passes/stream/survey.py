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
from gru_lower.passes.stream.stream_graph import stream_graph
from gru_lower.streaming.description import describe
from gru_lower.streaming.streaming import InTheWay, Streaming

if TYPE_CHECKING:
    from gru_lower.graph.model import Model


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
            found, times = find_and_stream(scope, facts, {}, 1)
            chunk = least_chunk(scope, facts, times, found, 1) or 1
            if chunk > 1:
                found = stream_graph(scope, facts, InputDims(scope), times, chunk)
    except GruLowerError:
        return None
    obstacles = tuple(
        InTheWay(each.code, each.message, each.site, each.hint or diagnostic(each.code, "").hint)
        for each in found.obstacles
    )
    lag = None if found.description is None else found.description.lag
    return Streaming(times, chunk, lag, len(found.streamer.write.states), obstacles)
