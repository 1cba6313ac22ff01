"""The pass ``stream``: make a sequence model one that takes some frames at a time and hands its states on."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from gru_lower.diagnostics import diagnostic
from gru_lower.errors import Remaining, Unsupported
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru.parse_node import parse
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.passes.stream.context_window import stream_by_windows
from gru_lower.passes.stream.find_time import find_and_stream, least_chunk, spelled
from gru_lower.passes.stream.prepare import prepare
from gru_lower.passes.stream.refusal import MOST_FRAMES
from gru_lower.passes.stream.write_model import put_in_place, written_model
from gru_lower.streaming import description
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.stream.stream_graph import StreamedGraph

OLDEST = 9


@dataclass(frozen=True)
class StreamOptions:
    """Options of ``stream``.

    Attributes:
        chunk: How many frames each push takes.
        context: How many earlier frames the whole model is given beside each chunk, -1 to stream it exactly.
        time: Axes of the inputs that are time, ``NAME:AXIS`` each, joined by ``+`` and with what a
            pipeline has no room for as in a URL (``%20``); without any they are found.

    """

    chunk: int = 1
    context: int = -1
    time: str = ""


class Stream(Pass):
    """Make a sequence model one that takes some frames at a time and hands its states on.

    Rules:
        1. Time runs along the axes of the inputs that GRUs, LSTMs and RNNs step along, or that are named.
        2. What reads frames before those that come keeps them in a state; what reads frames behind them waits for them.
           Where branches meet, the earlier ones wait for the latest.
        3. A frame before the begin or behind the end is, for whatever reads it, its own padding; recurrences do not
           step on one.
        4. A node that needs every frame stands in the way: nothing is edited then, and each is named with the reason.
    """

    name = "stream"
    Options = StreamOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Stream the main graph.

        Raises:
            Remaining: Something stands in the way.
            Unsupported: It is not known which axis is time, or an option does not fit the model.

        """
        ctx.progress("streaming", 0, 1)
        options: StreamOptions = self.options
        wanted = read_times(options.time)
        if options.chunk < 1:
            raise Unsupported("--chunk: a push takes at least one frame", code="GL008", hint="use 1 or more")
        for flag, frames in (("--chunk", options.chunk), ("--context", options.context)):
            if frames > MOST_FRAMES:
                raise Unsupported(
                    f"{flag} {frames}: no value keeps more than {MOST_FRAMES} frames",
                    code="GL867",
                    hint="hand in fewer at once",
                )
        prepare(model)
        scope = next(iter(walk(model.proto)))
        if scope.opset < OLDEST:
            raise Unsupported(
                f"streaming needs opset {OLDEST} or newer, the model has {scope.opset}",
                code="GL012",
                hint='convert it first: --passes "convert-opset{to=17}"',
            )
        if description.describe(model.proto) is not None:
            raise Unsupported("the model is streamed already", code="GL863", hint="stream the model it was made of")
        facts = Facts(model)
        if options.context >= 0:
            return stream_by_windows(model, scope, facts, wanted, options.chunk, options.context)
        streamed, times = find_and_stream(scope, facts, wanted, options.chunk)
        if streamed.obstacles:
            raise in_the_way(streamed, least_chunk(scope, facts, times, streamed, options.chunk), times)
        result = PassResult(modified=True)
        result.diagnostics += [diagnostic(code, text, node=site) for code, text, site in streamed.streamer.notes]
        result.sites = _sites(scope, facts, streamed)
        put_in_place(model, written_model(streamed, times))
        return result


def read_times(text: str) -> dict[str, int]:
    """Read axes of inputs, as ``NAME:AXIS`` joined by ``+``.

    Raises:
        Unsupported: One is none.

    """
    found: dict[str, int] = {}
    for entry in filter(None, text.split("+")):
        name, colon, axis = unquote(entry).rpartition(":")
        if not colon or not axis.lstrip("-").isdecimal():
            raise Unsupported(f"--time {entry}: no axis", code="GL862", hint="write it like --time INPUT:1")
        found[name] = int(axis)
    return found


def in_the_way(streamed: StreamedGraph, chunk: int | None, times: Mapping[str, int]) -> Remaining:
    """Return the error that names what stands in the way."""
    obstacles = streamed.obstacles
    first = next((each for each in obstacles if each.multiple == 1), obstacles[0])
    about_chunk = first.multiple > 1
    more = [each for each in obstacles if each is not first]
    text = f"{first.message} (time is {spelled(times)})"
    if more and not about_chunk:
        text += "; also " + "; ".join(f"{each.message} [{each.code}]" for each in more[:8])
    hint = first.hint
    if about_chunk:
        hint = f"hand in more frames at once: --chunk {chunk}" if chunk else None
    elif hint is None:
        hint = diagnostic(first.code, "").hint
    return Remaining(text, code=first.code, hint=hint)


def _sites(scope: Scope, facts: Facts, streamed: StreamedGraph) -> list[Site]:
    """Return an entry for each GRU that steps along time."""
    found: list[Site] = []
    states = streamed.streamer.states_of
    for index, node in enumerate(scope.nodes):
        site = scope.site(index)
        if is_onnx(node, "GRU") and site in states:
            text = f"state {states[site][0]} → {states[site][1]}"
            found.append(Site(site, scope.path, node.name, parse(scope, index, facts).spec, "streamed", message=text))
    return found
