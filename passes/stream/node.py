"""A node of the whole model as its handler sees it, and writing it again with other inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx import NodeProto, helper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.stream.streamer import Streamer
    from gru_lower.passes.stream.timing import Timed


class Node:
    """A node of the whole model.

    Attributes:
        proto: The node.
        op_type: Its operator.
        inputs: Its inputs by name, ``""`` for one left out.
        outputs: Its outputs.
        attributes: Its attributes.
        local: What to call what is written for it.
        site: How reports name it.

    """

    def __init__(self, proto: NodeProto, site: str) -> None:
        """Read the parts."""
        self.proto, self.site = proto, site
        self.op_type: str = proto.op_type
        self.inputs: list[str] = list(proto.input)
        self.outputs: list[str] = list(proto.output)
        self.attributes: dict[str, Any] = {each.name: helper.get_attribute_value(each) for each in proto.attribute}
        first = next((name for name in proto.output if name), proto.op_type)
        self.local: str = proto.name or first

    def input(self, index: int) -> str:
        """Return the name of an input, ``""`` where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def output(self, index: int) -> str:
        """Return the name of an output, ``""`` where it is not asked for."""
        return self.outputs[index] if index < len(self.outputs) else ""

    def text(self, name: str, default: str) -> str:
        """Return an attribute that is text."""
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else str(value)

    def timed(self, streamer: Streamer) -> dict[int, Timed]:
        """Return those of its inputs that come frame by frame, by their index."""
        return {i: streamer.timed[name] for i, name in enumerate(self.inputs) if name in streamer.timed}

    def copied(
        self,
        streamer: Streamer,
        inputs: Sequence[str] | None = None,
        outputs: Sequence[str] | None = None,
        **changes: Any,  # noqa: ANN401 - attributes, None for one to leave out
    ) -> NodeProto:
        """Write the node again.

        Args:
            streamer: The streamed model.
            inputs: Its inputs there; by default what its own are called there.
            outputs: Its outputs, by default its own.
            changes: Attributes that are to be different.

        """
        made = NodeProto()
        made.CopyFrom(self.proto)
        del made.input[:]
        made.input.extend([streamer.name(name) for name in self.inputs] if inputs is None else inputs)
        while made.input and not made.input[-1]:
            del made.input[-1]
        if outputs is not None:
            del made.output[:]
            made.output.extend(outputs)
        if changes:
            kept = [each for each in made.attribute if each.name not in changes]
            added = [helper.make_attribute(name, value) for name, value in changes.items() if value is not None]
            del made.attribute[:]
            made.attribute.extend([*kept, *added])
        streamer.write.nodes.append(made)
        return made

    def of_past(self, streamer: Streamer, timed: Timed) -> str:
        """Write the node again for the frames that a state of the model's own holds; return what comes of them."""
        output = streamer.write.names.value(f"{self.local}_of_past")
        names = [streamer.name(name) for name in self.inputs]
        self.copied(streamer, [str(timed.past) if name == timed.name else name for name in names], [output])
        return output
