"""How right two models are, where somebody said what is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.verification.compare import errors, is_float
from gru_lower.verification.result import Accuracy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.verification.result import Array, Feeds


def accuracies(expected: Sequence[Feeds], before: Sequence[Feeds], after: Sequence[Feeds]) -> list[Accuracy]:
    """Return the accuracy of each output that has integer labels while its values are scores, over all cases.

    Labels have the scores' shape without the last axis, or with 1 there; the predicted label is the largest score's
    place on that axis.
    """
    hits: dict[str, list[tuple[int, int, int]]] = {}
    for right, first, second in zip(expected, before, after, strict=True):
        for name, labels in right.items():
            if name in first and _are_labels(labels, first[name]):
                truth = np.reshape(labels, first[name].shape[:-1])
                counts = [int(np.sum(np.argmax(scores, axis=-1) == truth)) for scores in (first[name], second[name])]
                hits.setdefault(name, []).append((counts[0], counts[1], truth.size))
    sums = {name: np.sum(counts, axis=0).tolist() for name, counts in hits.items()}
    return [Accuracy(name, a / n, b / n, n) for name, (a, b, n) in sums.items() if n]


def distances(expected: Sequence[Feeds], before: Sequence[Feeds], after: Sequence[Feeds]) -> str:
    """Return, in one line, the largest error of both models against given float outputs; "" if none were given."""
    largest: dict[str, tuple[float, float]] = {}
    for right, first, second in zip(expected, before, after, strict=True):
        for name, values in right.items():
            if name in first and is_float(values.dtype) and values.shape == first[name].shape:
                found = (float(errors(values, out[name]).max(initial=0.0)) for out in (first, second))
                largest[name] = tuple(map(max, largest.get(name, (0.0, 0.0)), found))  # type: ignore[assignment]
    texts = [f"{name!r}: original {a:.2g}, rewrite {b:.2g}" for name, (a, b) in largest.items()]
    return f"error against the values given for {', '.join(texts)}" if texts else ""


def _are_labels(labels: Array, scores: Array) -> bool:
    shapes = (scores.shape[:-1], (*scores.shape[:-1], 1))
    return labels.dtype.kind in "iu" and is_float(scores.dtype) and scores.ndim > 0 and labels.shape in shapes
