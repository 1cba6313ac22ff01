"""Names for what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from gru_lower.graph.names import Names

if TYPE_CHECKING:
    from gru_lower.graph.scopes import Scope


def names_of(scope: Scope) -> Names:
    """Return what hands out names that the main graph does not use."""
    graph, model = scope.proto, onnx.ModelProto()
    if isinstance(graph, onnx.GraphProto):  # without the weights, which may be gigabytes
        model.graph.node.extend(graph.node)
        for values, given in ((model.graph.input, graph.input), (model.graph.output, graph.output)):
            values.extend(given)
        model.graph.value_info.extend(graph.value_info)
        model.graph.initializer.extend(onnx.TensorProto(name=tensor.name) for tensor in graph.initializer)
        for sparse in graph.sparse_initializer:
            model.graph.sparse_initializer.add().values.name = sparse.values.name
        model.graph.quantization_annotation.extend(graph.quantization_annotation)
    return Names(model)
