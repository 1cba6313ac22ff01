"""Cut a part out of a model: the nodes between values whose arrays are known and the values that are wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import helper, numpy_helper

from gru_lower.graph import external_data, model_tensors, tensor_values
from gru_lower.graph.local_functions import key_of
from gru_lower.graph.scopes import is_onnx, node_uses, subgraphs, walk
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.arrays import is_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from gru_lower.verification.arrays import Array


@dataclass(frozen=True)
class Part:
    """The part of a model that computes some values from others.

    Attributes:
        model: A model of that part, with outputs that declare no type.
        kept: The indices of its nodes in the main graph of the whole model.
        inputs: The known values it reads.

    """

    model: onnx.ModelProto
    kept: frozenset[int]
    inputs: frozenset[str]


def cut(model: onnx.ModelProto, outputs: Sequence[str], known: Collection[str]) -> Part:
    """Return the part of a model's main graph that computes some values.

    Args:
        model: The whole; it is not changed.
        outputs: The values wanted.
        known: Values that need not be computed; the part has those it reads as inputs, without types.

    """
    graph = model.graph
    producers = {name: index for index, node in enumerate(graph.node) for name in node.output if name}
    kept: set[int] = set()
    needed: set[str] = set()
    pending = list(outputs)
    while pending:
        name = pending.pop()
        if name in needed:
            continue
        needed.add(name)
        if (name not in known or name in outputs) and (index := producers.get(name)) is not None:
            kept.add(index)
            pending += node_uses(graph.node[index])
    made = {name for index in kept for name in graph.node[index].output}
    inputs = {name for name in needed if name in known and name not in made}
    part = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, graph={"name": graph.name})
    part.graph.node.extend(graph.node[index] for index in sorted(kept))
    part.graph.initializer.extend(each for each in graph.initializer if each.name in needed - inputs)
    part.graph.sparse_initializer.extend(
        each for each in graph.sparse_initializer if each.values.name in needed - inputs
    )
    part.graph.input.extend(value for value in graph.input if value.name in needed and _is_needed(part, value.name))
    part.graph.input.extend(onnx.ValueInfoProto(name=name) for name in sorted(inputs - _names(part.graph.input)))
    part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    part.functions.extend(_called(model, part.graph.node))
    return Part(part, frozenset(kept), frozenset(inputs))


def _is_needed(part: onnx.ModelProto, name: str) -> bool:
    """Whether an input stays one: below ir_version 4, constants are inputs as well."""
    return part.ir_version < 4 or name not in _names(part.graph.initializer)


def _names(entries: Iterable[onnx.ValueInfoProto | onnx.TensorProto]) -> set[str]:
    return {entry.name for entry in entries}


def _called(model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]) -> list[onnx.FunctionProto]:
    """Return the local functions that nodes call, and those that these call."""
    functions = {key_of(each): each for each in model.functions}
    found: dict[object, onnx.FunctionProto] = {}
    pending = list(nodes)
    while pending:
        node = pending.pop()
        for _, body in subgraphs(node):
            pending += body.node
        key = key_of(node)
        if key in functions and key not in found:
            found[key] = functions[key]
            pending += functions[key].node
    return [each for each in model.functions if key_of(each) in found]


def declared(part: onnx.ModelProto, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> onnx.ModelProto:
    """Return a part as a model of its own, whose inputs and outputs declare the types and shapes of given arrays.

    Args:
        part: From :func:`cut`.
        inputs: By name; those the part does not read become inputs as well.
        outputs: By name.

    """
    typed = onnx.ModelProto()
    typed.CopyFrom(part)
    constants = [value for value in typed.graph.input if value.name not in inputs]
    del typed.graph.input[:], typed.graph.output[:]
    typed.graph.input.extend([*(_typed(name, array) for name, array in inputs.items()), *constants])
    typed.graph.output.extend(_typed(value.name, outputs[value.name]) for value in part.graph.output)
    return typed


def _typed(name: str, array: Array) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, elem_type_of(array), array.shape)


def elem_type_of(array: Array) -> int:
    """Return the ``TensorProto.DataType`` of an array."""
    return onnx.TensorProto.STRING if is_text(array.dtype) else helper.np_dtype_to_tensor_dtype(array.dtype)


def embed(model: onnx.ModelProto, base_dir: Path | None) -> None:
    """Move a model's external data into the model, so that one file holds all of it."""
    for tensor in model_tensors.tensors(model):
        if external_data.is_external(tensor):
            tensor.CopyFrom(numpy_helper.from_array(tensor_values.to_array(tensor, base_dir), tensor.name))


def gru_sites(model: onnx.ModelProto, kept: Collection[int]) -> list[str]:
    """Return the sites of GRUs among some of the main graph's nodes, in their bodies and in functions they call."""
    blank = onnx.ModelProto()
    blank.CopyFrom(model)
    for index, node in enumerate(blank.graph.node):
        if index not in kept:  # in place, so that the others keep their numbers
            node.Clear()
    called = _called(model, blank.graph.node)
    del blank.functions[:]
    blank.functions.extend(called)
    return [
        scope.site(index) for scope in walk(blank) for index, node in enumerate(scope.nodes) if is_onnx(node, "GRU")
    ]
