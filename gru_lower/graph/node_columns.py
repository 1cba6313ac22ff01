"""Nodes of a graph column by column: what checks and rules read of each, read once.

protobuf makes a new object for a node, for its inputs, and for each attribute, whenever it is asked for them; in models
of a hundred thousand nodes that is most of the time.
"""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from onnx import AttributeProto, TensorProto

from gru_lower.garbage_collection import without_garbage_collection
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Hashable

    from onnx import NodeProto

NUMBERS_AND_TEXTS = frozenset(
    getattr(AttributeProto, name) for name in ("FLOAT", "INT", "STRING", "FLOATS", "INTS", "STRINGS")
)
HOLD_NO_GRAPH = frozenset(AttributeProto.AttributeType.values()) - {
    AttributeProto.UNDEFINED,
    AttributeProto.GRAPH,
    AttributeProto.GRAPHS,
}
"""Attribute types that hold no graph; files of IR version 1 leave the type out."""
COMPARED = 256
"""Attributes and tensors of more bytes are taken for unlike any others."""
_all = itemgetter(slice(None))
WHOLE_NUMBERS = (TensorProto.INT32, TensorProto.INT64)


@dataclass
class NodeColumns:
    """Nodes in their order, and beside them what is asked of them most.

    Attributes:
        nodes: The nodes.
        op_types: Their operators.
        domains: Their domains.
        inputs: The names of their inputs.
        outputs: The names of their outputs.
        attributes: By the index of a node that has any, what its attributes are: equal where two nodes have the same
            ones, of the same values, but for shapes and values of tensors.
        holders: The indices of nodes that hold graphs.
        tensors: The tensors that attributes hold, those in such graphs aside; of small ones of one type and shape that
            differ in their fractions alone the first.

    """

    nodes: list[NodeProto]
    op_types: list[str]
    domains: list[str]
    inputs: list[list[str]]
    outputs: list[list[str]]
    attributes: dict[int, Hashable] = field(default_factory=dict)
    holders: list[int] = field(default_factory=list)
    tensors: list[TensorProto] = field(default_factory=list)

    @cached_property
    def unlike(self) -> list[int]:
        """The indices of nodes that differ from each one before, names and the values of tensors aside."""
        seen: set[Hashable] = set()
        found = []
        for index, (op_type, inputs, outputs) in enumerate(zip(self.op_types, self.inputs, self.outputs, strict=True)):
            given = tuple(map(bool, inputs)) if "" in inputs else len(inputs)
            key = op_type, self.domains[index], given, len(outputs), self.attributes.get(index)
            if key not in seen:
                seen.add(key)
                found.append(index)
        return found

    @cached_property
    def holding(self) -> frozenset[int]:
        """The indices of nodes that hold graphs, to look up."""
        return frozenset(self.holders)

    @cached_property
    def attributed(self) -> list[NodeProto]:
        """A node for each set of attributes that there is."""
        return [self.nodes[index] for index in {kind: index for index, kind in self.attributes.items()}.values()]


def _read_attributes(read: NodeColumns, seen: set[Hashable], index: int, attributes: Any) -> None:  # noqa: ANN401 - protobuf's repeated container
    kinds: list[Hashable] = []
    for attribute in attributes:
        kind = attribute.type
        if kind in NUMBERS_AND_TEXTS:
            kinds.append(attribute.SerializeToString() if attribute.ByteSize() <= COMPARED else index)
            continue
        if kind == AttributeProto.TENSOR and attribute.HasField("t") and not attribute.ref_attr_name:
            tensor = attribute.t
            of = tensor.data_type
            kinds.append((attribute.name, kind, of))
            if tensor.ByteSize() <= COMPARED and tensor.data_location != TensorProto.EXTERNAL:
                alike = of, tuple(tensor.dims), tensor.raw_data if of in WHOLE_NUMBERS else len(tensor.raw_data)
                if alike in seen:
                    continue
                if tensor.HasField("raw_data"):
                    seen.add(alike)
            read.tensors.append(tensor)
            continue
        kinds.append(index)
        read.tensors += _tensors(attribute)
        holds = kind not in HOLD_NO_GRAPH and (attribute.HasField("g") or attribute.graphs)
        if holds and read.holders[-1:] != [index]:
            read.holders.append(index)
    read.attributes[index] = kinds[0] if len(kinds) == 1 else tuple(kinds)


def _tensors(attribute: AttributeProto) -> list[TensorProto]:
    """Return the tensors of an attribute that may hold some in any of its fields."""
    sparse = [*([attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else ()), *attribute.sparse_tensors]
    parts = [part for each in sparse for part in (each.values, each.indices)]
    return [*([attribute.t] if attribute.HasField("t") else ()), *attribute.tensors, *parts]


def read_columns(nodes: Any) -> NodeColumns:  # noqa: ANN401 - a list, or protobuf's repeated container
    """Read nodes; what is edited later is not seen."""
    held = list(nodes)
    with without_garbage_collection():
        read = NodeColumns(
            held,
            list(map(attrgetter("op_type"), held)),
            list(map(attrgetter("domain"), held)),
            list(map(_all, map(attrgetter("input"), held))),
            list(map(_all, map(attrgetter("output"), held))),
        )
        seen: set[Hashable] = set()
        for index, node in enumerate(held):
            attributes = node.attribute
            if attributes:
                _read_attributes(read, seen, index, attributes)
    return read
