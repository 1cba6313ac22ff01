"""GL735: a GRU's X may have any batch, and its initial state or its lengths only one.

An export names the batch of one input as dynamic and forgets the others': any batch but the traced one fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.checking.checked_model import CheckedModel, GruNode
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.gru.spec import GruSpec


def fixed_batches(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find GRUs whose X has an open batch, and another input a fixed one."""
    for gru in checked.grus:
        spec = gru.parsed.spec
        if spec is None:
            continue
        batch = _open_batch(checked, gru, spec)
        for key, axis in (("initial_h", 0 if spec.layout else 1), ("sequence_lens", 0)):
            name = spec.inputs.get(key, "")
            dims = checked.facts.shape(gru.scope, name) if batch and name else None
            if dims is None or len(dims) <= axis or not isinstance(dims[axis], int):
                continue
            yield diagnostic(
                "GL735",
                f"X, {spec.inputs['X']!r}, may have any batch ({batch}), and {key}, {name!r}, has {dims[axis]}: "
                "any other batch fails",
                scope=gru.scope.path,
                node=gru.site,
            )


def _open_batch(checked: CheckedModel, gru: GruNode, spec: GruSpec) -> str:
    """Return the name of X's batch where it may be any, ``""`` where it is a number or nothing is known of it."""
    name = spec.inputs["X"]
    dims = checked.facts.shape(gru.scope, name)
    if dims is None or len(dims) != 3:
        return ""
    dim = dims[0 if spec.layout else 1]
    if isinstance(dim, str):
        return dim
    unnamed = dim is None and gru.scope.parent is None and name in gru.scope.inputs
    return "unnamed" if unnamed else ""


RULES = (Rule(("GL735",), fixed_batches),)
