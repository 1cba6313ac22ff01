"""Writing inferred types and shapes into a model: into value_info and outputs, where they are static."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import GraphProto, ValueInfoProto

from gru_lower.graph.facts import MAIN, Facts
from gru_lower.graph.scopes import node_uses, walk
from gru_lower.graph.shape_inference import SMALL_BYTES, infer
from gru_lower.graph.tensor_types import declared_types, dims_of, is_static

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope

MANY_SCOPES = 200


def annotate(model: Model, before: set[str] | None = None) -> None:
    """Write the types of values that are static into value_info and into the outputs, as far as inference finds them.

    Bodies of Scan and Loop are left alone: some runtimes refuse shapes there. A model with very many bodies is left
    alone altogether: inference takes time that grows with the square of their number.

    Args:
        model: Edited in place.
        before: Names that were there earlier: their types are left as they are. ``None``: all are written.

    """
    scopes = list(walk(model.proto))
    if len(scopes) > MANY_SCOPES:
        return
    whole = [
        (scope, scope.proto)
        for scope in scopes
        if isinstance(scope.proto, GraphProto) and scope.function is None and not scope.repeated
    ]
    part = None if before is None else _new_part(model.proto, [scope for scope, _ in whole], before)
    inferred = {} if part is None else infer(part)[MAIN]
    facts = Facts(model)
    for scope, graph in whole:
        declared = {value.name: value for value in (*graph.value_info, *graph.output)}
        for node in scope.nodes:
            for name in node.output:
                if not name or (before is not None and name in before):
                    continue
                known = inferred.get(name)
                static = known if known is not None and is_static(known) else None
                if part is None:
                    static = facts.static_type(scope, name)
                if static is None:
                    continue
                if name not in declared:
                    graph.value_info.append(static)
                elif not all(isinstance(dim, int) for dim in dims_of(declared[name])):
                    declared[name].type.CopyFrom(static.type)


def _new_part(model: onnx.ModelProto, scopes: Sequence[Scope], before: set[str]) -> onnx.ModelProto | None:
    """Return the new nodes of the main graph as a model: a small part of a large one, in which nothing is to be found.

    Returns:
        ``None`` where more than them is new, or something they read has no static type.

    """
    main, *others = scopes
    elsewhere = (name for scope in others for node in scope.nodes for name in node.output)
    if model.functions or any(name and name not in before for name in elsewhere):
        return None
    nodes = [node for node in main.nodes if any(name and name not in before for name in node.output)]
    made = dict.fromkeys(name for node in nodes for name in node.output)
    read = dict.fromkeys(name for node in nodes for name in node_uses(node) if name not in made)
    declared = declared_types(model.graph)
    part = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    for name in read:
        tensor, known = main.initializers.get(name), declared.get(name)
        if tensor is not None and tensor.ByteSize() <= SMALL_BYTES:
            part.graph.initializer.append(tensor)
        elif tensor is not None:
            part.graph.input.append(onnx.helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
        elif known is not None and is_static(known):
            part.graph.input.append(known)
        else:
            return None
    part.graph.name = "part"
    part.graph.node.extend(nodes)
    part.graph.output.extend(ValueInfoProto(name=name) for name in made if name in declared)
    return part
