"""minGRU, step by step and by a scan of logarithms: neither spelling is a GRU, since no gate reads the state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from real_models.exporting import export
from real_models.held import hold_stays

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models


def layer(*, stepwise: bool) -> Any:
    """Return a network over [N, T, D]; stepwise, the package computes each step from the state before it."""
    import torch
    from minGRU_pytorch import minGRU

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own = minGRU(6)

        def forward(self, x: torch.Tensor) -> Any:
            if not stepwise:
                return self.own(x)
            states, h = [], None
            for step in range(x.shape[1]):
                y, h = self.own(x[:, step : step + 1], h, return_next_prev_hidden=True)
                states.append(y)
            return torch.cat(states, 1)

    torch.manual_seed(0)
    return Layer()


@pytest.mark.parametrize(
    ("stepwise", "exporter"),
    [(True, "dynamo"), (True, "torchscript"), (False, "dynamo")],  # the other exporter has no logcumsumexp
)
def test_stays(stepwise: bool, exporter: str, tmp_path: Path) -> None:  # noqa: FBT001 - pytest hands it in
    feeds = {"x": np.random.default_rng(0).standard_normal((2, 5, 6)).astype(np.float32)}
    path = export(layer(stepwise=stepwise), feeds, ["y"], tmp_path / "min.onnx", exporter=exporter)
    hold_stays(path)
