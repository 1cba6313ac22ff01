"""A model under check, with what its rules look at, each read once: scopes, GRU nodes, decomposed recurrences."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from gru_lower.graph.facts import Facts
from gru_lower.graph.undefined_values import undefined_values
from gru_lower.gru.parse_node import Parsed, parse
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.recognition.may_recur import may_recur

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.fuse_gru.recognition.find_recurrences import ScopeRecurrences
    from gru_lower.targets.profile import Profile

MOST_NODES_OF_STEP = 300
"""A model of more nodes is not searched for single steps."""
MOST_NODES = 3000
"""A model of more nodes is not searched for decomposed GRUs: it would take seconds."""


@dataclass(frozen=True)
class GruNode:
    """One GRU node.

    Attributes:
        scope: Its scope.
        index: Its index there.
        parsed: What was read from it.

    """

    scope: Scope
    index: int
    parsed: Parsed

    @property
    def node(self) -> NodeProto:
        """The node itself."""
        found: NodeProto = self.scope.nodes[self.index]
        return found

    @property
    def site(self) -> str:
        """Its id."""
        return self.scope.site(self.index)


@dataclass
class CheckedModel:
    """A model as it is now, for rules to look at. After an edit a new one is needed.

    Attributes:
        model: The model.
        target: The profile of the target it is checked for, ``None`` without one.

    """

    model: Model
    target: Profile | None = None

    @cached_property
    def facts(self) -> Facts:
        """The model's known values, found out once for all rules."""
        return Facts(self.model, computed=True, scopes=self.scopes)

    @cached_property
    def scopes(self) -> list[Scope]:
        """Every scope of the model, the main graph first."""
        return self.model.take_scopes()

    @cached_property
    def grus(self) -> list[GruNode]:
        """Every GRU node."""
        return [
            GruNode(scope, index, parse(scope, index, self.facts))
            for scope in self.scopes
            for index, _ in scope.of_operators("GRU")
        ]

    @cached_property
    def nodes(self) -> int:
        """How many nodes the model has, bodies included."""
        return sum(len(scope.nodes) for scope in self.scopes)

    @cached_property
    def recurrences(self) -> list[ScopeRecurrences]:
        """The recurrences of every scope that are not GRU nodes; none in a model of too many nodes."""
        if self.nodes > MOST_NODES or not may_recur(self.model.proto) or self.is_undefined:
            return []
        return self._found()

    @cached_property
    def is_undefined(self) -> bool:
        """Whether some value is used that nothing makes; then it is not known what hangs on what."""
        return next(undefined_values(self.scopes), None) is not None

    @cached_property
    def steps(self) -> list[ScopeRecurrences]:
        """Single steps of GRUs, of a model that holds nothing but a few nodes and no other recurrence."""
        others = bool(self.grus) or any(found.grus for found in self.recurrences)
        too_many = self.nodes > MOST_NODES_OF_STEP or not may_recur(self.model.proto)
        if too_many or others or self.is_undefined:
            return []
        return self._found(shortest=1)

    def _found(self, shortest: int = 2) -> list[ScopeRecurrences]:
        from gru_lower.passes.fuse_gru.interpreter.interpret_model import interpret_scopes  # only where that may be
        from gru_lower.passes.fuse_gru.recognition.find_recurrences import find_recurrences

        return [find_recurrences(each, shortest=shortest) for each in interpret_scopes(self.facts)]
