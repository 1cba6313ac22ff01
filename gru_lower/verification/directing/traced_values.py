"""What a value inside a graph is known to be: a small constant, or numbers that grow with an input or with a dim."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.verification.arrays import Array

SIZE = ""
"""Stands for an input's dims where the name of an input is expected."""

_MOST_FORMS = 4
_MOST_NUMBERS = 8


@dataclass(frozen=True)
class Form:
    """Numbers ``scale * source + offset``.

    Attributes:
        source: The name of an input, or :data:`SIZE`.
        scale: Never 0.
        offset: In the value's own unit.
        exact: Whether no arithmetic has been done: the source's own values.

    """

    source: str
    scale: float = 1.0
    offset: float = 0.0
    exact: bool = True

    def solved(self, number: float) -> float:
        """Return what the source has to be for the value to be this number."""
        return (number - self.offset) / self.scale


@dataclass(frozen=True)
class Value:
    """What is known of a value.

    Attributes:
        constant: Its array, where it is a small constant.
        shape: Its shape, where it is a constant of any size.
        forms: What it grows with.

    """

    constant: Array | None = None
    shape: tuple[int, ...] | None = None
    forms: tuple[Form, ...] = ()

    def numbers(self) -> list[float]:
        """Return its numbers, where it is a small constant of numbers; of many, the least and the largest."""
        if self.constant is None or self.constant.dtype.kind not in "iufb":
            return []
        held: list[float] = self.constant.astype(np.float64).ravel().tolist()
        found = sorted({each + 0.0 for each in held if math.isfinite(each)})  # np.unique loads what masks arrays
        return found if len(found) <= _MOST_NUMBERS else [found[0], found[-1]]


def joined(*values: Value) -> Value:
    """Return what is known of a value that holds numbers of several."""
    forms = dict.fromkeys(form for value in values for form in value.forms)
    return Value(forms=tuple(forms)[:_MOST_FORMS])


def inexact(value: Value) -> Value:
    """Return a value that grows with the same things, about as much."""
    return Value(forms=tuple(replace(form, exact=False) for form in value.forms))


def moved(value: Value, by: Value, op_type: str) -> Value:
    """Return the sum, difference, product or quotient of a value and a constant.

    Args:
        value: What grows.
        by: The constant.
        op_type: "Add", "Sub", "Mul" or "Div", with the value first.

    """
    found = []
    for form in value.forms:
        for number in _one_or_two(by):
            if op_type in {"Mul", "Div"} and not number:
                continue
            scale, offset = form.scale, form.offset
            if op_type in {"Mul", "Div"}:
                factor = number if op_type == "Mul" else 1 / number
                scale, offset = scale * factor, offset * factor
            else:
                offset += number if op_type == "Add" else -number
            if math.isfinite(scale) and math.isfinite(offset) and scale:
                found.append(Form(form.source, scale, offset, exact=False))
    return Value(forms=tuple(dict.fromkeys(found))[:_MOST_FORMS])


def negated(value: Value) -> Value:
    """Return the value with the sign changed."""
    return Value(forms=tuple(replace(form, scale=-form.scale, offset=-form.offset) for form in value.forms))


def _one_or_two(value: Value) -> Iterator[float]:
    numbers = value.numbers()
    yield from numbers if len(numbers) < 2 else (numbers[0], numbers[-1])
