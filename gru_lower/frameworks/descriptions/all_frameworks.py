"""The descriptions of all frameworks, by their key on the command line.

They were read with PyTorch 2.13, Keras 3.15, TensorFlow 2.21 and MLX 0.32; live tests compare the parameters with the
installed ones.
"""

from __future__ import annotations

from gru_lower.frameworks.descriptions.keras import KERAS
from gru_lower.frameworks.descriptions.mlx import MLX
from gru_lower.frameworks.descriptions.pytorch import TORCH
from gru_lower.frameworks.descriptions.tensorflow import TENSORFLOW

FRAMEWORKS = {entry.key: entry for entry in (TORCH, KERAS, TENSORFLOW, MLX)}
