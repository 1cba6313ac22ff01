"""What onnx's converter drops though it computes nothing, set aside while it runs: metadata, texts, annotations.

What torch exports is full of them: where in the source each node comes from.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import onnx
from onnx import GraphProto

from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.graph.wire_format import delimited

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

    Key = tuple[int, str, str]
    """The place of a scope, what kind of thing it is, and what it is known by there."""

CONSTANTS, VALUES = "constants", "values"
FIELDS = ("doc_string", "metadata_props", "quantization_annotation", "sparse_initializer", "training_info")
TEXT = (str, bytes)
"""What protobuf hands a text out as: bytes where it is no UTF-8, which it takes back in a message alone."""
CALLED = {
    "doc_string": "doc_strings",
    "quantization_annotation": "quantization annotations",
    "sparse_initializer": "sparse initializers",
    "training_info": "training information",
}
"""What there is several of, where that is not metadata_props."""


class SetAsideAnnotations:
    """Copies of what a model says beside what it computes, by where it stands.

    A node is known by its first output, whose name a conversion keeps. Constants may become attributes, and
    values need not be declared again: what is said of those is not missed.

    Args:
        model: Read only.

    """

    def __init__(self, model: onnx.ModelProto) -> None:
        """Copy it."""
        self._held = {key: _annotations(thing) for key, thing in _things(model)}

    def put_back(self, model: onnx.ModelProto) -> Counter[str]:
        """Write it to what was converted, where that says nothing of the kind itself.

        Args:
            model: Edited in place.

        Returns:
            How much of what found no place.

        """
        lost: Counter[str] = Counter()
        things = dict(_things(model))
        for key, held in self._held.items():
            for field, value in held.items():
                if key not in things and key[1] not in {CONSTANTS, VALUES}:
                    lost[_name(field, key[1])] += 1 if isinstance(value, TEXT) else len(value)
                elif key in things and field not in _annotations(things[key]):
                    _write(things[key], field, value)
        return lost


def _things(model: onnx.ModelProto) -> Iterator[tuple[Key, Message]]:
    """Yield whatever may carry annotations; of values that are only declared, those that are declared again."""
    yield (-1, "the model", ""), model
    for place, scope in enumerate(walk(model)):
        proto = scope.proto
        yield (place, "graphs", ""), proto
        for node in proto.node:
            yield (place, CONSTANTS if is_onnx(node, "Constant") else "nodes", next(iter(node.output), "")), node
        if isinstance(proto, GraphProto):
            for value in (*proto.input, *proto.output, *proto.value_info):
                yield (place, VALUES, value.name), value
            for tensor in proto.initializer:
                yield (place, "initializers", tensor.name), tensor


def _annotations(thing: Message) -> dict[str, Any]:
    """Return the fields that are no part of what is computed."""
    return {
        field.name: value if isinstance(value, TEXT) else list(value)
        for field, value in thing.ListFields()
        if field.name in FIELDS
    }


def _write(thing: Message, field: str, value: Any) -> None:  # noqa: ANN401 - a text, or messages of any type
    if isinstance(value, bytes):
        thing.MergeFromString(delimited(thing.DESCRIPTOR.fields_by_name[field].number, len(value)) + value)
    elif isinstance(value, str):
        setattr(thing, field, value)
    else:
        getattr(thing, field).extend(value)


def _name(field: str, kind: str) -> str:
    return CALLED.get(field, f"{field} of {kind}")
