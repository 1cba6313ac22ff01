"""GRUs that a target keeps: what is computed of constants is stored, no last name is empty, and Y may be Y_h."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.graph.splice import Edit
from gru_lower.gru.spec import INPUTS
from gru_lower.gru.unread_outputs import without_unread_outputs
from gru_lower.passes.lower_gru.y_of_y_h import is_one_step_of_y, y_of_y_h

if TYPE_CHECKING:
    from collections.abc import Collection

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.names import Names
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec


class KeptConstants:
    """Collects the edits that make constants of what kept GRUs read.

    Args:
        facts: What is known of the model's values; constants that are computed included.
        names: The model's names.

    """

    def __init__(self, facts: Facts, names: Names) -> None:
        """Start with nothing."""
        self._facts, self._names = facts, names
        self._made: dict[tuple[str, str], str] = {}
        self.edits: list[Edit] = []

    def store(
        self,
        scope: Scope,
        index: int,
        spec: GruSpec,
        computed: Collection[str],
        *,
        name_y_h: bool = False,
        of_y_h: bool = False,
    ) -> None:
        """Store the inputs of one GRU that are computed of constants; one that nothing reads is left as it is.

        Args:
            scope: Where it stands.
            index: Its place among the scope's nodes.
            spec: The GRU.
            computed: Those of its inputs that may stay computed.
            name_y_h: Whether its Y_h gets a name, though nothing reads it.
            of_y_h: Whether Y is taken of Y_h, if it is a single step that has Y alone.

        """
        if not any(name and scope.uses[name] for name in scope.nodes[index].output):
            return  # what an edit writes and nothing reads goes, and this is to stay
        node = type(scope.nodes[index])()
        node.CopyFrom(scope.nodes[index])
        for key, name in spec.inputs.items():
            tensor = self._facts.constant(scope, name)
            place = self._facts.stored(scope, name)
            if tensor is None or place.tensor is not None or place.home is None or key in computed:
                continue
            at = (place.home.path, place.name)
            if at not in self._made:
                named = TensorProto()
                named.CopyFrom(tensor)
                self._made[at] = named.name = self._names.value(f"{place.name}/constant")
                self.edits.append(Edit(place.home, [], [], [named]))
            node.input[INPUTS.index(key)] = self._made[at]
        if of_y_h and is_one_step_of_y(without_unread_outputs(spec, scope)):
            nodes, axes = y_of_y_h(node, spec, scope.opset, self._names)
            self.edits.append(Edit(scope, [index], nodes, axes, keeps_documentation=False))
            return
        if name_y_h:
            node.output[1] = self._names.value(f"{node.name or spec.Y}/Y_h")
        for names in (node.input, node.output):
            while names and not names[-1]:  # says nothing, and there are engines that look for a value of no name
                names.pop()
        if node != scope.nodes[index]:
            self.edits.append(Edit(scope, [index], [node], keeps_documentation=False))
