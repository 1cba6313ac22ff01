"""Put GRUs back into a model in which other nodes compute their outputs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import onnx
from onnx import numpy_helper

from gru_lower.graph import tensor_values
from gru_lower.graph.node_order import sort_nodes
from gru_lower.graph.scopes import Scope, is_onnx, walk
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_OLD, _OWN = "/replaced", "original/"


@dataclass(frozen=True)
class Restore:
    """Puts GRUs of one model back into another.

    Attributes:
        source: The model that has them.
        other: The model in which others compute their outputs.
        base_dir: The folder of the source's external data.

    """

    source: onnx.ModelProto
    other: onnx.ModelProto
    base_dir: Path | None

    def restored(self, named: Collection[str], kept: Collection[str]) -> onnx.ModelProto | None:
        """Return the other model with the named GRUs put back, all but those it is to keep as they are.

        None if one cannot be put back: the other model has its scope, its inputs or its outputs under other names.
        """
        mixed = onnx.ModelProto()
        mixed.CopyFrom(self.other)
        for site in named:
            if site not in kept and not self._put(mixed, site):
                return None
        return mixed

    @cached_property
    def _places(self) -> dict[str, tuple[Scope, int]]:
        return {
            scope.site(index): (scope, index)
            for scope in walk(self.source)
            for index, node in enumerate(scope.nodes)
            if is_onnx(node, "GRU")
        }

    def _put(self, mixed: onnx.ModelProto, site: str) -> bool:
        if site not in self._places:
            return False
        source_scope, index = self._places[site]
        scope = next((each for each in walk(mixed) if each.path == source_scope.path), None)
        node = source_scope.nodes[index]
        outputs = [name for name in node.output if name]
        if scope is None or any(name not in scope.producers for name in outputs):
            return False
        for maker in {scope.producers[name] for name in outputs}:
            for position, name in enumerate(scope.nodes[maker].output):
                if name in outputs:
                    scope.nodes[maker].output[position] = f"{name}{_OLD}"
        gru = onnx.NodeProto()
        gru.CopyFrom(node)
        nodes, brought = [*scope.nodes, gru], {name for name in scope.nodes for name in name.output}
        for position, name in enumerate(node.input):
            if not name:
                continue
            constant = self._constant(source_scope, name)
            if constant is not None:
                nodes.append(onnx.helper.make_node("Constant", [], [f"{_OWN}{site}/{position}"], value=constant))
                gru.input[position] = f"{_OWN}{site}/{position}"
            elif scope.find(name) is None and not self._bring(source_scope, name, nodes, brought):
                return False
        sort_nodes(nodes)
        copies = [onnx.NodeProto.FromString(each.SerializeToString()) for each in nodes]
        del scope.nodes[:]
        scope.nodes.extend(copies)
        return True

    def _constant(self, source_scope: Scope, name: str) -> onnx.TensorProto | None:
        """Return a constant as the source has it: one of that name in the other model may be different."""
        where = source_scope.find(name)
        if where is None or name in where.inputs:
            return None
        if name in where.initializers:
            return numpy_helper.from_array(tensor_values.to_array(where.initializers[name], self.base_dir), name)
        index = where.producers.get(name)
        maker = None if index is None else where.nodes[index]
        if maker is None or not is_onnx(maker, "Constant"):
            return None
        return next((attribute.t for attribute in maker.attribute if attribute.name == "value"), None)

    def _bring(self, source_scope: Scope, name: str, nodes: list[onnx.NodeProto], brought: set[str]) -> bool:
        """Add what computes a value in the source, where the other model does not."""
        if name in brought:
            return True
        constant = self._constant(source_scope, name)
        if constant is not None:
            nodes.append(onnx.helper.make_node("Constant", [], [name], value=constant))
            brought.add(name)
            return True
        index = source_scope.producers.get(name)
        if index is None:
            return name in source_scope.inputs
        maker = source_scope.nodes[index]
        if not all(self._bring(source_scope, each, nodes, brought) for each in maker.input if each):
            return False
        nodes.append(maker)
        brought.update(maker.output)
        return True
