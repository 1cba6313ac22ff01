"""Convert a model to a torch module by onnx2torch and run that.

onnx2torch imports torchvision for NonMaxSuppression and RoiAlign alone. The torchvision of the package index does not
load beside a torch built for the CPU, so empty modules stand in for it; those two operators then fail.
"""

from __future__ import annotations

import sys
from types import ModuleType

import torch

from runner import Arrays, main, names

sys.modules["torchvision"] = ModuleType("torchvision")
sys.modules["torchvision.ops"] = ModuleType("torchvision.ops")
sys.modules["torchvision.ops"].roi_align = None  # type: ignore[attr-defined]

import onnx2torch


def run(model: str, feeds: Arrays) -> Arrays:
    """Convert the model and call the module, which is in training mode at first."""
    inputs, outputs = names(model)
    module = onnx2torch.convert(model).eval()
    with torch.no_grad():
        results = module(*[torch.from_numpy(feeds[name]) for name in inputs])
    values = [results] if len(outputs) == 1 else results
    return {name: value.numpy() for name, value in zip(outputs, values, strict=True)}


if __name__ == "__main__":
    sys.exit(main(run))
