"""GRU layers of PyTorch, Keras, TensorFlow and Apple MLX: into ONNX and back.

Each framework is a module with the same calls, made when first used; the framework itself is imported only to
make one of its layers, and weights travel as plain numpy arrays without it::

    from gru_lower.frameworks import pytorch

    pytorch.to_onnx(layer)        # a ModelProto
    pytorch.from_onnx(model)      # a torch.nn.GRU
    pytorch.to_weights(model)     # {"weight_ih_l0": array, ...}, no torch needed
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gru_lower.frameworks import keras, mlx, pytorch, tensorflow

MODULES = ("keras", "mlx", "pytorch", "tensorflow")

__all__ = ["keras", "mlx", "pytorch", "tensorflow"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module
    """Load a framework's module when it is first used."""
    if name in MODULES:
        return importlib.import_module(f"gru_lower.frameworks.{name}")
    raise AttributeError(f"module 'gru_lower.frameworks' has no attribute {name!r}")
