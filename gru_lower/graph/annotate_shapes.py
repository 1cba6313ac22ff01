"""Writing inferred types and shapes into a model: into value_info and outputs, where they are static."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import GraphProto

from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import walk
from gru_lower.graph.tensor_types import dims_of

if TYPE_CHECKING:
    from gru_lower.graph.model import Model

MANY_SCOPES = 200


def annotate(model: Model, before: set[str] | None = None) -> None:
    """Write the types of values that are static into value_info and into the outputs, as far as inference finds them.

    Bodies of Scan and Loop are left alone: some runtimes refuse shapes there. A model with very many bodies is left
    alone altogether: inference takes time that grows with the square of their number.

    Args:
        model: Edited in place.
        before: Names that were there earlier: their types are left as they are. ``None``: all are written.

    """
    facts = Facts(model)
    scopes = list(walk(model.proto))
    if len(scopes) > MANY_SCOPES:
        return
    for scope in scopes:
        if not isinstance(scope.proto, GraphProto) or scope.function is not None or scope.repeated:
            continue
        declared = {value.name: value for value in (*scope.proto.value_info, *scope.proto.output)}
        for node in scope.nodes:
            for name in node.output:
                if not name or (before is not None and name in before):
                    continue
                static = facts.static_type(scope, name)
                if static is None:
                    continue
                if name not in declared:
                    scope.proto.value_info.append(static)
                elif not all(isinstance(dim, int) for dim in dims_of(declared[name])):
                    declared[name].type.CopyFrom(static.type)
