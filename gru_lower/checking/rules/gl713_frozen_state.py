"""GL713: a stateful layer's state, frozen into a constant.

Keras' stateful layers keep their state in a variable. An export writes down what it held at that moment: every run
begins with it, and nothing carries the new state on. A constant initial state is taken for one if TensorFlow read it
from a variable, or if it differs from sequence to sequence; a learned initial state is the same for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.fuse_gru.recognition.find_recurrences import ScopeRecurrences
    from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor

VARIABLE = "ReadVariableOp"


def states(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find GRUs, decomposed ones included, that begin with a frozen state."""
    for gru in checked.grus:
        if gru.parsed.spec is not None and "initial_h" in gru.parsed.spec.inputs:
            axis = 0 if gru.parsed.spec.layout else 1
            yield from _finding(checked, gru.scope, gru.parsed.spec.inputs["initial_h"], gru.site, axis)
    for found in checked.recurrences:
        yield from _in_loops(checked, found)


def _in_loops(checked: CheckedModel, found: ScopeRecurrences) -> Iterator[Diagnostic]:
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import StateKind  # only where a model has loops

    scope = found.interpreter.scope
    for recurrence in found.grus:
        if recurrence.loop is None:
            continue
        for place in recurrence.loop.leaves:
            state, leaf = recurrence.loop.states[place], recurrence.loop.leaves[place]
            if state.kind is StateKind.RECURRENT:
                yield from _finding(checked, scope, state.initial, scope.site(recurrence.loop.index), _batch_axis(leaf))


def _batch_axis(leaf: PolyTensor) -> int | None:
    """Return the axis along which a loop's state holds sequences: none, where it has no other than its features."""
    from gru_lower.passes.fuse_gru.algebra.axes import FEATURES

    return next((axis for axis, kind in enumerate(leaf.axes) if kind is not FEATURES), None)


def _finding(checked: CheckedModel, scope: Scope, name: str, site: str, axis: int | None) -> Iterator[Diagnostic]:
    tensor = checked.facts.constant(scope, name)
    values = None if tensor is None else checked.facts.array(scope, name)
    if tensor is None or values is None or axis is None or values.ndim <= axis:
        return
    if _is_frozen(values, axis, read=VARIABLE in name or VARIABLE in tensor.name):
        yield diagnostic(
            "GL713",
            f"every run begins with the state {name!r}, a constant of shape {list(values.shape)}",
            scope=scope.path,
            node=site,
        )


def _is_frozen(values: np.ndarray[Any, np.dtype[Any]], axis: int, *, read: bool) -> bool:
    """Tell a frozen state from a learned one, which is the same for every sequence, and from plain zeros."""
    batch = values.shape[axis]
    differ = batch > 1 and bool((values != values.take([0], axis)).any())
    return differ or (read and (batch == 1 or not values.any()))


RULES = (Rule(("GL713",), states),)
