"""Constant matrices are told apart by their numbers, and large ones that differ at a glance are not read for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra import matrices
from gru_lower.passes.fuse_gru.algebra.matrices import Matrices

if TYPE_CHECKING:
    import pytest

SIZE = 50


def drawn(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((SIZE, SIZE)).astype(np.float32)


def test_equal_numbers_are_one_matrix_wherever_they_lie() -> None:
    known = Matrices()
    turned = np.ascontiguousarray(drawn(0).T).T
    first, second, third = known.constant(drawn(0)), known.constant(drawn(0)), known.constant(turned)
    assert first is second is third


def test_one_number_makes_another_matrix() -> None:
    known = Matrices()
    found = []
    for place in range(3):  # among numbers that are not looked at first
        array = drawn(0)
        array[1, 1 + place] += 1
        found += [known.constant(array), known.constant(array.copy())]
    assert found[0] is found[1]
    assert found[2] is found[3]
    assert found[4] is found[5]
    assert len({each.serial for each in found}) == 3


def test_a_negative_is_found_as_soon_as_it_is_there() -> None:
    known = Matrices()
    matrix = known.constant(drawn(0))
    assert known.negative(matrix) is None
    opposite = known.constant(-drawn(0))
    assert known.negative(matrix) is opposite
    assert known.negative(opposite) is matrix


def test_matrices_that_differ_at_a_glance_are_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decomposed GRU of 3 GB is fused in a fraction of the time that hashing its weights takes."""
    hashed: list[int] = []

    def spy(array: np.ndarray) -> bytes:
        hashed.append(array.nbytes)
        return bytes(16)

    monkeypatch.setattr(matrices, "digest", spy)
    known = Matrices()
    found = [known.constant(drawn(seed)) for seed in range(6)]
    assert len(set(map(id, found))) == 6
    assert all(known.negative(each) is None for each in found)
    assert not hashed
