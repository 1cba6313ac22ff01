"""uzmorph's tagger of letters: two bidirectional layers of PyTorch, by both of its exporters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from real_models.exporting import EXPORTERS, export
from real_models.held import hold_portable, open_dims
from real_models.wheels import module, unpacked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("dynamic", [True, False])
def test_portable(exporter: str, dynamic: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest hands it in
    import torch

    folder = unpacked("uzmorph-bigru==0.1.1") / "uzmorph_bigru"
    sizes = [len(json.loads((folder / "data" / f"{kind}_vocab.json").read_text("utf-8"))) for kind in ("char", "tag")]
    network = module("uzmorph-bigru==0.1.1", "uzmorph_bigru/model.py").MorphBiGRU(*sizes)
    network.load_state_dict(torch.load(folder / "data" / "morph_bigru.pth", map_location="cpu"))

    feeds = {"sentence": np.random.default_rng(0).integers(0, sizes[0], (2, 30))}
    dims = {"sentence": {0: "batch", 1: "time"}} if dynamic else None
    path = export(network, feeds, ["tags"], tmp_path / "uzmorph.onnx", exporter=exporter, dims=dims)
    hold_portable(path, feeds, opset=17, fix_dims=open_dims(path, feeds))
