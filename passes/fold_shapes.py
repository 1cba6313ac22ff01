"""The pass ``fold-shapes``: replace what follows from static shapes by constants."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from onnx import FunctionProto, numpy_helper

from gru_lower.graph import splice
from gru_lower.graph.constant_ifs import resolve_constant_ifs
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import walk
from gru_lower.graph.shape_values import shape_values
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import Context, Pass, PassResult

if TYPE_CHECKING:
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope

MAX_ROUNDS = 16


@dataclass(frozen=True)
class FoldShapesOptions:
    """``fold-shapes`` has no options."""


class FoldShapes(Pass):
    """Replace what follows from static shapes by constants.

    Shape → Gather → Unsqueeze → Concat → ConstantOfShape or Reshape is how exporters spell sizes; once the dims
    asked for are static, all of it is a constant.

    Rules:
        1. Only values that a Shape, Size, ConstantOfShape or TopK stands behind are computed: weights are not folded.
        2. A value used by a node that stays becomes an initializer of the same name; the nodes behind it go if
           nothing else uses them.
        3. Outputs of a graph stay as they are, and functions, whose shapes are those of each call.
        4. An If whose condition is known is replaced by the branch it takes, in functions as well: the other one may
           hold what does not fit the static shapes, and then no runtime loads the model.
        5. A constant may make further shapes static: repeated until nothing changes.
    """

    name = "fold-shapes"
    Options = FoldShapesOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Fold to a fixpoint."""
        return PassResult(modified=fold(model, ctx))


def fold(model: Model, ctx: Context, *, declared: bool = True) -> bool:
    """Do what :class:`FoldShapes` does.

    Args:
        model: Edited in place.
        ctx: What passes share; its ``progress`` is called.
        declared: Whether the shapes that the model declares are believed; those of its inputs always are.

    Returns:
        Whether the model was edited.

    """
    modified = False
    for turn in range(MAX_ROUNDS):
        ctx.progress("folding shapes", turn, MAX_ROUNDS)
        while resolve_constant_ifs(model, facts := Facts(model, declared=declared, computed=True)):
            modified = True
        edits = [
            edit
            for scope in walk(model.proto)
            if not isinstance(scope.proto, FunctionProto) and scope.function is None
            for edit in _edits(scope, facts)
        ]
        if not splice.apply(model, edits):
            break
        modified = True
    return modified


def _edits(scope: Scope, facts: Facts) -> list[splice.Edit]:
    """Return the edits that make initializers of a scope's known values, of those that a node that stays uses."""
    values = shape_values(scope, facts)
    kept = set(scope.outputs)
    folded: list[tuple[int, list[str]]] = []
    for index, node in enumerate(scope.nodes):
        names = [name for name in node.output if name]
        if names and not kept.intersection(names) and all(name in values for name in names):
            folded.append((index, names))
    inside = Counter(name for index, _ in folded for name in scope.nodes[index].input)
    return [
        splice.Edit(scope, [index], [], [numpy_helper.from_array(values[name], name) for name in names])
        for index, names in folded
        if any(scope.uses[name] > inside[name] for name in names)
    ]
