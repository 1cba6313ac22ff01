"""Write a main graph again, node by node, as one that takes some frames at a time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import field, replace
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

from onnx import TensorProto, numpy_helper

from gru_lower.errors import FOREIGN_FAILURES, Unsupported
from gru_lower.graph.scopes import is_onnx, node_uses
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.stream.counters import TooFar
from gru_lower.passes.stream.from_lengths import from_lengths
from gru_lower.passes.stream.known import Known
from gru_lower.passes.stream.names import names_of
from gru_lower.passes.stream.needed_nodes import SHAPES, needed_contents
from gru_lower.passes.stream.node import Node
from gru_lower.passes.stream.open_dim import Open
from gru_lower.passes.stream.operators.registry import ELEMENTWISE, HANDLERS, SHARES_EDGES
from gru_lower.passes.stream.refusal import Refused, WantsChunk
from gru_lower.passes.stream.shapes_of_dims import write_shape
from gru_lower.passes.stream.state_pairs import state_pairs
from gru_lower.passes.stream.streamer import Streamer
from gru_lower.passes.stream.timing import LONG, Timed
from gru_lower.passes.stream.writer import Writer
from gru_lower.streaming.description import State, StreamDescription, StreamedOutput, TimedInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.stream.input_dims import InputDims

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


@dataclass(frozen=True)
class Obstacle:
    """A node that cannot run frame by frame.

    Attributes:
        code: The code of the reason.
        message: The node, the axis and the reason.
        site: The node.
        hint: What would help, where the code's own hint does not say it.
        multiple: What the chunk would have to be a multiple of, 1 if it is not about the chunk.

    """

    code: str
    message: str
    site: str
    hint: str | None = None
    multiple: int = 1


@dataclass
class StreamedGraph:
    """What came of a main graph.

    Attributes:
        obstacles: What stands in the way, in order; with any there is no description.
        streamer: What was written.
        description: What the streamed model says of itself.
        timed_outputs: How each output comes that does so frame by frame.

    """

    streamer: Streamer
    obstacles: list[Obstacle] = field(default_factory=list)
    description: StreamDescription | None = None
    timed_outputs: dict[str, Timed] = field(default_factory=dict)

    @property
    def works(self) -> list[str]:
        """The nodes that read more than one frame, by site."""
        return self.streamer.works

    @property
    def steps(self) -> list[str]:
        """The recurrences that step along time, or would if they could."""
        return self.streamer.steps


def stream_graph(scope: Scope, facts: Facts, dims: InputDims, times: Mapping[str, int], chunk: int) -> StreamedGraph:
    """Stream a main graph; nothing is edited.

    Args:
        scope: The main graph.
        facts: What is known of it.
        dims: The dims of its inputs.
        times: The axis of time, by input.
        chunk: How many frames a push takes.

    Raises:
        Unsupported: So many frames cannot be counted.

    """
    known = Known(scope, facts, dims, times)
    kind = _float_type(scope, known, times)
    for wanted in dict.fromkeys((kind, int(TensorProto.FLOAT))):
        with suppress(TooFar):
            return _run(scope, known, dims, times, chunk, wanted)
    raise Unsupported(
        "frames would be counted farther than float32 tells whole numbers apart",
        code="GL867",
        hint="hand in fewer frames at once with --chunk",
    )


def _run(scope: Scope, known: Known, dims: InputDims, times: Mapping[str, int], chunk: int, kind: int) -> StreamedGraph:
    found = _Visit(scope, known, dims, times, chunk, kind).run()
    late = any(each.delay > 0 or each.length.of(LONG) > each.rate * LONG for each in found.timed_outputs.values())
    if not (late or found.streamer.settles) or not found.streamer.pairs:
        return found
    again = _Visit(scope, known, dims, times, chunk, kind)
    again.streamer.outlasts = True  # the model's own states stay as they are while zeros are pushed
    return again.run()


def _float_type(scope: Scope, known: Known, times: Mapping[str, int]) -> int:
    """Return the model's float type: that of its inputs by frame, or else of its weights."""
    inputs = [known.elem_type(name) for name in times]
    weights = [tensor.data_type for tensor in scope.initializers.values()]
    return next((kind for kind in [*inputs, *weights] if kind in FLOATS), TensorProto.FLOAT)


class _Visit:
    def __init__(
        self, scope: Scope, known: Known, dims: InputDims, times: Mapping[str, int], chunk: int, kind: int
    ) -> None:
        self.scope, self.known, self.dims, self.times = scope, known, dims, times
        self.streamer = Streamer(scope, known, Writer(scope.opset, names_of(scope)), chunk, kind)
        self.streamer.read = needed_contents(scope.nodes, scope.outputs)
        self.shapes_only: set[str] = set()
        self.result = StreamedGraph(self.streamer)
        self.blocked: set[str] = set()
        self.from_time: set[str] = set()
        self.moved: dict[str, str] = {}

    def run(self) -> StreamedGraph:
        streamer = self.streamer
        for name, axis in self.times.items():
            dims = self.known.dims(name)
            if dims is None:
                self._refuse(Refused("GL859", f"the shape of {name} is not known"), name)
                return self.result
            kind = self.known.elem_type(name)
            streamer.timed[name] = Timed(name, tuple(dims), kind, axis, fill=0.0)
        streamer.kept_states, streamer.pairs = state_pairs(self.scope, self.known, self.times)
        for source, output in streamer.pairs.items():
            self._keep_pair(source, output)
        for index, proto in enumerate(self.scope.nodes):
            self._visit(Node(proto, self.scope.site(index)), index)
        if not self.result.obstacles:
            self._finish()
        return self.result

    def _keep_pair(self, source: str, output: str) -> None:
        first: Any = 0.0
        default = self.scope.initializers.get(source)
        if default is not None:
            first = numpy_helper.to_array(default)
        dims = self.known.dims(source) or []
        self.streamer.write.state(
            source, self.known.elem_type(source), dims, first, "recurrent", names=(source, output)
        )

    def _refuse(self, why: Refused, site: str, op_type: str = "") -> None:
        multiple = why.multiple if isinstance(why, WantsChunk) else 1
        text = f"{op_type} {site}: {why.reason}" if op_type else f"{site}: {why.reason}"
        self.result.obstacles.append(Obstacle(why.code, text, site, why.hint, multiple))

    def _visit(self, node: Node, index: int) -> None:
        uses = set(node_uses(node.proto))
        if uses & self.blocked:
            self.blocked.update(filter(None, node.outputs))
            return
        outputs = [name for name in node.outputs if name]
        before = len(self.streamer.write.nodes)
        try:
            if uses & self.shapes_only and is_onnx(node.proto) and node.op_type in SHAPES:
                self._shape(node)
            elif all(self.streamer.skips(name) for name in outputs):
                self.shapes_only.update(outputs)
            else:
                self._stream(node, uses)
                self.shapes_only.update(name for name in outputs if self.streamer.skips(name))
        except (Refused, *FOREIGN_FAILURES) as error:
            said = f"reading it failed: {' '.join(str(error).split())}"
            why = (
                error
                if isinstance(error, Refused)
                else Refused("GL859", said, "check the node; report it if it is right")
            )
            del self.streamer.write.nodes[before:]
            if index == self.known.at.failed and why.code == "GL859":
                why = self._misfit()
            self._refuse(why, node.site, node.op_type)
            self.blocked.update(filter(None, node.outputs))

    def _misfit(self) -> Refused:
        """Return why a node is refused whose inputs do not fit each other at any length."""
        if len(self.times) > 1:
            names = " and ".join(self.times)
            hint = "stream inputs that have as many frames each; or say with --time which of them have time"
            return Refused("GL858", f"what it reads does not fit where {names} have as many frames each", hint)
        frames = self.known.frames
        return Refused(
            "GL858", f"what it reads does not fit where there are {frames} frames", "name all inputs with --time"
        )

    def _shape(self, node: Node) -> None:
        """Write the dims of a value that is not written itself, as nothing reads its entries."""
        self.from_time.update(node.outputs)
        write_shape(self.streamer, node, self.dims)

    def _stream(self, node: Node, uses: set[str]) -> None:
        streamer, outputs = self.streamer, [name for name in node.outputs if name]
        timed = uses & streamer.timed.keys()
        if is_onnx(node.proto) and node.op_type in {"Shape", "Size"} and timed:
            self.from_time.update(outputs)
            node.copied(streamer)
            return
        if timed:
            self._by_frame(node, uses)
        elif uses & (self.from_time | streamer.uniform.keys()):
            from_lengths(streamer, node, self.from_time)
        else:
            node.copied(streamer)
            late = [streamer.lags[name] for name in uses & streamer.latest]
            if late:
                if any(
                    (each.delay, each.rate, each.length) != (late[0].delay, late[0].rate, late[0].length)
                    for each in late
                ):
                    raise Refused("GL858", "it joins the last frames of branches that are not equally late")
                streamer.latest.update(outputs)
                streamer.lags.update(dict.fromkeys(outputs, late[0]))

    def _by_frame(self, node: Node, uses: set[str]) -> None:
        streamer = self.streamer
        if node.op_type in {"Loop", "Scan"} and is_onnx(node.proto):
            raise Refused("GL860", f"it is a {node.op_type} over frames, and no GRU that gru-lower fuse knows")
        if set(node.inputs) & streamer.timed.keys() != uses & streamer.timed.keys():
            raise Refused("GL860", "its bodies read frames")
        if set(node.inputs) & streamer.counted.keys() and node.op_type not in ELEMENTWISE:
            raise Refused("GL853", "it reads numbers of frames")
        handler = HANDLERS.get(node.op_type) if is_onnx(node.proto) else None
        if handler is None:
            raise Refused("GL859", "what it does along time is not known")
        latest = set(node.inputs) & streamer.latest
        if latest and node.op_type not in {"GRU", "LSTM", "RNN"}:
            raise Refused("GL851", f"{min(latest)} is known at the end of the sequence only, and every frame needs it")
        for name in set(node.inputs) & streamer.timed.keys() if node.op_type not in SHARES_EDGES else ():
            if streamer.timed[name].edge is not None:
                streamer.timed[name] = streamer.ready(streamer.timed[name], node.local)
        handler(streamer, node)

    def _finish(self) -> None:
        streamer = self.streamer
        outputs: list[StreamedOutput] = []
        for name in self.scope.outputs:
            try:
                described = self._output(name)
            except Refused as why:
                self._refuse(why, name, "output")
                continue
            if described is not None:
                outputs.append(described)
        if self.result.obstacles:
            return
        end = streamer.counters.finish()
        lag = max((ceil(Fraction(each.lag) * streamer.chunk / each.chunk) for each in outputs if each.chunk), default=0)
        inputs = tuple(TimedInput(name, axis) for name, axis in self.times.items())
        states: tuple[State, ...] = tuple(written.state for written in streamer.write.states)
        self.result.description = StreamDescription(
            streamer.chunk, lag, inputs, tuple(outputs), states, end, settles=streamer.settles
        )

    def _output(self, name: str) -> StreamedOutput | None:
        streamer = self.streamer
        if name in streamer.pairs.values():
            return None
        if name in streamer.latest:
            late = streamer.lags[name]
            return StreamedOutput(name, None, streamer.frames(late), late.delay, late.length.steps)
        found = streamer.timed.get(name)
        if found is None:
            if (name in self.from_time and self.known.follows_time(name)) or name in {
                *streamer.uniform,
                *streamer.counted,
            }:
                raise Refused("GL853", "it is computed from how many frames there are")
            return StreamedOutput(name, None, 0, 0)
        found = replace(found, name=self.moved.get(found.name, found.name))
        if found.before == 1 and found.merged and isinstance(found.dims[found.axis], int):
            found = streamer.as_faster(found)
        if found.after != 1:
            raise Refused("GL855", f"time is merged with other dims along axis {found.axis}")
        found = streamer.foreseen(streamer.ready(found, name), name)
        if found.name != name:
            self.moved[name] = streamer.write.make_room(name)
            streamer.write.emit("Identity", [found.name], f"{name}_out", name)
        self.result.timed_outputs[name] = found
        before: int | str = 1
        if found.before != 1:
            part = self.known.part(found.dims[found.axis], found.before)
            before = str(part) if isinstance(part, Open) else part
        return StreamedOutput(name, found.axis, streamer.frames(found), found.delay, found.length.steps, before)
