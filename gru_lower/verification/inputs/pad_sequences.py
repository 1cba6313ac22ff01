"""Pad the sequences of inputs that masks are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.verification.inputs.sequence_lengths import draw_padded_lengths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.inputs.mask_inputs import Padding
    from gru_lower.verification.options import PaddedSide


def pad_sequences(feeds: Feeds, paddings: Mapping[str, Padding], side: PaddedSide, rng: np.random.Generator) -> Feeds:
    """Return inputs in which sequences are padded, those of one batch alike.

    Args:
        feeds: The inputs.
        paddings: Those that mark padding, and how: from :func:`gru_lower.verification.inputs.mask_inputs.paddings`.
        side: Where sequences are padded.
        rng: Draws their lengths.

    """
    result = dict(feeds)
    lens: dict[tuple[int, int], Array] = {}
    for name, padding in paddings.items():
        if name not in feeds or max(padding.time, padding.batch) >= feeds[name].ndim:
            continue
        size = feeds[name].shape[padding.batch], feeds[name].shape[padding.time]
        if size not in lens:
            lens[size] = draw_padded_lengths(*size, rng)
        result[name] = _padded(feeds[name], padding, side, lens[size])
    return result


def _padded(array: Array, padding: Padding, side: PaddedSide, lens: Array) -> Array:
    moved = np.moveaxis(array, (padding.batch, padding.time), (0, 1)).copy()
    steps = np.arange(moved.shape[1])
    live = steps < lens[:, None] if side == "right" else steps >= moved.shape[1] - lens[:, None]
    value = np.array(padding.value).astype(moved.dtype)
    other = np.array(not padding.value if moved.dtype == np.bool_ else padding.value + 1).astype(moved.dtype)
    moved[(moved == value) & live.reshape(*live.shape, *[1] * (moved.ndim - 2))] = other
    moved[~live] = value
    return np.moveaxis(moved, (0, 1), (padding.batch, padding.time))
