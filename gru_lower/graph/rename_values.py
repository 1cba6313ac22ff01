"""Renaming values of a graph, in its bodies as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.graph.names import Names, value_names
from gru_lower.graph.scopes import subgraphs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx
    from onnx import GraphProto


def rename_values(graph: GraphProto, names: Mapping[str, str]) -> None:
    """Rename values wherever their names stand in a graph and its bodies: what a graph computes stays the same.

    Args:
        graph: Edited in place.
        names: New names by old ones; no two are one afterwards.

    """
    for node in graph.node:
        for listed in (node.input, node.output):
            for place, name in enumerate(listed):
                if name in names:
                    listed[place] = names[name]
        for _, body in subgraphs(node):
            rename_values(body, names)
    for tensor in [*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer)]:
        tensor.name = names.get(tensor.name, tensor.name)
    for value in [*graph.input, *graph.output, *graph.value_info]:
        value.name = names.get(value.name, value.name)
    for annotation in graph.quantization_annotation:
        annotation.tensor_name = names.get(annotation.tensor_name, annotation.tensor_name)
        for entry in annotation.quant_parameter_tensor_names:
            entry.value = names.get(entry.value, entry.value)


def rename_interface(model: onnx.ModelProto, inputs: Mapping[str, str], outputs: Sequence[str]) -> None:
    """Give a model's inputs and outputs other names; values inside that have these go by others.

    Args:
        model: Edited in place.
        inputs: New names of inputs by old ones.
        outputs: The new names of the outputs, in order.

    """
    graph, fresh = model.graph, Names(model)
    given = {value.name for value in graph.input}
    seen = set[str]()
    for value in graph.output:
        if value.name in given or value.name in seen:  # a name of its own, which can be another then
            name = fresh.value(f"{value.name}/output")
            graph.node.append(helper.make_node("Identity", [value.name], [name], fresh.node(name)))
            value.name = name
        seen.add(value.name)
    names = {**inputs, **{value.name: wanted for value, wanted in zip(graph.output, outputs, strict=True)}}
    taken = set(names.values()) & value_names(model) - names.keys()
    names |= {name: fresh.value(f"{name}/inside") for name in sorted(taken)}
    rename_values(graph, names)
