"""Propose inputs on purpose: on both sides of every boundary, long and wide ones, empty ones, large and tiny ones."""

from __future__ import annotations

import math
import re
from dataclasses import field
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from gru_lower.light_dataclass import dataclass
from gru_lower.verification.directing import directed_values
from gru_lower.verification.directing.draws import Draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import onnx

    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.directing.boundaries import Boundaries
    from gru_lower.verification.directing.draws import DrawKind
    from gru_lower.verification.inputs.generate import InputPlan

    Change = Callable[[str, Array, np.random.Generator], Array]
    """Takes the name of an input and what was drawn for it, and returns what is fed."""

_BATCH = re.compile(r"batch|^(n|b|bs|bsz)$", re.IGNORECASE)
_FIRST_ATTEMPT = 3000  # so that no values are those of other draws
_MOST_SIZES, _MOST_DIMS = 10, 4
_LONG, _LONGER = 130, 300
_LARGE, _TINY = 200.0, 1e-4
_MOST_IDS = 512
_SWEEPS = 3


@dataclass
class DirectedDraws:
    """Proposes inputs for a pair of models.

    Attributes:
        plan: What all inputs have in common.
        models: Both models.
        base: Sizes on which the original runs.
        ties: By dim, those without a name that had its size wherever the original ran.

    """

    plan: InputPlan
    models: Sequence[onnx.ModelProto]
    base: Mapping[str, int]
    ties: Mapping[str, list[str]]
    _drawn: int = field(default=0)

    @cached_property
    def boundaries(self) -> Boundaries:
        """Those of both models: what only some draws need, and takes long to find."""
        from gru_lower.verification.directing.boundaries import boundaries_of

        return boundaries_of(*self.models)

    def corners(self, long: int, wide: int) -> Iterator[Draw]:
        """Yield one long, one wide and one empty case, where dims are free.

        Args:
            long: The size of a long one.
            wide: The size of a wide one.

        """
        steps, batches = self.steps(), self.batches()
        if steps:
            yield self._sized("long", {steps[0]: long})
        if batches:
            yield self._sized("wide", {batches[-1]: wide})
        for name in (steps or batches)[:1]:
            yield self._sized("empty", {name: 0})

    def every(self) -> Iterator[Draw]:
        """Yield what is proposed, the likeliest to show a difference first."""
        yield from self._ids()
        yield from self._numbers(mixed=True)
        sizes = list(self.boundaries.sizes)[:_MOST_SIZES]
        yield from self._around(sizes, 1)
        yield from self._long(_LONG)
        yield from (self._sized("empty", {name: 0}) for name in self._dims())
        yield from self._numbers(mixed=False)
        yield from self._turned()
        yield from self._scaled()
        if self.boundaries.tested:
            yield from self._special()
        yield from self._around(sizes, 0)
        yield from self._around(sizes, -1)
        yield from self._long(_LONGER)

    def elements(self, sizes: Mapping[str, int]) -> int:
        """Return how many elements inputs of some sizes have."""
        return sum(math.prod(shape) for shape in self.plan.shapes(sizes).values())

    def _dims(self) -> list[str]:
        return [*self.steps(), *self.batches()][:_MOST_DIMS]

    def steps(self) -> list[str]:
        """Return the free dims that may be steps: all but those named like a batch; without names, all."""
        unknown = self.plan.unknown()
        named = [name for name in unknown if not _BATCH.search(name)]
        return named or unknown

    def batches(self) -> list[str]:
        """Return the free dims that may be the batch."""
        steps = self.steps()
        named = [name for name in self.plan.unknown() if name not in steps]
        return named or steps[1:2]

    def _around(self, sizes: list[int], by: int) -> Iterator[Draw]:
        for size in sizes:
            for name in dict.fromkeys(self._dims()):
                if size + by > 0 and self.base.get(name) != size + by:
                    yield self._sized("size", {name: size + by})

    def _long(self, size: int) -> Iterator[Draw]:
        batches = set(self.batches())
        for name in dict.fromkeys(self._dims()):
            yield self._sized("wide" if name in batches else "long", {name: size})

    def _sized(self, kind: DrawKind, changed: Mapping[str, int]) -> Draw:
        tied = {other: size for name, size in changed.items() for other in self.ties.get(name, ())}
        sizes = {**self.base, **tied, **changed}
        what = ", ".join(f"{name} = {size}" for name, size in changed.items())
        return Draw(kind, what, sizes, partial(self.plan.draw, sizes, self._attempt()))

    def _attempt(self) -> int:
        self._drawn += 1
        return _FIRST_ATTEMPT + 3 * self._drawn  # floats are normal where this is a multiple of 3

    def _changed(
        self,
        kind: DrawKind,
        what: str,
        change: Change,
        sizes: Mapping[str, int] | None = None,
    ) -> Draw:
        """Return a draw in which each input is changed by a function of its name and array."""
        sizes, attempt = self.base if sizes is None else sizes, self._attempt()

        def make() -> Feeds:
            rng = np.random.default_rng([self.plan.seed, attempt, 7])
            return {name: change(name, array, rng) for name, array in self.plan.draw(sizes, attempt).items()}

        return Draw(kind, what, sizes, make)

    def _of_role(self, kind: str) -> list[str]:
        return [name for name, role in self.plan.roles.items() if role.kind == kind]

    def _ids(self) -> Iterator[Draw]:
        """Draw the ends of tables, then go through them."""
        names = self._of_role("index")
        said = ", ".join(names)
        for sweep in range(_SWEEPS if names else 0):
            sizes = dict(self.base)
            for name in names if sweep else ():
                free = [dim for dim in map(self.plan.sizes.find, self.plan.inputs[name].dims or ()) if dim in sizes]
                if free:
                    sizes[str(free[-1])] = max(self.base.get(str(free[-1]), 1), self._span(name))
            what = f"{said} through the table" if sweep else f"{said} at the ends of the table"
            yield self._changed("ids", what, self._swept(names, sweep, sizes), sizes)

    def _swept(self, names: list[str], sweep: int, sizes: Mapping[str, int]) -> Change:
        return lambda name, array, rng: (
            directed_values.swept_ids(array, self.plan.limit(name, sizes), sweep, rng) if name in names else array
        )

    def _span(self, name: str) -> int:
        return min(_MOST_IDS, max(1, self.plan.limit(name, self.base)))

    def _numbers(self, *, mixed: bool) -> Iterator[Draw]:
        """Draw values around the numbers that an input meets: all of them in one case, then each for itself."""
        for name, spec in self.plan.inputs.items():
            known = self.boundaries.numbers.get(name)
            if not known or spec.default is not None:
                continue
            numbers = list(known)[: directed_values.MOST_NUMBERS]
            exact = [number for number in numbers if known[number]]
            if mixed:
                yield self._number(name, numbers, exact, 0)
                continue
            for number in numbers:
                for side in (1, -1):
                    yield self._number(name, [number], [], side)

    def _number(self, name: str, numbers: list[float], exact: list[float], side: int) -> Draw:
        def changed(other: str, array: Array, rng: np.random.Generator) -> Array:
            if other != name:
                return array
            limit = self.plan.limit(name, self.base) if name in self.plan.roles else None
            role = self.plan.roles.get(name)
            most = None if limit is None or role is None else limit - (role.kind == "index")
            least = None if role is None else 0
            return directed_values.around(array, numbers, exact, side, (least, most), rng)

        where = {0: "around", 1: "above", -1: "below"}[side]
        return self._changed("number", f"{name} {where} {', '.join(f'{number:.4g}' for number in numbers)}", changed)

    def _turned(self) -> Iterator[Draw]:
        """Draw lengths, flags and trip counts at their ends."""
        for name in self._of_role("trips"):
            for trips in dict.fromkeys((0, 1, *(size + 1 for size in list(self.boundaries.sizes)[:4]), 9, 40)):
                yield self._changed("trips", f"{name} = {trips}", _filled([name], trips))
        lengths = self._of_role("lengths")
        shortest = 0 if self.plan.zero_lengths else 1
        if lengths:
            full = max(self.plan.limit(name, self.base) for name in lengths)
            said = ", ".join(lengths)
            yield self._changed("lengths", f"{said}: all full", _filled(lengths, full))
            yield self._changed("lengths", f"{said}: all {shortest}", _filled(lengths, shortest))
        texts = [name for name, spec in self.plan.inputs.items() if spec.elem_type == TensorProto.STRING]
        if texts and self.boundaries.texts:
            known = list(self.boundaries.texts)
            yield self._changed("texts", f"{', '.join(texts)}: what texts are compared with", _texts(texts, known))
        flags = [name for name, spec in self.plan.inputs.items() if spec.elem_type == TensorProto.BOOL]
        for value in (True, False) if flags else ():
            yield self._changed("flags", f"{', '.join(flags)} all {str(value).lower()}", _filled(flags, value))

    def _scaled(self) -> Iterator[Draw]:
        names = self._floats()
        if names:
            yield self._changed("large", f"floats times {_LARGE:g}", _times(names, _LARGE))
            yield self._changed("tiny", f"floats times {_TINY:g}", _times(names, _TINY))
            yield self._changed("zeros", "floats all 0", _times(names, 0.0))

    def _floats(self) -> list[str]:
        """Return the inputs of floats that are no weights and have no default."""
        weights = self._of_role("weight")
        return [
            name
            for name, spec in self.plan.inputs.items()
            if directed_values.takes_floats(spec) and name not in weights
        ]

    def _special(self) -> Iterator[Draw]:
        for name in self._floats():
            for value, said in ((np.nan, "NaN"), (np.inf, "an infinity"), (-np.inf, "a negative infinity")):
                yield self._changed("special", f"{said} in {name}", _with_special(name, value))


def _filled(names: list[str], value: float) -> Change:
    return lambda name, array, _: np.full_like(array, value) if name in names else array


def _texts(names: list[str], known: list[str]) -> Change:
    return lambda name, array, rng: rng.choice(np.array(known, object), array.shape) if name in names else array


def _times(names: list[str], factor: float) -> Change:
    return lambda name, array, _: directed_values.scaled(array, factor) if name in names else array


def _with_special(name: str, value: float) -> Change:
    return lambda other, array, rng: directed_values.with_special(array, value, rng) if other == name else array


def sizes_of(plan: InputPlan, feeds: Feeds) -> dict[str, int]:
    """Return the sizes that free dims have in some inputs."""
    found: dict[str, int] = {}
    for name, array in feeds.items():
        dims = plan.inputs[name].dims if name in plan.inputs else None
        for dim, size in zip(dims or (), array.shape, strict=False):
            known = plan.sizes.find(dim)
            if isinstance(known, str):
                found[known] = size
    return found


def tied_dims(sizes: Sequence[Mapping[str, int]]) -> dict[str, list[str]]:
    """Return the dims without a name that had the same size in all cases, of several sizes, by each of them.

    Args:
        sizes: The sizes of free dims in each case.

    """
    unnamed = [name for name in sizes[0] if ":" in name]
    seen = {name: tuple(each.get(name, 0) for each in sizes) for name in unnamed}
    varied = [name for name in unnamed if len(set(seen[name])) > 1]
    return {name: [other for other in varied if other != name and seen[other] == seen[name]] for name in varied}


__all__ = ["DirectedDraws", "sizes_of", "tied_dims"]
