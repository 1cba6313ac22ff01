"""Parts of a graph that stay as bytes: nodes that a pass has written, with their constants, until somebody reads them.

What replaces ten thousand GRUs is 270,000 nodes. As messages they take four times the memory of their bytes, and most
runs do nothing with them but write them to a file. So a part stands in the graph as one node, its stub, that reads and
makes what the part does, until the model is read (:func:`merge`) or written (:func:`fields_of`).
"""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import onnx
from google.protobuf.message import EncodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from onnx import GraphProto, NodeProto

from gru_lower.graph.external_data import is_external
from gru_lower.graph.message_layout import head, whole
from gru_lower.graph.model_tensors import tensors
from gru_lower.graph.node_order import GONE, sort_and_cut
from gru_lower.graph.scopes import ONNX_DOMAINS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from google.protobuf.message import Message

    from gru_lower.graph.scopes import Scope

ROOM = 1 << 32
"""How many nodes may come in the place of one."""
MOST = (1 << 31) - 1
"""How many bytes a protobuf message may have."""
DOMAIN, STUB = "gru_lower", "Part"
GRAPH = onnx.ModelProto.DESCRIPTOR.fields_by_name["graph"].number
NODE, INITIALIZER, VALUE_INFO = (
    GraphProto.DESCRIPTOR.fields_by_name[name].number for name in ("node", "initializer", "value_info")
)


class Part(NamedTuple):
    """Nodes and what comes with them as fields of a GraphProto, as they are in a file.

    Attributes:
        nodes: The nodes.
        initializers: The constants.
        value_info: The types.
        reads: The names from around them that nodes use, once for each use.
        op_types: The operators of its nodes, those in bodies included, once for each node.
        external: Whether it has external data.

    """

    nodes: bytes
    initializers: bytes
    value_info: bytes
    reads: list[str]
    op_types: tuple[str, ...]
    external: bool = False


def stub_of(part: Part, number: int, replaced: NodeProto) -> NodeProto:
    """Return the node that stands for a part.

    Args:
        part: The part.
        number: Its place among the parts of the model.
        replaced: The node whose outputs it makes.

    """
    return NodeProto(domain=DOMAIN, op_type=STUB, name=str(number), input=part.reads, output=replaced.output)


def number_of(node: NodeProto) -> int | None:
    """Return the number of the part that a node stands for, ``None`` for any other node."""
    return int(node.name) if node.domain == DOMAIN and node.op_type == STUB else None


def may_wait(model: onnx.ModelProto, parts: Sequence[Part]) -> bool:
    """Whether a model can be written piece by piece: no external data has to be looked after, all fields are known."""
    if any(part.external for part in parts) or len(UnknownFieldSet(model)) or len(UnknownFieldSet(model.graph)):
        return False
    return not any(map(is_external, tensors(model)))


def merge(graph: GraphProto, parts: Sequence[Part | None]) -> None:
    """Put the nodes of parts in the place of their stubs, and their constants and types behind those of the graph.

    Args:
        graph: Edited in place.
        parts: Those of the model, ``None`` for one whose stub is gone.

    """
    numbers = [number_of(node) for node in graph.node]
    keys = [place * ROOM if number is None else GONE for place, number in enumerate(numbers)]
    for place, number in enumerate(numbers):
        part = None if number is None else parts[number]
        if part is not None:
            before = len(keys)
            graph.MergeFromString(part.nodes)
            keys.extend(range(place * ROOM, place * ROOM + len(graph.node) - before))
    for part in filter(None, parts):
        graph.MergeFromString(part.initializers)
        graph.MergeFromString(part.value_info)
    sort_and_cut(graph.node, keys)


def fields_of(model: onnx.ModelProto, parts: Sequence[Part | None]) -> list[bytes]:
    """Return the fields of a model with its parts merged, as protobuf writes them, one after the other.

    Raises:
        EncodeError: They are more than a message may be.

    """
    graph = list(_fields_of_graph(model.graph, parts))
    opening = head(GRAPH, sum(map(len, graph)))
    pieces = [
        piece
        for field in _in_order(model)
        for piece in ([opening, *graph] if field.number == GRAPH else [_field(model, field.name)])
    ]
    if sum(map(len, pieces)) > MOST:
        raise EncodeError(f"more than {MOST} bytes")
    return pieces


def _fields_of_graph(graph: GraphProto, parts: Sequence[Part | None]) -> Iterator[bytes]:
    there = [part for part in parts if part is not None]
    for field in _in_order(graph):
        if field.number == NODE:
            for node in graph.node:
                number = number_of(node)
                part = None if number is None else parts[number]
                yield whole(NODE, node.SerializeToString()) if part is None else part.nodes
        elif field.number == INITIALIZER:
            yield from (whole(INITIALIZER, tensor.SerializeToString()) for tensor in graph.initializer)
            yield from (part.initializers for part in there)
        else:
            yield _field(graph, field.name)
            if field.number == VALUE_INFO:
                yield from (part.value_info for part in there)


def _in_order(message: Message) -> list[Any]:
    return sorted(message.DESCRIPTOR.fields, key=lambda field: field.number)


def _field(message: Message, name: str) -> bytes:
    """Return one field of a message as it is in a file, nothing if it is not there."""
    there = {field.name: value for field, value in message.ListFields()}
    return type(message)(**{name: there[name]}).SerializeToString() if name in there else b""


def count_operators(scopes: Iterable[Scope], parts: Sequence[Part | None]) -> Counter[str]:
    """Count nodes by operator over every scope of a model, those of other domains with their domain."""
    found: Counter[tuple[str, str]] = Counter()
    for scope in scopes:
        read = scope.__dict__.get("columns")
        pairs = (
            map(attrgetter("domain", "op_type"), scope.nodes)
            if read is None
            else zip(read.domains, read.op_types, strict=True)
        )
        found.update(pairs)
    counts: Counter[str] = Counter()
    for (domain, op_type), count in found.items():
        counts[op_type if domain in ONNX_DOMAINS else f"{domain}::{op_type}"] += count
    for op_types, times in Counter(part.op_types for part in filter(None, parts)).items():
        for op_type in op_types:
            counts[op_type] += times
    if parts:
        del counts[f"{DOMAIN}::{STUB}"]
    return counts
