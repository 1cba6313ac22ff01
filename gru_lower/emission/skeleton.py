"""Skeletons: the nodes of a template as the bytes they are in a file, with gaps for names and tensors.

A model with thousands of GRUs has a few kinds of them: what replaces two of a kind differs in nothing but names and
weights. So the messages of a template are taken apart once, and each replacement is these bytes with its own names.
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto

from gru_lower.graph.message_layout import Gap, Layout, Message, whole
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnx import TypeProto

    from gru_lower.graph.message_layout import Item

NODE, GRAPH_NAME, INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT, VALUE_INFO = 1, 2, 5, 11, 12, 13
"""The numbers of a GraphProto's fields."""
NODE_INPUT, NODE_OUTPUT, NODE_NAME, OP_TYPE, ATTRIBUTE = 1, 2, 3, 4, 5
"""Those of a NodeProto."""
ATTRIBUTE_GRAPH, VALUE_NAME, TENSOR_NAME = 6, 1, 8
LAYOUTS = 64
"""How many layouts of a skeleton are kept."""


class Kind(Enum):
    """What fills a slot."""

    BOUND = auto()
    """The name that a free name is bound to."""
    VALUE = auto()
    """A new value's name."""
    NODE = auto()
    """A new node's name."""
    ATTACHED = auto()
    """The name of a tensor that is attached to the scope."""
    BODY = auto()
    """The name of a body."""
    OWN = auto()
    """A tensor that a body has in itself; the slot before is its name."""
    SHARED = auto()
    """The name of a constant around a body that holds the same tensor as others read."""


class Slot(NamedTuple):
    """One of the places that are filled in, by the local name that it is for."""

    kind: Kind
    local: str


class Shape(NamedTuple):
    """What a skeleton depends on beside its template.

    Attributes:
        bound: The free names that are bound to names.
        tensors: Those that are bound to tensors, and the template's own constants.
        shared: The tensors of bodies that stand around them.

    """

    bound: frozenset[str]
    tensors: frozenset[str]
    shared: frozenset[str]


@dataclass
class Skeleton:
    """The bytes of a template's nodes with gaps.

    Attributes:
        slots: What fills them, in the order in which names are given.
        nodes: The nodes, each as a field of a graph.
        value_info: The types that are written down, likewise.
        results: The slots of the template's outputs.
        values: The local names of new values and attached tensors, ``None`` where one stands for two of them.
        labels: The local names of new nodes, likewise.
        locals: The local name of each slot as bytes.
        others: The slots that are filled by something else than a name that is new, the template's constants aside.
        constants: Those constants, each as a field of a graph.
        constant_slots: The slots of their names.
        reads: The slots of the bound names that nodes use, once for each use.
        computes: The operators of the nodes that have nothing but attached tensors for inputs.

    """

    slots: list[Slot] = field(default_factory=list)
    nodes: list[Item] = field(default_factory=list)
    value_info: list[Item] = field(default_factory=list)
    results: dict[str, int] = field(default_factory=dict)
    values: frozenset[str] | None = None
    labels: frozenset[str] | None = None
    locals: list[bytes] = field(default_factory=list)
    others: list[int] = field(default_factory=list)
    constants: list[Item] = field(default_factory=list)
    constant_slots: list[int] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    computes: set[str] = field(default_factory=set)
    _layouts: dict[tuple[int, ...], tuple[Layout, Layout, Layout]] = field(default_factory=dict)

    def fill(self, slots: Sequence[bytes]) -> tuple[bytes, bytes, bytes]:
        """Return the nodes, the types and the template's constants with the slots filled, as fields of a graph."""
        lengths = tuple(map(len, slots))
        if lengths not in self._layouts:
            if len(self._layouts) >= LAYOUTS:
                self._layouts.clear()
            nodes, types, constants = (Layout(of, lengths) for of in (self.nodes, self.value_info, self.constants))
            self._layouts[lengths] = nodes, types, constants
        nodes, types, constants = self._layouts[lengths]
        return nodes.fill(slots), types.fill(slots), constants.fill(slots)


def skeleton_of(
    nodes: Sequence[NodeProto],
    outputs: dict[str, str],
    own: Mapping[int, frozenset[str]],
    types: Mapping[str, TypeProto],
    constants: Mapping[str, TensorProto],
    shape: Shape,
) -> Skeleton:
    """Take a template's messages apart.

    Args:
        nodes: Its nodes, in order.
        outputs: The local names of its results.
        own: For each node index that holds a body: what the body may have in itself.
        types: The types that are written down, by local name.
        constants: Its own constants, by local name.
        shape: What its free names are bound to.

    """
    anatomy = _Anatomy(shape)
    known: dict[str, int] = {}
    empty: frozenset[str] = frozenset()
    for index, node in enumerate(nodes):
        anatomy.skeleton.nodes.append(Message(NODE, anatomy.node(node, known, own.get(index, empty))))
    for name, kind in types.items():
        typed = ValueInfoProto(type=kind).SerializeToString()
        anatomy.skeleton.value_info.append(Message(VALUE_INFO, [Gap(VALUE_NAME, anatomy.read(name, known)), typed]))
    anatomy.skeleton.results = {key: anatomy.read(name, known) for key, name in outputs.items() if name}
    anatomy.finish(constants)
    return anatomy.skeleton


class _Anatomy:
    """Takes messages apart, and enters what their gaps are for."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self.skeleton = Skeleton()

    def finish(self, constants: Mapping[str, TensorProto]) -> None:
        """Enter what the slots have in common.

        Args:
            constants: The template's own constants.

        """
        self.skeleton.values = self._distinct(Kind.VALUE, Kind.ATTACHED)
        self.skeleton.labels = self._distinct(Kind.NODE)
        self.skeleton.locals = [slot.local.encode() for slot in self.skeleton.slots]
        fresh = (Kind.VALUE, Kind.NODE)
        others = [i for i, slot in enumerate(self.skeleton.slots) if slot.kind not in fresh]
        for index in others:
            kind, local = self.skeleton.slots[index]
            if kind is Kind.ATTACHED and local in constants:
                self.skeleton.constant_slots.append(index)
                self.skeleton.constants.append(_constant(constants[local], index))
        self.skeleton.others = [index for index in others if index not in self.skeleton.constant_slots]

    def _slot(self, kind: Kind, local: str) -> int:
        self.skeleton.slots.append(Slot(kind, local))
        return len(self.skeleton.slots) - 1

    def _distinct(self, *kinds: Kind) -> frozenset[str] | None:
        """Return the local names of some kinds, ``None`` where two are the same or one holds a slash."""
        names = [slot.local for slot in self.skeleton.slots if slot.kind in kinds]
        found = frozenset(names)
        return None if len(found) < len(names) or any("/" in name for name in names) else found

    def read(self, name: str, known: dict[str, int]) -> int:
        """Return the slot of a value that is used: where nothing made it, it is a tensor to attach."""
        if name not in known:
            known[name] = self._slot(Kind.BOUND if name in self._shape.bound else Kind.ATTACHED, name)
        return known[name]

    def _use(self, name: str, known: dict[str, int]) -> Gap:
        """Return the gap for a node's input."""
        slot = self.read(name, known)
        if self.skeleton.slots[slot].kind is Kind.BOUND:
            self.skeleton.reads.append(slot)
        return Gap(NODE_INPUT, slot)

    def _make(self, name: str, known: dict[str, int]) -> int:
        """Return the slot of a value that is made."""
        if name not in known:
            known[name] = self._slot(Kind.BOUND if name in self._shape.bound else Kind.VALUE, name)
        return known[name]

    def node(self, node: NodeProto, known: dict[str, int], initializers: frozenset[str]) -> list[Item]:
        """Return what a node is made of."""
        label = Gap(NODE_NAME, self._slot(Kind.NODE, node.name))
        inputs = [self._use(name, known) if name else whole(NODE_INPUT, b"") for name in node.input]
        kinds = {self.skeleton.slots[each.slot].kind for each in inputs if isinstance(each, Gap)}
        if kinds == {Kind.ATTACHED}:
            self.skeleton.computes.add(node.op_type)
        rest = NodeProto()
        rest.CopyFrom(node)
        for name in ("input", "output", "name", "op_type", "attribute"):
            rest.ClearField(name)
        attributes = [self._attribute(each, known, initializers) for each in node.attribute]
        outputs = [
            Gap(NODE_OUTPUT, self._make(name, known)) if name else whole(NODE_OUTPUT, b"") for name in node.output
        ]
        op_type = whole(OP_TYPE, node.op_type.encode())
        return [*inputs, *outputs, label, op_type, *attributes, rest.SerializeToString()]

    def _attribute(self, attribute: AttributeProto, known: dict[str, int], initializers: frozenset[str]) -> Item:
        if attribute.type != AttributeProto.GRAPH:
            return whole(ATTRIBUTE, attribute.SerializeToString())
        name, kind = AttributeProto(name=attribute.name), AttributeProto(type=attribute.type)
        body = Message(ATTRIBUTE_GRAPH, self._body(attribute.g, dict(known), initializers))
        return Message(ATTRIBUTE, [name.SerializeToString(), body, kind.SerializeToString()])

    def _body(self, body: GraphProto, known: dict[str, int], initializers: frozenset[str]) -> list[Item]:
        name = Gap(GRAPH_NAME, self._slot(Kind.BODY, body.name))
        known.update((value.name, self._slot(Kind.VALUE, value.name)) for value in body.input)
        tensors: list[Item] = []
        for local in sorted(initializers):
            if local in self._shape.shared:
                known[local] = self._slot(Kind.SHARED, local)
            elif local in self._shape.tensors:
                known[local] = self._slot(Kind.VALUE, local)
                tensors.append(Gap(INITIALIZER, self._slot(Kind.OWN, local)))
        nodes = [Message(NODE, self.node(node, known, frozenset())) for node in body.node]
        inputs = [_formal(GRAPH_INPUT, value, known) for value in body.input]
        return [*nodes, name, *tensors, *inputs, *(_formal(GRAPH_OUTPUT, value, known) for value in body.output)]


def _constant(tensor: TensorProto, slot: int) -> Message:
    head, tail = TensorProto(), TensorProto()
    tail.CopyFrom(tensor)
    for name in ("dims", "data_type"):
        tail.ClearField(name)
    tail.ClearField("name")
    head.dims.extend(tensor.dims)
    head.data_type = tensor.data_type
    return Message(INITIALIZER, [head.SerializeToString(), Gap(TENSOR_NAME, slot), tail.SerializeToString()])


def _formal(number: int, value: ValueInfoProto, known: dict[str, int]) -> Message:
    typed = ValueInfoProto()
    typed.CopyFrom(value)
    typed.ClearField("name")
    return Message(number, [Gap(VALUE_NAME, known[value.name]), typed.SerializeToString()])
