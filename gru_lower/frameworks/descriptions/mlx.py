"""Apple MLX: mlx.nn.GRU."""

from __future__ import annotations

from gru_lower.frameworks import gate_orders
from gru_lower.frameworks.descriptions.framework import Framework, Weight, absent, changes, maps
from gru_lower.gru.activations import SIGMOID, TANH

MLX = Framework(
    key="mlx",
    title="Apple MLX",
    package="mlx",
    extra="mlx",
    layer="mlx.nn.layers.recurrent.GRU",
    page="https://ml-explore.github.io/mlx/build/html/python/nn/_autosummary/mlx.nn.GRU.html",
    gates=gate_orders.MLX,
    gate_names="r, z, n",
    weights=(
        Weight("Wx", "W", "[3H, I]"),
        Weight("Wh", "R", "[3H, H]"),
        Weight("b", "folded", "[3H]"),
        Weight("bhn", "Rbh", "[H]"),
    ),
    linear_before_reset=(1,),
    directions=("forward",),
    activations={"sigmoid": SIGMOID, "tanh": TANH},
    saving="layer.save_weights('gru.safetensors')",
    loading="layer.load_weights('gru.safetensors')",
    operator={
        "X": changes("`x`, [B, T, I]; [T, I] unbatched"),
        "W": changes("`Wx`: gates in the order r, z, n"),
        "R": changes("`Wh`: gates in the order r, z, n"),
        "B": changes("`b` is Wb + Rb of r and z and Wb of n, `bhn` is Rb of n; absent: `bias=False`"),
        "sequence_lens": absent("the layer knows no lengths"),
        "initial_h": maps("`hidden` of the call, [B, H]"),
        "Y": changes("the output, [B, T, H]"),
        "Y_h": absent("the layer returns the sequence alone: take its last step"),
        "activation_alpha": absent("no activation takes a parameter"),
        "activation_beta": absent("no activation takes a parameter"),
        "activations": absent("always Sigmoid and Tanh"),
        "clip": absent("pre-activations are not bounded"),
        "direction": absent("always forward"),
        "hidden_size": maps("`hidden_size`"),
        "layout": changes("always batch-major, as 1"),
        "linear_before_reset": absent("always 1"),
    },
    parameters={
        "input_size": maps("W's last dimension"),
        "hidden_size": maps("`hidden_size`"),
        "bias": maps("B, or none"),
        "x": changes("X, transposed"),
        "hidden": changes(
            "initial_h, with `initial_state=True`; without, MLX up to 0.31.1 leaves r ∘ bhn out of the first step: "
            "that step then stands alone before the GRU"
        ),
    },
)
