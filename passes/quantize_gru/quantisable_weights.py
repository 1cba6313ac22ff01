"""Which weights of a GRU can become whole numbers: constants, all of them finite. Every mode asks the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gru_lower.gru.constant_inputs import constant_inputs

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec


class Unquantisable(NamedTuple):
    """Why weights stay what they are.

    Attributes:
        code: The diagnostic's code: GL323 or GL333.
        reason: In words.

    """

    code: str
    reason: str


def why_not_quantisable(scope: Scope, spec: GruSpec, facts: Facts, keys: tuple[str, ...]) -> Unquantisable | None:
    """Return why the weights of a GRU cannot become whole numbers, ``None`` where they can.

    Args:
        scope: Where the GRU stands.
        spec: The GRU.
        facts: The side table of the model.
        keys: Which inputs are to: some of ``W``, ``R`` and ``B``.

    """
    given = [key for key in keys if key in spec.inputs]
    constants = constant_inputs(scope, spec, facts)
    computed = [key for key in given if key not in constants]
    if computed:
        said = f"its {' and '.join(computed)} {_is(computed)} computed, not constant"
        several = scope.function is not None
        return Unquantisable("GL323", f"{said}: each call of the function may bring others" if several else said)
    arrays = {key: facts.array(scope, spec.inputs[key]) for key in given}
    wild = [key for key, array in arrays.items() if array is not None and not np.isfinite(array).all()]
    if wild:
        holds = "holds" if len(wild) == 1 else "hold"
        return Unquantisable("GL333", f"its {' and '.join(wild)} {holds} NaN or infinities")
    return None


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
