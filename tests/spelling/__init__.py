"""GRUs spelled at random, and near misses: what a recogniser is to be tried with.

``spell(seed, container="scan")`` is a GRU written with plain operators in some way an exporter or a person might
choose; ``disguise`` looks odd and is one; ``keeps`` may be fused or left; ``mutate`` looks like one and is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spelling.models import Writer

if TYPE_CHECKING:
    from spelling.truth import Spelled

CONTAINERS = ("unrolled", "scan", "loop")


def spell(seed: int, container: str | None = None, **fixed: Any) -> Spelled:
    """Spell a GRU.

    Args:
        seed: Any integer from 0; the same seed gives the same model.
        container: "unrolled", "scan" or "loop"; by the seed if None.
        fixed: Knobs not left to chance, as ``Spelled.choices`` names them: ``spell(7, **{"layer0/cell0/update": "lerp"})``,
            or without what stands before: ``spell(7, update="lerp")``.

    Raises:
        ValueError: A knob is fixed to what it cannot be here.

    """
    return Writer(seed, container or CONTAINERS[seed % 3], fixed).write()
