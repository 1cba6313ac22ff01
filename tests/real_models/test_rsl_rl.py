"""Recurrent policies of rsl-rl, by its own exporter: opset 18, and the weights in a second file."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from lowering import run
from real_models.held import hold_portable

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("layers", [1, 2])
def test_portable(layers: int, normalised: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest hands it in
    """Five steps, each from the state that the one before it left, are those of the package's own model."""
    import torch
    from rsl_rl.models.rnn_model import RNNModel
    from rsl_rl.runners.on_policy_runner import OnPolicyRunner
    from tensordict import TensorDict

    torch.manual_seed(0)
    observations = torch.randn(5, 1, 48)
    policy = RNNModel(
        TensorDict({"policy": observations[0]}, batch_size=[1]),
        {"actor": ["policy"]},
        "actor",
        12,
        hidden_dims=(64, 32),
        obs_normalization=normalised,
        distribution_cfg={"class_name": "GaussianDistribution", "init_std": 1.0},
        rnn_type="gru",
        rnn_hidden_dim=64,
        rnn_num_layers=layers,
    )
    if normalised:
        policy.train()
        policy.update_normalization(TensorDict({"policy": torch.randn(100, 48) * 3 + 1}, batch_size=[100]))
    policy.eval()
    runner = SimpleNamespace(alg=SimpleNamespace(get_policy=lambda: policy))
    OnPolicyRunner.export_policy_to_onnx(runner, str(tmp_path))
    path = tmp_path / "policy.onnx"
    model = onnx.load(path)
    state_in, state_out = model.graph.input[1].name, model.graph.output[1].name

    state = np.zeros((layers, 1, 64), np.float32)
    lowered = hold_portable(path, {"obs": observations[0].numpy(), state_in: state}, opset=17)
    for observed in observations:
        with torch.no_grad():
            own = policy(TensorDict({"policy": observed}, batch_size=[1]))
        given = {"obs": observed.numpy(), state_in: state}
        made = run(model, given)
        for each in (made, run(lowered, given)):
            np.testing.assert_allclose(each["actions"], own.numpy(), rtol=1e-4, atol=1e-5)
        state = made[state_out]
