"""What ``--fix-dim`` does to states: a recurrence of one step that begins from the same state at each call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.diagnostics import diagnostic
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import is_onnx, walk

if TYPE_CHECKING:
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope

FIRST_STATES = {"GRU": (5,), "RNN": (5,), "LSTM": (5, 6)}
"""For each operator, which inputs are its first states."""
SIZES = {"Shape", "Size", "ConstantOfShape"}
"""What hands on how large a value is, and nothing of what it holds."""


def single_steps(model: Model) -> set[str]:
    """Return the GRUs, LSTMs and RNNs whose sequence length is 1, by their outputs."""
    facts, found = Facts(model), set[str]()
    for scope in walk(model.proto):
        for node in scope.nodes:
            if is_onnx(node) and node.op_type in FIRST_STATES and node.input:
                axis = next((each.i for each in node.attribute if each.name == "layout"), 0)
                dims = facts.shape(scope, node.input[0])
                if dims is not None and len(dims) == 3 and dims[axis] == 1:
                    found.add(_key(scope, node.output))
    return found


def lost_states(model: Model, before: set[str]) -> list[Diagnostic]:
    """Return a warning for each recurrence that has become a single step whose state is lost (GL865).

    Args:
        model: The model with its new lengths.
        before: Those that were single steps already.

    """
    now = single_steps(model) - before
    found: list[Diagnostic] = []
    for scope in walk(model.proto):
        for index, node in enumerate(scope.nodes):
            if not (is_onnx(node) and node.op_type in FIRST_STATES) or _key(scope, node.output) not in now:
                continue
            firsts = [node.input[place] for place in FIRST_STATES[node.op_type] if place < len(node.input)]
            if any(name and _comes_from_input(scope, name) for name in firsts):
                continue
            text = f"{scope.site(index)} steps once in each call, and always from the same state: none is handed on"
            found.append(diagnostic("GL865", text, scope=scope.path, node=scope.site(index)))
    return found


def _key(scope: Scope, outputs: list[str]) -> str:
    return f"{scope.path}#{next((name for name in outputs if name), '')}"


def _comes_from_input(scope: Scope, name: str) -> bool:
    """Whether a value is made of an input of the main graph, not only as large as one."""
    pending, seen = [(scope, name)], set[tuple[str, str]]()
    while pending:
        here, name = pending.pop()
        home = here.find(name) if name else None
        if home is None or (home.path, name) in seen:
            continue
        seen.add((home.path, name))
        index = home.producers.get(name)
        if index is None:
            if name in home.inputs and home.parent is None and name not in home.initializers:
                return True
            continue
        node = home.nodes[index]
        if not is_onnx(node) or node.op_type not in SIZES:
            pending += [(home, each) for each in node.input]
    return False
