"""GRU, LSTM and RNN: their states come in and go out, and do not step on frames that are none of the stream."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.stream.operators.held_states import HeldStates, Stretch
from gru_lower.passes.stream.refusal import Refused

if TYPE_CHECKING:
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Array, Streamer
    from gru_lower.passes.stream.timing import Timed

STATES = {"GRU": ((5, 1, "h"),), "RNN": ((5, 1, "h"),), "LSTM": ((5, 1, "h"), (6, 2, "c"))}
"""For each operator its states: the input of the first value, the output of the last one, and its letter."""
SEQUENCE_LENS = 4


@dataclass
class _Recurrence:
    """A recurrence as it is streamed.

    Attributes:
        node: The node.
        found: Its X.
        batch_major: Whether the batch is in front of time in X and Y.
        inputs: Its inputs in the streamed model.

    """

    node: Node
    found: Timed
    batch_major: bool
    inputs: list[str]


@dataclass
class _State:
    """One state of a recurrence.

    Attributes:
        first: As a push begins.
        now: Behind the stretches that are written.
        following: The output for its next value, ``""`` where the model has one of its own.
        exposed: The output of the node that it is in the whole model, ``""`` where nothing asks for it.
        letter: Which one it is.
        zero: Whether it is 0 for as long as no frame has come.

    """

    first: str
    now: str
    following: str
    exposed: str
    letter: str
    zero: bool


def recurrence(streamer: Streamer, node: Node) -> None:
    """Stream a GRU, LSTM or RNN."""
    timed = node.timed(streamer)
    if 0 not in timed:
        raise Refused("GL853", "its weights, or its first state, are different for each frame")
    layout = node.attributes.get("layout", 0)
    if layout not in (0, 1):
        raise Refused("GL859", f"its layout is {layout}, which is none")
    batch_major = layout == 1
    found = streamer.ready(timed[0], node.local)
    if found.before == 1:
        found = streamer.plain(found, node.local)
    if found.axis == 2:
        raise Refused("GL851", "axis 2 of X, which is time, is its features")
    inputs = [found.name, *[streamer.name(name) for name in node.inputs[1:]]]
    inputs += [""] * (7 - len(inputs))
    streamed = _Recurrence(node, found, batch_major, inputs)
    if found.axis != (1 if batch_major else 0):
        _each_frame(streamer, streamed)
        return
    streamer.steps.append(node.site)
    if len(timed) > 1:
        raise Refused("GL853", "its weights, or its first state, are different for each frame")
    direction = node.text("direction", "forward")
    if direction != "forward":
        raise Refused("GL854", f"it is {direction}: it reads axis {found.axis} of X, which is time, from the end")
    if found.merged:
        raise Refused("GL855", f"time is merged with other dims along axis {found.axis} of X")
    _steps(streamer, streamed)


def _each_frame(streamer: Streamer, streamed: _Recurrence) -> None:
    """Stream a recurrence along another axis than time, for which frames are a batch."""
    node, inputs = streamed.node, streamed.inputs
    if inputs[SEQUENCE_LENS]:
        raise Refused("GL853", "it has sequence_lens for each frame")
    for first, _, _ in STATES[node.op_type]:
        name = node.input(first)
        value = streamer.uniform.get(name, streamer.known.at.value(name)) if name else np.zeros(0)
        if name in streamer.timed or value is None or value.any():
            raise Refused("GL859", "its first state is not zero, and there is one for each frame")
        inputs[first] = ""
    node.copied(streamer, inputs)
    axes = (0, 0, 0) if streamed.batch_major else (2, 1, 1)
    for output, axis in zip(node.outputs, axes, strict=False):
        if output:
            streamer.put(output, streamed.found, axis, tame=streamed.found.tame)


def _steps(streamer: Streamer, streamed: _Recurrence) -> None:
    """Stream a recurrence along time."""
    node, found, write = streamed.node, streamed.found, streamer.write
    streamer.works.append(node.site)
    batch_major, inputs = streamed.batch_major, streamed.inputs
    if inputs[SEQUENCE_LENS]:
        lens = node.inputs[SEQUENCE_LENS]
        text = f"{lens} is not asked for any more: every frame that is pushed is one of the sequence"
        streamer.notes.append(("GL866", text, node.site))
        streamer.gone.update(streamer.sources(lens))
        inputs[SEQUENCE_LENS] = ""
    if batch_major:
        inputs[0] = write.emit("Transpose", [inputs[0]], f"{node.local}_time_major", perm=[1, 0, 2])
    asked = [bool(streamer.scope.uses[node.output(output)]) for _, output, _ in STATES[node.op_type]]
    held = HeldStates(streamer, node.local, replace(found, axis=0), exposed=any(asked))
    states = [_state(streamer, streamed, held, *which) for which in STATES[node.op_type]]
    # Y holds the first state of each step, h, and not the cell state of an LSTM.
    picks = held.in_parts and not any(asked[1:])
    steps = [
        _stretch(streamer, streamed, held, stretch, states, picks=picks, by_lengths=held.in_parts and not picks)
        for stretch in held.stretches
    ]
    if picks:
        state, stretch, local = states[0], held.stretches[-1], f"{node.local}_{states[0].letter}"
        following = "" if stretch.valid else state.following
        picked = held.last(state.first, steps, state.letter, following)
        state.now = held.state(state.first, picked, stretch, local, state.following, zero=state.zero)
    for state in states:
        _expose(streamer, streamed, state)
    y = node.output(0)
    if not y:
        return
    inside = steps[0]
    if len(steps) > 1:
        inside = write.concat(steps, 0, f"{node.local}_Y", None if batch_major else y)
    if batch_major:
        write.emit("Transpose", [inside], f"{node.local}_batch_major", y, perm=[2, 0, 1, 3])
    streamer.put(y, found, 1 if batch_major else 0)


def _stretch(
    streamer: Streamer,
    streamed: _Recurrence,
    held: HeldStates,
    stretch: Stretch,
    states: list[_State],
    *,
    picks: bool,
    by_lengths: bool,
) -> str:
    """Write the recurrence over a stretch of each push, and its states behind it; return its Y, time-major."""
    node, write, batch_major = streamed.node, streamer.write, streamed.batch_major
    last = stretch is held.stretches[-1]
    inputs = list(streamed.inputs)
    inputs[0] = held.frames(inputs[0], stretch)
    if by_lengths:
        inputs[SEQUENCE_LENS], stretch = held.lengths(inputs[0], stretch)
    y = node.output(0)
    if len(held.stretches) > 1 or batch_major:
        y = write.names.value(f"{node.local}_Y") if y or picks else ""
    elif picks and not y:
        y = write.names.value(f"{node.local}_Y")
    outputs = [y]
    for state, (first, _, _) in zip(states, STATES[node.op_type], strict=True):
        inputs[first] = state.now
        name = ""
        if last and not stretch.valid:
            name = state.following or ("" if batch_major else state.exposed)
        if last and picks and state is states[0]:
            outputs.append("")
            continue
        outputs.append(name or write.names.value(f"{node.local}_{state.letter}_stepped"))
    made = node.copied(streamer, inputs, outputs, **({"layout": 0} if batch_major else {}))
    if not last and made.name:
        made.name = write.names.node(f"{node.local}_begin")
    for state, stepped in zip(states, outputs[1:], strict=True):
        if stepped:
            local = f"{node.local}_{state.letter}"
            following = state.following if last else ""
            state.now = held.state(state.now, stepped, stretch, local, following, zero=state.zero)
    return y


def _state(streamer: Streamer, streamed: _Recurrence, held: HeldStates, first: int, output: int, letter: str) -> _State:
    """Add a state, or use that which the model has."""
    node, found, write = streamed.node, streamed.found, streamer.write
    exposed, local = node.output(output), f"{node.local}_{letter}"
    kept = streamer.kept_states.get(node.input(first))
    zero = False
    if kept is not None:
        current, following = _time_major(streamer, streamed, streamed.inputs[first], local), ""
        streamer.settles = max(streamer.settles, ceil(found.outlasts / found.rate))
        streamer.states_of.setdefault(node.site, (kept, streamer.pairs[kept]))
    else:
        value, own = _first_state(streamer, streamed, node.input(first))
        zero = value is None and own is None
        hidden = node.attributes.get("hidden_size") or streamer.shape(node.inputs[2])[-1]
        dims = [1, found.dims[0 if streamed.batch_major else 1], hidden]
        current, following = write.state(local, found.elem_type, dims, 0.0 if value is None else value, "recurrent")
        streamer.states_of.setdefault(node.site, (current, following))
        if own is not None:
            current = held.begin_with(current, _time_major(streamer, streamed, own, local), letter)
    return _State(current, current, following, exposed, letter, zero)


def _expose(streamer: Streamer, streamed: _Recurrence, state: _State) -> None:
    """Write what else reads a state than the next push."""
    if not state.exposed:
        return
    streamer.latest.add(state.exposed)
    streamer.lags[state.exposed] = streamed.found
    if state.now != state.exposed and streamer.scope.uses[state.exposed]:
        local = f"{streamed.node.local}_{state.letter}_now"
        if streamed.batch_major:
            streamer.write.emit("Transpose", [state.now], local, state.exposed, perm=[1, 0, 2])
        else:
            streamer.write.emit("Identity", [state.now], local, state.exposed)


def _time_major(streamer: Streamer, streamed: _Recurrence, name: str, local: str) -> str:
    if not streamed.batch_major:
        return name
    return streamer.write.emit("Transpose", [name], f"{local}_first", perm=[1, 0, 2])


def _first_state(streamer: Streamer, streamed: _Recurrence, name: str) -> tuple[Array | None, str | None]:
    """Return the first value of a state if it is a constant other than 0, and the name of what gives it if computed."""
    if not name:
        return None, None
    if name in streamer.latest:
        raise Refused("GL851", f"its first state {name} is known at the end of the sequence only")
    value: np.ndarray[Any, Any] | None = streamer.known.at.value(name)
    if value is None or streamer.known.differs_by_content(name):
        return None, streamer.name(name)
    if not value.any():
        return None, None
    if streamed.batch_major:
        value = np.transpose(value, (1, 0, 2))
    one = value[:, :1]
    return (one if np.array_equal(np.broadcast_to(one, value.shape), value) else value), None
