"""``--fix-dim``: write static lengths into a model, fold what follows from them, and refuse what contradicts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.diagnostics import diagnostic
from gru_lower.errors import Unsupported
from gru_lower.graph import fixed_dims
from gru_lower.graph.declared_shapes import mend_declared_shapes
from gru_lower.passes.fold_shapes import fold
from gru_lower.rewriting.contradictions import find_contradictions
from gru_lower.rewriting.lost_states import lost_states, single_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.passes.base import Context


def fix_lengths(model: Model, wanted: Mapping[str, int], ctx: Context) -> list[Diagnostic]:
    """Write static lengths into a model's inputs and fold what follows from them.

    What value_info and outputs declare is believed last: it may hold the lengths of the exporter's trace.

    Args:
        model: Edited in place.
        wanted: Length by symbol (``"batch"``), or by input and axis (``"X:0"``).
        ctx: What passes share.

    Returns:
        What is to be said of states that are lost (GL865), and of outputs that declared other lengths (GL014).

    Raises:
        Unsupported: There is no such symbol or axis, or the model holds something that contradicts its length.

    """
    before, steps = find_contradictions(model), single_steps(model) if 1 in wanted.values() else None
    fixed_dims.fix(model, wanted)
    fold(model, ctx, declared=False)
    mended = mend_declared_shapes(model)
    fold(model, ctx)
    after = find_contradictions(model)
    said = next((line for key, line in after.items() if key not in before), None)
    if said is not None:
        flags = ", ".join(f"{key}={length}" for key, length in wanted.items())
        raise Unsupported(
            f"--fix-dim {flags} contradicts the model: {said}",
            code="GL008",
            hint="give the length that the model was exported with, or export it with that dim dynamic",
        )
    lost = [] if steps is None else lost_states(model, steps)
    return lost + [
        diagnostic(
            "GL014", f"output {each.name} declared {_spell(each.declared)}, and has {_spell(each.shape)}", scope="main"
        )
        for each in mended
        if each.is_output
    ]


def _spell(shape: tuple[int | str | None, ...]) -> str:
    return f"[{', '.join('?' if dim is None else str(dim) for dim in shape)}]"
