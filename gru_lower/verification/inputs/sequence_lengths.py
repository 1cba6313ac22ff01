"""Sequence lengths: which inputs hold them, which dim they count, and how they are drawn."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.verification.arrays import Array
    from gru_lower.verification.inputs.bind_dims import Sizes
    from gru_lower.verification.inputs.model_inputs import Dim, Input
    from gru_lower.verification.inputs.roles import Role

_NAME = re.compile(r"len(gth)?s?(?![a-z])", re.IGNORECASE)


def are_lengths(spec: Input, role: Role | None) -> bool:
    """Whether an integer input holds sequence lengths, by its use or, failing that, by its name."""
    if role is not None:
        return role.kind == "lengths"
    return _NAME.search(spec.name) is not None and len(spec.dims or ()) <= 2


def counted_dim(lens: Input, inputs: Mapping[str, Input], sizes: Sizes) -> Dim | None:
    """Return the dim that lengths most likely count: beside the batch dim, in another input of at least 2 dims."""
    batch = sizes.find(lens.dims[0]) if lens.dims else None
    for spec in inputs.values():
        dims = [sizes.find(dim) for dim in spec.dims or ()]
        if spec.name != lens.name and len(dims) > 1 and spec.default is None:
            if batch in dims[:2]:
                return dims[1 - dims[:2].index(batch)]
            if not lens.dims:
                return dims[1] if len(dims) > 2 else dims[0]  # [B,T,I] is likelier than [T,B,I]
    return None


def draw_lengths(
    shape: tuple[int, ...], longest: int, *, zero_lengths: bool, attempt: int, wild: bool, rng: np.random.Generator
) -> Array:
    """Return values for an input that holds sequence lengths.

    Args:
        shape: The input's shape.
        longest: The size of the dim they count.
        zero_lengths: Let some be 0.
        attempt: The number of the candidate: ragged lengths and any lengths take turns where `wild`.
        wild: Whether it is one of the wilder candidates.
        rng: Draws them.

    """
    if wild and attempt % 3 == 0:
        return rng.integers(0 if zero_lengths else min(1, longest), longest + 1, size=shape)
    some_empty = zero_lengths and (attempt % 2 or not wild)
    return _ragged_lengths(shape, longest, 0 if some_empty else 1, rng)


def _ragged_lengths(shape: tuple[int, ...], longest: int, shortest: int, rng: np.random.Generator) -> Array:
    """Return ragged lengths, one of them full, and one 0 where zeros are asked for and there is room."""
    lens = rng.integers(min(shortest, longest), longest + 1, size=shape)
    flat, places = np.reshape(lens, -1), rng.permutation(np.size(lens))
    if flat.size > 1 and shortest == 0:
        flat[places[1]] = 0
    if flat.size:
        flat[places[0]] = longest
    return flat.reshape(shape)


def draw_padded_lengths(batch: int, steps: int, rng: np.random.Generator) -> Array:
    """Return the lengths of padded sequences: one neither empty nor full, one full and one empty if there is room.

    Args:
        batch: The number of sequences.
        steps: The number of steps, padding included.
        rng: Draws them.

    """
    lens = rng.integers(0, steps + 1, size=batch)
    places = rng.permutation(batch)
    second = steps if batch > 2 else int(rng.choice((0, steps)))
    for place, length in zip(places, (int(rng.integers(1, max(2, steps))), second, 0), strict=False):
        lens[place] = min(length, steps)
    return lens
