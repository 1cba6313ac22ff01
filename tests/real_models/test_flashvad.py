"""flashvad's detector of speech: one step of a GRU, with its state and caches handed in and out."""

from __future__ import annotations

import numpy as np
import pytest

from real_models.held import hold_portable
from real_models.wheels import unpacked

pytestmark = pytest.mark.packages


@pytest.mark.parametrize("batch", [1, 3])
def test_portable(batch: int) -> None:
    path = unpacked("flashvad==0.1.0a1") / "flashvad" / "_models" / "flashvad-stream.onnx"
    rng = np.random.default_rng(0)
    shapes = {"feature": (batch, 1, 43), "recurrent": (1, batch, 64)}
    shapes |= {f"cache_{number}": (batch, 64, 2 ** (number + 1)) for number in range(4)}
    feeds = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    hold_portable(path, feeds, fix_dims={"batch": batch}, opset=17)
