"""GRUs spelled at random, and near misses: what a recogniser is to be tried with.

``spell(seed, container="scan")`` is a GRU written with plain operators in some way an exporter or a person might
choose; ``disguise`` looks odd and is one; ``keep`` may be fused or left; ``mutate`` looks like one and is none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spelling.disguises import DISGUISES
from spelling.keeps import KEEPS
from spelling.models import Writer
from spelling.mutants import MUTANTS
from spelling.truth import Spelled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spelling.cell import Cell

CONTAINERS = ("unrolled", "scan", "loop")


def spell(seed: int, container: str | None = None, **fixed: Any) -> Spelled:
    """Spell a GRU.

    Args:
        seed: Any integer from 0; the same seed gives the same model.
        container: "unrolled", "scan" or "loop"; by the seed if None.
        fixed: Knobs not left to chance, as ``Spelled.choices`` names them (``**{"layer0/cell0/update": "lerp"}``), or
            without what stands before: ``spell(7, update="lerp")``.

    Raises:
        ValueError: A knob is fixed to what it cannot be here.

    """
    return Writer(seed, container or CONTAINERS[seed % 3], fixed).write()


def disguise(seed: int, container: str | None = None, *, which: str | None = None, **fixed: Any) -> Spelled:
    """Spell a GRU that looks odd; ``which`` is a key of DISGUISES. Otherwise as ``spell``."""
    return _other("disguise", DISGUISES, seed, container, which, fixed)


def keep(seed: int, container: str | None = None, *, which: str | None = None, **fixed: Any) -> Spelled:
    """Spell what may be fused or left, as long as it computes the same; ``which`` is a key of KEEPS."""
    return _other("keeps", KEEPS, seed, container, which, fixed)


def mutate(seed: int, container: str | None = None, *, which: str | None = None, **fixed: Any) -> Spelled:
    """Spell a near miss; ``which`` is a key of MUTANTS. ``truths`` holds the cell it resembles."""
    return _other("mutant", MUTANTS, seed, container, which, fixed)


def _other(
    kind: str,
    cells: Mapping[str, type[Cell]],
    seed: int,
    container: str | None,
    which: str | None,
    fixed: Mapping[str, Any],
) -> Spelled:
    container = container or CONTAINERS[seed % 3]
    fitting = [name for name, cell in cells.items() if container in cell.containers]
    if which is None:
        which = fitting[seed // 3 % len(fitting)]
    elif which not in fitting:
        raise ValueError(f"{which} has no form in {container}; there are {', '.join(fitting)}")
    spelled = Writer(seed, container, fixed, cells[which]).write()
    mutation = spelled.choices.get("layer0/cell0/mutation", spelled.choices.get("a/mutation"))
    why = which if mutation is None else f"{which}: {mutation}"
    return replace(spelled, kind=kind, why=why, choices={"which": which} | spelled.choices)


__all__ = ["CONTAINERS", "DISGUISES", "KEEPS", "MUTANTS", "Spelled", "disguise", "keep", "mutate", "spell"]
