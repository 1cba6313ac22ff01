"""The values that a region and its replacement read, and which of them are computed in the test and not drawn.

Values that hang on one another, or that are what they are whatever the inputs, must not be drawn: the states that a GRU
around an If gives it would be no states, weights behind a DequantizeLinear no weights, a mask no 0 and 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.graph.random_nodes import RandomNodes
from gru_lower.graph.scopes import node_uses
from gru_lower.passes.fuse_gru.interpreter.masks import is_binary

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import onnx
    from onnx import NodeProto

    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues


class RegionInputs:
    """Tells which of the values that regions of one scope read are to be computed.

    Args:
        model: The whole model.
        interpreter: The scope.

    """

    def __init__(self, model: onnx.ModelProto, interpreter: Interpreter) -> None:
        """Number the nodes that can be seen from the scope, those of the scopes around it first."""
        self._interpreter = interpreter
        self._random = RandomNodes(model)
        self._nodes: list[NodeProto] = []
        self._homes: list[ScopeValues] = []
        self._makers: dict[str, int] = {}
        for here in reversed(list(interpreter.outwards())):
            for node in here.scope.nodes:
                self._makers.update((name, len(self._nodes)) for name in node.output if name)
                self._nodes.append(node)
                self._homes.append(here)
        self._fixed: dict[str, bool] = {}

    def drawn(self) -> frozenset[str]:
        """Return the values that nodes draw at random: both sides are given the same."""
        return frozenset(name for node in self._nodes if self._random.draws(node) for name in node.output if name)

    def computing(self, old: Collection[str], new: Collection[str], made_anew: Collection[str]) -> list[NodeProto]:
        """Return the nodes that compute those values that are not to be drawn, from those that are.

        Args:
            old: The values that the region reads.
            new: The values that its replacement reads.
            made_anew: The values that the replacement makes.

        """
        given = dict.fromkeys([*old, *new])
        one_sided = {name for name in given if name in self._makers and not (name in old and name in new)}
        wanted = [name for name in given if self._is_fixed(name) or self._is_binary(name)]
        wanted += sorted(one_sided & self._depending_on(given)) if one_sided else []
        stop = given.keys() - set(wanted)
        found: set[int] = set()
        pending = wanted
        while pending:
            name = pending.pop()
            index = self._makers.get(name)
            if index is None or index in found or name in stop:
                continue
            if any(output in made_anew for output in self._nodes[index].output):
                continue
            found.add(index)
            pending += node_uses(self._nodes[index])
        return [self._nodes[index] for index in sorted(found)]

    def _depending_on(self, given: Iterable[str]) -> set[str]:
        """Return the values that are computed from some others."""
        found, start = set[str](), set(given)
        for node in self._nodes:
            if any(name in found or name in start for name in node_uses(node)):
                found.update(node.output)
        return found

    def _is_binary(self, name: str) -> bool:
        """Whether a value is made of booleans, and is no boolean itself."""
        index = self._makers.get(name)
        if index is None or not is_binary(self._interpreter, name):
            return False
        here = self._homes[index]
        return here.facts.elem_type(here.scope, name) != TensorProto.BOOL

    def _is_fixed(self, name: str) -> bool:
        """Whether a value is computed of constants alone."""
        pending = [name]
        while pending:
            here = pending[-1]
            if here in self._fixed:
                pending.pop()
                continue
            index = self._makers.get(here)
            if index is None or self._random.draws(self._nodes[index]):
                self._fixed[here] = index is None and self._is_constant(here)
                continue
            uses = list(node_uses(self._nodes[index]))
            unknown = next((use for use in uses if use not in self._fixed), None)
            if unknown is None or not all(self._fixed.get(use, True) for use in uses):
                self._fixed[here] = unknown is None and all(self._fixed[use] for use in uses)
            else:
                pending.append(unknown)
        return self._fixed[name] and name in self._makers

    def _is_constant(self, name: str) -> bool:
        return self._interpreter.facts.constant(self._interpreter.scope, name) is not None
