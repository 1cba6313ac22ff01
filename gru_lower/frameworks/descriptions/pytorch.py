"""PyTorch: torch.nn.GRU."""

from __future__ import annotations

from gru_lower.frameworks import gate_orders
from gru_lower.frameworks.descriptions.framework import TRAINING, UNUSED, Framework, Weight, absent, changes, maps
from gru_lower.gru.activations import SIGMOID, TANH

TORCH = Framework(
    key="torch",
    title="PyTorch",
    package="torch",
    extra="torch",
    layer="torch.nn.modules.rnn.GRU",
    page="https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html",
    gates=gate_orders.PYTORCH,
    gate_names="r, z, n",
    weights=(
        Weight("weight_ih", "W", "[3H, I]"),
        Weight("weight_hh", "R", "[3H, H]"),
        Weight("bias_ih", "Wb", "[3H]"),
        Weight("bias_hh", "Rb", "[3H]"),
    ),
    linear_before_reset=(1,),
    directions=("forward", "bidirectional"),
    activations={"sigmoid": SIGMOID, "tanh": TANH},
    saving="safetensors.torch.save_file(layer.state_dict(), 'gru.safetensors')",
    loading="layer.load_state_dict(safetensors.torch.load_file('gru.safetensors'))",
    operator={
        "X": maps("`input`, [T, B, I]; [B, T, I] with `batch_first`; [T, I] unbatched"),
        "W": changes("`weight_ih_l{k}`, `weight_ih_l{k}_reverse`: gates in the order r, z, n; I is D · H for k > 0"),
        "R": changes("`weight_hh_l{k}`, `weight_hh_l{k}_reverse`: gates in the order r, z, n"),
        "B": changes("`bias_ih_l{k}` is Wb and `bias_hh_l{k}` is Rb, kept apart; absent: `bias=False`"),
        "sequence_lens": changes(
            "no input of the layer: pack the input with `pack_padded_sequence`, `packed=True` here"
        ),
        "initial_h": maps("`h_0` of the call, [layers · D, B, H]"),
        "Y": changes("`output`, [T, B, D · H]: the directions side by side"),
        "Y_h": maps("`h_n`, [layers · D, B, H]"),
        "activation_alpha": absent("no activation takes a parameter"),
        "activation_beta": absent("no activation takes a parameter"),
        "activations": absent("always Sigmoid and Tanh"),
        "clip": absent("pre-activations are not bounded"),
        "direction": changes("forward, or `bidirectional=True`; reverse alone: turn the input and the output round"),
        "hidden_size": maps("`hidden_size`"),
        "layout": changes("1 is `batch_first=True`, but h_0 and h_n stay [layers · D, B, H]"),
        "linear_before_reset": absent("always 1"),
    },
    parameters={
        "input_size": maps("W's last dimension"),
        "hidden_size": maps("`hidden_size`"),
        "num_layers": changes("one GRU node each, Y of one as X of the next"),
        "bias": maps("B, or none"),
        "batch_first": changes("a Transpose before and after; `layout` 1 is read as such"),
        "dropout": TRAINING,
        "bidirectional": maps('`direction` "bidirectional"'),
        "device": UNUSED,
        "dtype": maps("the element type; bfloat16 from opset 22"),
        "input": maps("X"),
        "hx": maps("initial_h, with `initial_state=True`; zeros without"),
    },
)
