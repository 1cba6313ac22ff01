"""Cells that look like a GRU and are none: nothing is fused where a package's cell computes something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from real_models.exporting import EXPORTERS, export
from real_models.held import hold_fused, hold_stays

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models

CELLS = [
    *("AntisymmetricRNN", "GatedAntisymmetricRNN", "ATR", "BR", "NBR", "CFN", "DSGU", "MCLSTM", "MGU", "MinimalRNN"),
    *("MiRU1", "MiRU2", "coRNN", "FastRNN", "FastGRNN", "IndRNN", "IntersectionRNN", "JANET", "LEM", "LiGRU"),
    *("LightRU", "MultiplicativeLSTM", "MUT1", "MUT3", "NAS", "OriginalLSTM", "PeepholeLSTM", "RAN", "ResLSTM"),
    *("SCRN", "SGU", "SGRN", "STAR", "tauGRU", "TRNN", "TGRU", "TLSTM", "UGRNN", "UnICORNN", "WMCLSTM"),
]


def exported(name: str, exporter: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Export a layer of a cell, over five steps from a state of zeros."""
    import torch
    import torchrecurrent

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = getattr(torchrecurrent, name)(6, 6)

        def forward(self, x: torch.Tensor) -> Any:
            return self.layer(x)[0]

    torch.manual_seed(0)
    feeds = {"x": np.random.default_rng(0).standard_normal((5, 2, 6)).astype(np.float32)}
    return export(States(), feeds, ["y"], folder / f"{name}.onnx", exporter=exporter), feeds


def test_every_cell_is_here() -> None:
    import torchrecurrent

    cells = {name.removesuffix("Cell") for name in torchrecurrent.__all__ if name.endswith("Cell")}
    assert cells == {*CELLS, "MUT2"}


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", CELLS)
def test_stays(name: str, exporter: str, tmp_path: Path) -> None:
    path, _ = exported(name, exporter, tmp_path)
    hold_stays(path)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_mut2_is_a_gru(exporter: str, tmp_path: Path) -> None:
    path, feeds = exported("MUT2", exporter, tmp_path)
    hold_fused(path, feeds, {"forward": 1})
