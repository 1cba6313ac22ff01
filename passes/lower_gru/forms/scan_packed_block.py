"""``packing=block``: both directions in one Scan body, on states side by side with block-diagonal recurrent weights.

    S = [h_f | h_b]      S' = step(S) with R = diag(R_f, R_b)

For small H, where a step costs what its kernels cost to start: one body instead of two has half of them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.graph import tensor_values
from gru_lower.gru.block_diagonal import block_diagonal
from gru_lower.gru.spec import GATES
from gru_lower.passes.lower_gru.forms import scan_packed_directions as directions
from gru_lower.passes.lower_gru.forms.prepare_inputs import prepare_inputs
from gru_lower.passes.lower_gru.forms.scan_body import read_projection, write_step
from gru_lower.passes.lower_gru.forms.scan_packed_directions import PREFIX
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter
    from gru_lower.emission.template import Binding, Template
    from gru_lower.passes.lower_gru.variant import Variant

Array = np.ndarray[Any, np.dtype[Any]]


@lru_cache(maxsize=256)
def template(v: Variant) -> Template:
    """Author the whole replacement of one variant."""
    e, given = prepare_inputs(v)
    projected = directions.project_directions(e, v, given)
    lanes = {"Xz": projected.z, "Xr": projected.r, "Xh": projected.h}
    last, y = directions.scan_lanes(e, v, given, lanes, _write_body)
    return e.template(directions.split_directions(e, v, given, last, y))


def weights(v: Variant, gates: dict[str, Array]) -> dict[str, Binding]:
    """Build the wide recurrent weights.

    Args:
        v: The variant.
        gates: ``Rz``, ``Rr``, ``Rh`` [H, H] and, where there is one, ``Rbh`` [H] by local name, of every direction.

    """
    prefixes = [prefix_of(direction) for direction in v.directions]
    wide = {f"R{gate}": block_diagonal([gates[f"{p}R{gate}"] for p in prefixes]) for gate in GATES}
    if f"{prefixes[0]}Rbh" in gates:
        wide["Rbh"] = np.concatenate([gates[f"{p}Rbh"] for p in prefixes])
    return {f"{PREFIX}{name}": tensor_values.from_array(array) for name, array in wide.items()}


def _write_body(e: Emitter, v: Variant) -> None:
    wide = replace(v, hidden_size=len(v.directions) * v.hidden_size)
    write_step(e, wide, v.directions[0], lambda: read_projection(e, v, PREFIX), PREFIX, "Yt")
