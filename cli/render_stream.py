"""What ``gru-lower stream`` prints of a streamed model: what goes in and out, how late, and the states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.cli.tables import show_table

if TYPE_CHECKING:
    from gru_lower.cli.terminal import Terminal
    from gru_lower.streaming.description import StreamDescription
    from gru_lower.streaming.streaming import Streaming


def show_stream(terminal: Terminal, stream: StreamDescription) -> None:
    """Print the interface of a streamed model."""
    inputs = ", ".join(f"{each.name} (axis {each.axis})" for each in stream.inputs)
    late = (
        "none: the first frame that comes out is the first" if not stream.lag else f"{stream.lag} of the inputs' frames"
    )
    terminal.line(f"Each push takes {stream.chunk} frame{'s' * (stream.chunk != 1)} of {inputs}. Lag: {late}")
    for each in stream.outputs:
        if each.axis is None:
            terminal.line(f"  {each.name}: as of the latest frame")
        elif each.lag or each.chunk != stream.chunk:
            terminal.line(f"  {each.name}: {each.chunk} each push, the first {each.lag} not to be used")
    if stream.states and not terminal.quiet:
        show_table(terminal, ("state", "next value", "shape", "first value", "kind"), _states(stream))


def show_streaming(terminal: Terminal, streaming: Streaming) -> None:
    """Print whether a model could run frame by frame, and what stands in the way."""
    if streaming.possible:
        chunk = f"--chunk {streaming.chunk}, " if streaming.chunk > 1 else ""
        along = ", ".join(f"{name}:{axis}" for name, axis in streaming.time.items())
        states = f"{streaming.states} state{'' if streaming.states == 1 else 's'}"
        terminal.line(f"Streams along {along} ({chunk}lag {streaming.lag}, {states}): gru-lower stream")
        return
    for each in streaming.in_the_way:
        terminal.line(f"Does not stream: {each.code}: {each.message}")


def _states(stream: StreamDescription) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for each in stream.states:
        first = f"{each.first:g}" if isinstance(each.first, float) else "see the metadata"
        rows.append((each.input, each.output, " × ".join(map(str, each.shape)), first, each.kind))
    return rows
