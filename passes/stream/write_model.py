"""Put what was written in the place of a model's main graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx import helper

from gru_lower.graph.constant_nodes import constant_nodes
from gru_lower.graph.facts import FREE_INITIALIZERS_IR_VERSION
from gru_lower.graph.needed_nodes import needed_nodes
from gru_lower.graph.scopes import node_uses
from gru_lower.light_dataclass import dataclass
from gru_lower.streaming import description

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import onnx

    from gru_lower.graph.model import Model
    from gru_lower.passes.stream.stream_graph import StreamedGraph
    from gru_lower.passes.stream.writer import Writer
    from gru_lower.streaming.description import StreamDescription


@dataclass(frozen=True)
class WrittenModel:
    """A streamed main graph.

    Attributes:
        write: What was written.
        description: What it says of itself.
        times: The axis of time, by input.
        lengths: By output its axis of time and how long that is, ``None`` where it is open.
        gone: Inputs that nothing asks for any more.

    """

    write: Writer
    description: StreamDescription
    times: Mapping[str, int]
    lengths: Mapping[str, tuple[int, int | None]]
    gone: set[str]


def written_model(streamed: StreamedGraph, times: Mapping[str, int]) -> WrittenModel:
    """Return what came of a main graph that nothing stands in the way of."""
    if streamed.description is None:
        raise AssertionError("a graph with obstacles is not written")
    lengths: dict[str, tuple[int, int | None]] = {}
    for name, timed in streamed.timed_outputs.items():
        is_open = timed.before != 1 and not isinstance(timed.dims[timed.axis], int)
        lengths[name] = timed.axis, None if is_open else timed.before * streamed.streamer.frames(timed) * timed.after
    return WrittenModel(streamed.streamer.write, streamed.description, times, lengths, streamed.streamer.gone)


def put_in_place(model: Model, written: WrittenModel) -> None:
    """Replace the main graph."""
    graph, write = model.proto.graph, written.write
    nodes, constants = list(write.nodes), list(write.initializers)
    if model.proto.ir_version < FREE_INITIALIZERS_IR_VERSION:
        nodes = [node for tensor in constants for node in constant_nodes(tensor, write.opset)] + nodes
        constants = []
    own = {value.name for value in graph.output}
    states = [each for each in write.states if each.state.output not in own]
    wanted = [*own, *(each.state.output for each in states)]
    nodes = needed_nodes(nodes, wanted)
    used = {name for node in nodes for name in node_uses(node)} | set(wanted)
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    inputs = {value.name for value in graph.input}
    _keep(graph.initializer, lambda tensor: tensor.name in used or tensor.name in inputs)
    graph.initializer.extend(tensor for tensor in constants if tensor.name in used)
    _keep(graph.input, lambda value: value.name in used or value.name not in written.gone)
    for value in graph.input:
        if value.name in written.times:
            _set_dim(value, written.times[value.name], written.description.chunk)
    for value in graph.output:
        if value.name in written.lengths:
            _set_dim(value, *written.lengths[value.name])
    for each in states:
        graph.input.append(helper.make_tensor_value_info(each.state.input, each.elem_type, each.dims))
        graph.output.append(helper.make_tensor_value_info(each.state.output, each.elem_type, each.dims))
    description.write(written.description, model.proto)
    model.modified = True


def _keep(container: Any, condition: Callable[[Any], bool]) -> None:  # noqa: ANN401 - protobuf's repeated container
    for index in reversed(range(len(container))):
        if not condition(container[index]):
            del container[index]


def _set_dim(value: onnx.ValueInfoProto, axis: int, length: int | None) -> None:
    """Write how long an axis is, ``None`` for open, where the rank is declared."""
    shape = value.type.tensor_type.shape
    if value.type.tensor_type.HasField("shape") and axis < len(shape.dim):
        shape.dim[axis].Clear()
        if length is not None:
            shape.dim[axis].dim_value = length
