"""Which GRUs have axes of one length that a target mistakes for each other, since it tells axes by their lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.targets.profile import Profile


def alike_axes(profile: Profile, scope: Scope, spec: GruSpec) -> str:
    """Return which axes of a GRU node a target would mistake for each other, in words; ``""`` for none.

    A Transpose between [T, B, ...] and [B, T, ...] is lost where T = B, on either side of the node. What was computed,
    as inputs of a model are not, is taken for transposed where its last two axes are alike.

    Args:
        profile: The target.
        scope: Where the GRU stands.
        spec: The GRU.

    """
    if profile.axes != "guessed":
        return ""
    time, batch, width = spec.seq_length, spec.batch_size, spec.input_size
    if time == batch != 1:
        return f"T and B are both {time}"
    last = time if spec.layout else batch
    if last == width != 1 and spec.inputs["X"] in scope.producers:
        return f"{'T' if spec.layout else 'B'} and I of an X that is computed are both {width}"
    return ""
