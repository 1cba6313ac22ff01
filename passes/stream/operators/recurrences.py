"""GRU, LSTM and RNN: their states come in and go out, and do not step on frames that are none of the stream."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.passes.stream.operators.held_states import HeldStates
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


@dataclass(frozen=True)
class _StateNames:
    """The names of one state.

    Attributes:
        current: As a push begins.
        following: The output for its next value, ``""`` where the model has one of its own.
        stepped: As the recurrence leaves it.
        exposed: The output of the node that it is in the whole model, ``""`` where nothing asks for it.
        letter: Which one it is.
        zero: Whether it is 0 for as long as no frame has come.

    """

    current: str
    following: str
    stepped: str
    exposed: str
    letter: str
    zero: bool


def recurrence(streamer: Streamer, node: Node) -> None:
    """Stream a GRU, LSTM or RNN."""
    timed = node.timed(streamer)
    if 0 not in timed:
        raise Refused("GL853", "its weights, or its first state, are different for each frame")
    batch_major = bool(node.attributes.get("layout", 0))
    found = streamer.ready(timed[0], node.local)
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
    exposed = any(streamer.scope.uses[node.output(output)] for _, output, _ in STATES[node.op_type])
    held = HeldStates(streamer, node.local, replace(found, axis=0), exposed=exposed)
    y = node.output(0)
    inside = write.names.value(f"{node.local}_Y") if batch_major and y else y
    states = [_state(streamer, streamed, held, *which) for which in STATES[node.op_type]]
    inputs[0], lens = held.input(inputs[0])
    inputs[SEQUENCE_LENS] = lens
    outputs = [held.output(inside), *[state.stepped for state in states]]
    node.copied(streamer, inputs, outputs, **({"layout": 0} if batch_major else {}))
    for state in states:
        _hand_on(streamer, streamed, held, state)
    if y:
        held.restore(inside)
        if batch_major:
            write.emit("Transpose", [inside], f"{node.local}_batch_major", y, perm=[2, 0, 1, 3])
        streamer.put(y, found, 1 if batch_major else 0)


def _state(
    streamer: Streamer, streamed: _Recurrence, held: HeldStates, first: int, output: int, letter: str
) -> _StateNames:
    """Add a state, or use that which the model has; it becomes the recurrence's first one."""
    node, found, write = streamed.node, streamed.found, streamer.write
    exposed, local = node.output(output), f"{node.local}_{letter}"
    kept = streamer.kept_states.get(node.input(first))
    zero = False
    if kept is not None:
        current, following = _time_major(streamer, streamed, streamed.inputs[first], local), ""
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
    streamed.inputs[first] = current
    stepped = write.names.value(f"{local}_stepped")
    if not held.mask and following:
        stepped = following
    elif not held.mask and exposed and not streamed.batch_major:
        stepped = exposed
    return _StateNames(current, following, stepped, exposed, letter, zero)


def _hand_on(streamer: Streamer, streamed: _Recurrence, held: HeldStates, state: _StateNames) -> None:
    """Write the next value of a state, and what else reads it."""
    value = held.state(state.current, state.stepped, state.following, state.letter, zero=state.zero)
    if not state.exposed:
        return
    streamer.latest.add(state.exposed)
    streamer.lags[state.exposed] = streamed.found
    if value != state.exposed and streamer.scope.uses[state.exposed]:
        local = f"{streamed.node.local}_{state.letter}_now"
        if streamed.batch_major:
            streamer.write.emit("Transpose", [value], local, state.exposed, perm=[1, 0, 2])
        else:
            streamer.write.emit("Identity", [value], local, state.exposed)


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
