"""piper's Arabic diacritics: nine GRUs over sequences with lengths, sorted on the way in and back on the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from real_models.held import hold_portable
from real_models.wheels import unpacked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.packages


@pytest.fixture(scope="module")
def path() -> Path:
    return unpacked("piper-tts==1.8.0") / "piper" / "tashkeel" / "model.onnx"


@pytest.mark.parametrize("lengths", ["seq", 7])
def test_portable(lengths: str | int, path: Path) -> None:
    """With the length that the package itself gives, that of the sequence, and with a shorter one."""
    rng = np.random.default_rng(0)
    feeds = {
        "char_inputs": rng.integers(1, 40, (1, 12)),
        "diac_inputs": rng.integers(0, 15, (1, 12)),
        "input_lengths": np.array([12 if lengths == "seq" else lengths]),
    }
    hold_portable(path, feeds, fix_dims={"batch": 1, "seq": 12}, set={"input_lengths": lengths})
