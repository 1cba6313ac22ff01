"""Convert a model to a graph of torch.fx by onnx2fx, which is a way to ExecuTorch, and run it in torch."""

from __future__ import annotations

import sys

import onnx2fx
import torch

from runner import Arrays, main, names


def run(model: str, feeds: Arrays) -> Arrays:
    """Convert and run the model."""
    inputs, outputs = names(model)
    module = onnx2fx.convert(model)
    with torch.inference_mode():
        found = module(*[torch.from_numpy(feeds[name].copy()) for name in inputs])
    made = found if isinstance(found, tuple | list) else (found,)
    return {name: value.numpy() for name, value in zip(outputs, made, strict=True)}


if __name__ == "__main__":
    sys.exit(main(run))
