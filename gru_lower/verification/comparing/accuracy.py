"""The accuracy of two models against expected outputs: labels, whole numbers or values that a user gave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.verification.arrays import is_float, is_text, restored
from gru_lower.verification.comparing.elementwise_errors import errors
from gru_lower.verification.inputs.errors import BadInputs
from gru_lower.verification.inputs.given_arrays import as_array
from gru_lower.verification.inputs.model_inputs import spell
from gru_lower.verification.result import Accuracy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.verification.arrays import Array, Feeds


def checked_expectations(expected: Feeds, outputs: Feeds) -> Feeds:
    """Return expected outputs that fit the model's, in the outputs' own types where they are values.

    For scores (floats of more than one class along the last axis), whole numbers of the scores' shape without the last
    axis, or with 1 there, are labels. Anything else has to be values: of the output's shape and kind, or whole numbers
    for floats.

    Args:
        expected: What somebody said is right, by output name.
        outputs: What the original computed, by output name.

    Raises:
        BadInputs: It is neither labels nor values of the output, or there is no such output.

    """
    result = {}
    for name, given in expected.items():
        if name not in outputs:
            raise BadInputs(
                f"what is right was given for {name!r}, but the model has no such output",
                hint=f"its outputs are {', '.join(map(repr, outputs))}",
            )
        output = outputs[name]
        right = restored(as_array(name, given), output.dtype)
        if not _are_labels(right, output):
            if right.shape != output.shape or not _same_kind(right.dtype, output.dtype):
                raise _no_expectation(name, right, output)
            right = right.astype(output.dtype)
        result[name] = right
    return result


def accuracies(expected: Sequence[Feeds], before: Sequence[Feeds], after: Sequence[Feeds]) -> list[Accuracy]:
    """Return the accuracy of each output that has labels, or is no float and has values, over all cases.

    A predicted label is the largest score's place on the last axis; anything else is right if it is equal.

    Args:
        expected: What is right, as `checked_expectations` returns it, one dict per case.
        before: What the original computed.
        after: What the rewrite computed; outputs of other shapes are left out.

    """
    hits: dict[str, list[tuple[int, int, int]]] = {}
    for right, first, second in zip(expected, before, after, strict=True):
        for name, truth in right.items():
            if first[name].shape != second[name].shape:
                continue
            if _are_labels(truth, first[name]):
                labels = np.reshape(truth, first[name].shape[:-1])
                counts = [int(np.sum(np.argmax(scores, axis=-1) == labels)) for scores in (first[name], second[name])]
            elif not is_float(truth.dtype):
                counts = [int(np.sum(values == truth)) for values in (first[name], second[name])]
            else:
                continue
            hits.setdefault(name, []).append((counts[0], counts[1], truth.size))
    sums = {name: np.sum(counts, axis=0).tolist() for name, counts in hits.items()}
    return [Accuracy(name, a / n, b / n, n) for name, (a, b, n) in sums.items() if n]


def float_errors(expected: Sequence[Feeds], before: Sequence[Feeds], after: Sequence[Feeds]) -> str:
    """Return, in one line, the largest error of both models against given float outputs; "" if none were given."""
    largest: dict[str, tuple[float, float]] = {}
    for right, first, second in zip(expected, before, after, strict=True):
        for name, values in right.items():
            if is_float(values.dtype) and first[name].shape == second[name].shape:
                found = (float(errors(values, out[name]).max(initial=0.0)) for out in (first, second))
                largest[name] = tuple(map(max, largest.get(name, (0.0, 0.0)), found))  # type: ignore[assignment]
    texts = [f"{name!r}: original {a:.2g}, rewrite {b:.2g}" for name, (a, b) in largest.items()]
    return f"error against the values given for {', '.join(texts)}" if texts else ""


def _are_labels(labels: Array, scores: Array) -> bool:
    if labels.dtype.kind not in "iu" or not is_float(scores.dtype) or not scores.ndim or scores.shape[-1] == 1:
        return False
    return labels.shape in (scores.shape[:-1], (*scores.shape[:-1], 1))


def _same_kind(given: np.dtype[Any], output: np.dtype[Any]) -> bool:
    kinds = [_kind(given), _kind(output)]
    return kinds[0] == kinds[1] or kinds == ["whole", "float"]


def _kind(dtype: np.dtype[Any]) -> str:
    if is_float(dtype):
        return "float"
    return "text" if is_text(dtype) else "whole"


def _no_expectation(name: str, given: Array, output: Array) -> BadInputs:
    hint = f"give values of shape {spell(output.shape)}"
    if is_float(output.dtype) and output.ndim and output.shape[-1] > 1:
        hint += f", or whole-number labels of shape {spell(output.shape[:-1])}"
    return BadInputs(
        f"what is given for output {name!r} is {given.dtype.name} of shape {spell(given.shape)}, "
        f"the model computes {output.dtype.name} of shape {spell(output.shape)}",
        hint=hint,
    )
