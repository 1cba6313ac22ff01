"""hama's phonemes: float16 GRUs, the encoder's over sequences with lengths, the decoder's of one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from real_models.held import hold_portable
from real_models.wheels import unpacked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.packages

HALF = (1e-2, 4e-3)
"""onnxruntime computes a GRU of float16 in float32, and rounds between the nodes that stand for it."""


@pytest.fixture(scope="module")
def assets() -> Path:
    return unpacked("hama==1.3.13") / "hama" / "assets"


@pytest.mark.parametrize("lengths", ["src_in_len", 6])
def test_encoder(lengths: str | int, assets: Path) -> None:
    feeds = {
        "input_ids": np.random.default_rng(0).integers(4, 3000, (1, 9)),
        "input_lengths": np.array([9 if lengths == "src_in_len" else lengths]),
    }
    fixed = {"batch": 1, "src_in_len": 9}
    hold_portable(assets / "encoder.onnx", feeds, close=HALF, fix_dims=fixed, set={"input_lengths": lengths}, opset=17)


def test_decoder_step(assets: Path) -> None:
    rng = np.random.default_rng(0)
    feeds = {
        name: rng.uniform(-1, 1, shape).astype(np.float32)
        for name, shape in {
            "encoder_outputs": (1, 9, 192),
            "projected_keys": (1, 9, 96),
            "prev_attn": (1, 9),
            "hidden": (2, 1, 96),
        }.items()
    }
    feeds |= {
        "decoder_input_ids": np.array([[2]]),
        "encoder_mask": np.zeros((1, 9), bool),
        "positions": np.arange(9, dtype=np.float32)[None],
    }
    fixed = {"batch": 1, "src_len": 9, "pos_batch": 1}
    given = {"encoder_mask": 0}  # nothing is hidden: what the encoder makes of one whole word
    hold_portable(assets / "decoder_step.onnx", feeds, close=HALF, fix_dims=fixed, set=given, opset=17)
