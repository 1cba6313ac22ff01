"""Streaming by windows: the whole model runs on each chunk and some frames before it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from gru_lower.diagnostics import diagnostic
from gru_lower.errors import Unsupported
from gru_lower.passes.base import PassResult
from gru_lower.passes.stream.find_time import find_and_stream, spelled
from gru_lower.passes.stream.input_dims import InputDims
from gru_lower.passes.stream.known import Known
from gru_lower.passes.stream.names import names_of
from gru_lower.passes.stream.write_model import WrittenModel, put_in_place
from gru_lower.passes.stream.writer import Writer
from gru_lower.streaming.description import StreamDescription, StreamedOutput, TimedInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope


def stream_by_windows(
    model: Model, scope: Scope, facts: Facts, wanted: Mapping[str, int], chunk: int, context: int
) -> PassResult:
    """Give the whole model each chunk behind the frames before it, and take what belongs to the chunk.

    Args:
        model: Edited in place.
        scope: Its main graph.
        facts: What is known of it.
        wanted: The axis of time by input; empty to find it.
        chunk: How many frames a push takes.
        context: How many frames before them the model is given.

    Raises:
        Unsupported: It is not known which axis is time, or the model takes sequences of another length only.

    """
    dims = InputDims(scope)
    _, times = find_and_stream(scope, facts, wanted, chunk)
    known = Known(scope, facts, dims, times)
    whole = chunk + context
    if not known.is_open and known.frames != whole:
        raise Unsupported(
            f"the model takes {known.frames} frames, and --chunk and --context make {whole}",
            code="GL864",
            hint=f"use --chunk {min(chunk, known.frames)} --context {max(known.frames - chunk, 0)}",
        )
    names = names_of(scope)
    write = Writer(scope.opset, names)
    inside: dict[str, str] = {}
    for name, axis in times.items():
        inside[name] = name if not context else _window(write, known, name, axis, chunk, context)
    write.nodes.extend(scope.nodes)
    for node in write.nodes[len(write.nodes) - len(scope.nodes) :]:
        for place, name in enumerate(node.input):
            if name in inside:
                node.input[place] = inside[name]
    outputs: list[StreamedOutput] = []
    lengths: dict[str, tuple[int, int | None]] = {}
    for name in scope.outputs:
        grown = known.grows(name)
        if len(grown) != 1:
            outputs.append(StreamedOutput(name, None, chunk, 0))
            continue
        axis = grown[0]
        rate = Fraction(known.growth(name, axis), known.frames)
        frames = rate * chunk
        if frames.denominator != 1:
            raise Unsupported(
                f"{name} has {rate} frames for each of the inputs",
                code="GL856",
                hint=f"hand in more frames at once: --chunk {chunk * frames.denominator}",
            )
        if name not in scope.inputs:  # which holds the frames of the push alone
            _take_last(write, name, axis, int(frames))
        outputs.append(StreamedOutput(name, axis, int(frames), 0, ((rate.numerator, 0, rate.denominator),)))
        lengths[name] = axis, int(frames)
    states = tuple(written.state for written in write.states)
    timed = tuple(TimedInput(name, axis) for name, axis in times.items())
    found = StreamDescription(chunk, 0, timed, tuple(outputs), states, None, context)
    put_in_place(model, WrittenModel(write, found, times, lengths, set()))
    text = (
        f"streamed by windows of {whole} frames along {spelled(times)}: what the model knows of earlier or later "
        "ones is not in it"
    )
    return PassResult(modified=True, diagnostics=[diagnostic("GL864", text)])


def _window(write: Writer, known: Known, name: str, axis: int, chunk: int, context: int) -> str:
    dims = known.dims(name) or []
    dims[axis] = context
    cache, following = write.state(f"{name}_past", known.elem_type(name), dims)
    window = write.concat([cache, name], axis, f"{name}_window")
    write.slice(window, axis, chunk, chunk + context, f"{name}_keep", following)
    return window


def _take_last(write: Writer, name: str, axis: int, frames: int) -> None:
    """Write the last frames of an output of the whole model under its name."""
    inner = write.names.value(f"{name}_all")
    for node in write.nodes:
        for place, output in enumerate(node.output):
            if output == name:
                node.output[place] = inner
        for place, given in enumerate(node.input):
            if given == name:
                node.input[place] = inner
    write.slice(inner, axis, -frames, None, f"{name}_last", name)
