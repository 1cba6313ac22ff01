"""Both of PyTorch's exporters, and what a network itself makes of the inputs that its export is held to."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from lowering import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lowering import Array

EXPORTERS = ["dynamo", "torchscript"]


def export(
    network: Any,
    given: Mapping[str, Array],
    made: Sequence[str],
    path: Path,
    *,
    exporter: str = "torchscript",
    dims: Mapping[str, Mapping[int, str]] | None = None,
    opset: int | None = None,
) -> Path:
    """Export a network and hold the model to what the network computes.

    Args:
        network: A torch.nn.Module or a scripted one.
        given: Its inputs by name, in order.
        made: The names of its outputs.
        path: Where to write it.
        exporter: One of EXPORTERS.
        dims: The dims that stay open, by input and axis.
        opset: The opset; the exporter's own without.
    """
    import torch

    tensors = tuple(torch.from_numpy(array.copy()) for array in given.values())
    network.eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = network(*tensors)
        options: dict[str, Any] = {"input_names": list(given), "output_names": list(made), "opset_version": opset}
        if exporter == "dynamo":
            named = {name: dict.fromkeys(axes, torch.export.Dim.DYNAMIC) for name, axes in (dims or {}).items()}
            shapes = tuple(named.get(name) for name in given) if dims else None
            # PyTorch 2.13 keeps, after a first export, the decomposition that makes the time static in later ones.
            torch.ops.aten.gru.input._dispatch_cache.clear()
            torch.onnx.export(network, tensors, path, dynamo=True, dynamic_shapes=shapes, verbose=False, **options)
        else:
            torch.onnx.export(network, tensors, path, dynamo=False, dynamic_axes=dims, **options)
    outputs = run(onnx.load(path), given).values()
    for now, was in zip(outputs, own if isinstance(own, tuple) else (own,), strict=True):
        np.testing.assert_allclose(now, was.numpy(), rtol=1e-4, atol=1e-5)
    return path
