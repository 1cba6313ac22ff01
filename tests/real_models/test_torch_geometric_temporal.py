"""GRUs over a graph that read no edge with K = 1, over time: plain GRUs, one row for each node of the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from real_models.exporting import EXPORTERS, export
from real_models.held import hold_fused
from real_models.wheels import module

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models

FILES = {"GConvGRU": "gconv_gru.py", "DCRNN": "dcrnn.py"}


def over_time(name: str, **more: Any) -> Any:
    """Return a network that steps a cell over time, on a ring of five nodes, and gives all states [T, 5, H]."""
    import torch

    file = f"torch_geometric_temporal/nn/recurrent/{FILES[name]}"
    cell = getattr(module("torch-geometric-temporal==0.56.2", file), name)
    nodes = torch.arange(5)
    edges = torch.stack([torch.cat([nodes, nodes]), torch.cat([nodes.roll(1), nodes.roll(-1)])])

    class OverTime(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = cell(3, 4, K=1, **more)

        def forward(self, x: torch.Tensor, h: torch.Tensor) -> Any:
            states = []
            for step in x.unbind(0):
                h = self.cell(step, edges, torch.ones(10), h)
                states.append(h)
            return torch.stack(states)

    torch.manual_seed(0)
    return OverTime()


@pytest.mark.parametrize(
    ("name", "bias", "exporter"),
    [
        *(("GConvGRU", bias, exporter) for bias in (True, False) for exporter in EXPORTERS),
        # Without biases the package's own DCRNN fails, and of the size of a graph the other exporter makes nothing.
        ("DCRNN", True, "torchscript"),
    ],
)
def test_fused(name: str, bias: bool, exporter: str, tmp_path: Path) -> None:  # noqa: FBT001 - pytest hands it in
    rng = np.random.default_rng(0)
    feeds = {"x": rng.standard_normal((6, 5, 3)), "h": rng.standard_normal((5, 4))}
    feeds = {name: array.astype(np.float32) for name, array in feeds.items()}
    path = export(over_time(name, bias=bias), feeds, ["states"], tmp_path / "cell.onnx", exporter=exporter)
    hold_fused(path, feeds, {"forward": 1})
