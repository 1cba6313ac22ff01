"""The outputs of a GRU that nothing reads, though they have names: exporters name both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec


def without_unread_outputs(spec: GruSpec, scope: Scope) -> GruSpec:
    """Return what a runtime sees that drops what is unread.

    Args:
        spec: The GRU.
        scope: Where it stands.

    """
    y, y_h = (name if scope.uses[name] else "" for name in (spec.Y, spec.Y_h))
    return replace(spec, Y=y, Y_h=y_h) if y or y_h else spec
