"""``--fix-dim`` and ``--set``: write lengths and values into a model, fold what follows, refuse contradictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gru_lower.diagnostics import diagnostic
from gru_lower.errors import Unsupported
from gru_lower.graph.declared_shapes import mend_declared_shapes
from gru_lower.passes.fold_shapes import fold
from gru_lower.rewriting.contradictions import LENGTHS_HELD, find_contradictions
from gru_lower.rewriting.lost_states import lost_states, single_steps
from gru_lower.rewriting.set_inputs import write_interface

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.passes.base import Context
    from gru_lower.rewriting.set_inputs import SetInput


class Fixed(NamedTuple):
    """What was written into a model.

    Attributes:
        said: What is to be said of outputs that declared other lengths (GL014).
        settings: The inputs that became constants.

    """

    said: list[Diagnostic]
    settings: list[SetInput]

    def lengths(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """Return the lengths that are fixed: those that were wanted, and those that follow from constants."""
        return {**wanted, **{symbol: size for each in self.settings for symbol, size in each.binds.items()}}


def fix_lengths(model: Model, wanted: Mapping[str, int], inputs: Mapping[str, Any], ctx: Context) -> Fixed:
    """Write static lengths into a model's inputs, make constants of some, and fold what follows from them.

    What value_info and outputs declare is believed last: it may hold the lengths of the exporter's trace.

    Args:
        model: Edited in place.
        wanted: Length by symbol (``"batch"``), or by input and axis (``"X:0"``).
        inputs: What inputs are set to, by name; see :mod:`gru_lower.rewriting.set_inputs`.
        ctx: What passes share.

    Raises:
        Unsupported: There is no such symbol or axis, or the model holds something that contradicts its length.

    """
    before, steps = find_contradictions(model), single_steps(model) if 1 in wanted.values() else None
    settings = write_interface(model, wanted, inputs)
    fold(model, ctx, declared=False)
    mended = mend_declared_shapes(model)
    fold(model, ctx)
    after = find_contradictions(model)
    said = next((line for key, line in after.items() if key not in before), None)
    if said is not None:
        given = [
            f"{flag} {key}={value}"
            for flag, values in (("--fix-dim", wanted), ("--set", inputs))
            for key, value in values.items()
        ]
        raise Unsupported(
            f"{' '.join(given)} {'contradicts' if len(given) == 1 else 'contradict'} the model: {said}",
            code="GL008",
            hint="give lengths from 0 to T, one for each sequence"
            if LENGTHS_HELD in said
            else "give the length that the model was exported with, or export it with that dim dynamic",
        )
    lost = [] if steps is None else lost_states(model, steps)
    notes = lost + [
        diagnostic(
            "GL014", f"output {each.name} declared {_spell(each.declared)}, and has {_spell(each.shape)}", scope="main"
        )
        for each in mended
        if each.is_output
    ]
    return Fixed(notes, settings)


def _spell(shape: tuple[int | str | None, ...]) -> str:
    return f"[{', '.join('?' if dim is None else str(dim) for dim in shape)}]"
