"""The pass ``legalize-bias``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.legalize_gru.rewrite import Rewrite
from gru_lower.passes.legalize_gru.rewritten_gru import numpy_type
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Results, Situation


class LegalizeBias(Rewrite):
    """Write the B of zeros that an absent one stands for.

        B = 0 [D, 6H]

    Rules:
        1. A GRU that has a B is left alone.
    """

    name = "legalize-bias"
    done = "B of zeros written"

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the GRU with a B."""
        del means
        if "B" in at.spec.inputs or at.spec.type_name == "unknown":
            return None
        spec = replace(at.spec, inputs=at.spec.inputs | {"B": "B"})
        return [replace(at, spec=spec, options=with_options(at.options, "B"), known=at.known | {"no_Rbh"})]

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Attach the zeros."""
        (after,) = self.becomes(gru.at, b.means) or []
        shape = (after.spec.num_directions, 6 * after.spec.hidden_size)
        zeros = np.zeros(shape, numpy_type(after.spec.elem_type))
        return inner(b.with_arrays(replace(gru, at=after), {"B": zeros}))
