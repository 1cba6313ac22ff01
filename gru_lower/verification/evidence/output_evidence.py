"""How far each output of two models was apart: by size, by case, over time, and side by side where it was furthest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.verification.arrays import is_text
from gru_lower.verification.comparing.compare_arrays import type_difference
from gru_lower.verification.comparing.elementwise_errors import errors
from gru_lower.verification.runs_evidence import MOST_CASES, Curve, FurthestApart, OutputEvidence, RunsEvidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.comparing.elementwise_errors import Floats
    from gru_lower.verification.comparing.tolerance import Tolerance

MOST_POINTS = 160
"""How many points of time a curve has."""
MOST_OUTPUTS = 24
"""How many outputs are looked at."""
LEAST_DECADE, LARGEST_DECADE = -18, 6
"""Powers of ten between which errors are counted decade by decade."""


def evidence_of(
    feeds: Sequence[Feeds],
    expected: Sequence[Feeds],
    actual: Sequence[Feeds],
    tolerances: Mapping[str, Tolerance],
    time_axes: Mapping[str, int] | None = None,
    words: Mapping[int, str] | None = None,
    *,
    by_tolerance: bool = True,
) -> RunsEvidence:
    """Return what a verdict rests on.

    Args:
        feeds: The inputs, one dict per case.
        expected: What the original computed from them.
        actual: What the rewrite did.
        tolerances: By output.
        time_axes: The axis that is time, of the outputs that have one.
        words: What a case was drawn for, by its place.
        by_tolerance: Whether tolerances decide.

    """
    words = words or {}
    cases = [
        {"case": place + 1, "what": words.get(place, ""), "inputs": [described(*each) for each in case.items()]}
        for place, case in enumerate(feeds[:MOST_CASES])
    ]
    found = RunsEvidence(cases, max(0, len(feeds) - MOST_CASES), feeds=feeds[0] if feeds else None)
    for name in list(tolerances)[:MOST_OUTPUTS]:
        pairs = [(right[name], other[name]) for right, other in zip(expected, actual, strict=True)]
        found.outputs.append(_output(name, pairs, tolerances[name], (time_axes or {}).get(name)))
        found.outputs[-1].by_tolerance = by_tolerance
    return found


def described(name: str, array: Array) -> dict[str, Any]:
    """Return the name, type and shape of an array, as they stand in the JSON report."""
    return {"name": name, "type": array.dtype.name, "shape": list(array.shape)}


def _output(
    name: str, pairs: Sequence[tuple[Array, Array]], tolerance: Tolerance, time_axis: int | None
) -> OutputEvidence:
    found = OutputEvidence(name, pairs[0][0].dtype.name, tolerance.rtol, tolerance.atol)
    furthest: tuple[float, int, Floats] | None = None
    for number, (expected, actual) in enumerate(pairs, 1):
        if type_difference(expected, actual):
            found.by_case[number] = math.inf
            continue
        error = (expected != actual).astype(np.float64) if is_text(expected.dtype) else errors(expected, actual)
        _count(found, error)
        largest = float(error.max(initial=0.0))
        found.by_case[number] = largest
        if error.size and (furthest is None or largest > furthest[0]):
            furthest = largest, number, error
    if furthest is not None and furthest[0]:
        _look_closely(found, furthest[1], furthest[2], pairs[furthest[1] - 1], time_axis)
    elif furthest is not None:
        number, error = _longest(pairs)
        found.side_by_side = _side_by_side(
            number, (0,) * error.ndim, pairs[number - 1], _axis(pairs[number - 1][0], time_axis)
        )
    return found


def _longest(pairs: Sequence[tuple[Array, Array]]) -> tuple[int, Array]:
    """Return the number of the first case that has the most values, and its output."""
    place = max(range(len(pairs)), key=lambda each: pairs[each][0].size)
    return place + 1, pairs[place][0]


def _count(found: OutputEvidence, error: Floats) -> None:
    finite = error[np.isfinite(error)]
    positive = finite[finite > 0]
    found.count += error.size
    found.same += finite.size - positive.size
    found.not_finite += error.size - finite.size
    if positive.size:
        decades = np.clip(np.floor(np.log10(positive)), LEAST_DECADE, LARGEST_DECADE).astype(int)
        for decade, count in zip(*np.unique(decades, return_counts=True), strict=True):
            found.decades[int(decade)] += int(count)


def _look_closely(
    found: OutputEvidence, number: int, error: Floats, pair: tuple[Array, Array], time_axis: int | None
) -> None:
    """Enter where the error is largest, the error over time, and both outputs there."""
    expected, actual = pair
    index = tuple(int(each) for each in np.unravel_index(int(error.argmax()), error.shape))
    found.worst = FurthestApart(number, index, _number(expected[index]), _number(actual[index]))
    if time_axis is not None and time_axis < error.ndim:
        others = tuple(axis for axis in range(error.ndim) if axis != time_axis)
        along = error.max(axis=others) if others else error
        every = -(-len(along) // MOST_POINTS)
        grouped = [float(along[begin : begin + every].max()) for begin in range(0, len(along), every)]
        found.over_time = Curve(time_axis, number, (), 0, every, {"error": grouped})
    found.side_by_side = _side_by_side(number, index, pair, _axis(expected, time_axis))


def _axis(output: Array, time_axis: int | None) -> int | None:
    """Return the axis along which outputs are shown: time, or the longest; ``None`` for a number."""
    if time_axis is not None and time_axis < output.ndim:
        return time_axis
    return int(np.argmax(output.shape)) if output.ndim else None


def _side_by_side(number: int, index: tuple[int, ...], pair: tuple[Array, Array], axis: int | None) -> Curve | None:
    """Return both outputs through one element, along an axis."""
    if axis is None or not pair[0].size or is_text(pair[0].dtype) or pair[0].dtype.kind in "cb":
        return None
    where: tuple[Any, ...] = tuple(slice(None) if place == axis else each for place, each in enumerate(index))
    begin = max(0, min(index[axis] - MOST_POINTS // 2, pair[0].shape[axis] - MOST_POINTS))
    values = {
        name: [_number(each) for each in array[where][begin : begin + MOST_POINTS]]
        for name, array in zip(("before", "after"), pair, strict=True)
    }
    place = tuple(-1 if at == axis else each for at, each in enumerate(index))
    return Curve(axis, number, place, begin, 1, values)


def _number(value: Any) -> float:  # noqa: ANN401 - a numpy or ml_dtypes scalar
    if isinstance(value, (str, bytes, complex, np.complexfloating)):
        return math.nan
    return float(value)
