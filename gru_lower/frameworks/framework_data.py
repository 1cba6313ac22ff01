"""What each framework can say, as data. Sources are the pages named in each entry and the layers' own code.

Read with PyTorch 2.13, Keras 3.15, TensorFlow 2.21 and MLX 0.32; live tests hold the parameters to the installed ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gru_lower.frameworks.framework_schema import Framework, Rule, Weight
from gru_lower.gru.activations import SIGMOID, TANH, Activation


def _maps(text: str) -> Rule:
    return Rule("maps", text)


def _changes(text: str) -> Rule:
    return Rule("changes", text)


def _absent(text: str) -> Rule:
    return Rule("absent", text)


_UNUSED = _maps("says nothing about what is computed")
_TRAINING = _maps("training only: at inference it does nothing")
_PLAIN = {"sigmoid": SIGMOID, "tanh": TANH}
_KERAS_ACTIVATIONS = {
    **_PLAIN,
    "relu": Activation("Relu"),
    "leaky_relu": Activation("LeakyRelu", float(np.float32(0.2))),
    "elu": Activation("Elu", 1.0),
    "softplus": Activation("Softplus"),
    "softsign": Activation("Softsign"),
    "linear": Activation("Affine", 1.0, 0.0),
    "hard_sigmoid": Activation("HardSigmoid", float(np.float32(1 / 6)), 0.5),
}
KERAS_2_ACTIVATIONS = {
    **{name: entry for name, entry in _KERAS_ACTIVATIONS.items() if name != "leaky_relu"},
    "hard_sigmoid": Activation("HardSigmoid", float(np.float32(0.2)), 0.5),
}
"""Those of tf_keras, which is Keras 2: its hard_sigmoid has another slope."""

TORCH = Framework(
    key="torch",
    title="PyTorch",
    package="torch",
    extra="torch",
    layer="torch.nn.modules.rnn.GRU",
    page="https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html",
    gates="rzh",
    gate_names="r, z, n",
    weights=(
        Weight("weight_ih", "W", "[3H, I]"),
        Weight("weight_hh", "R", "[3H, H]"),
        Weight("bias_ih", "Wb", "[3H]"),
        Weight("bias_hh", "Rb", "[3H]"),
    ),
    linear_before_reset=(1,),
    directions=("forward", "bidirectional"),
    activations=_PLAIN,
    saving="safetensors.torch.save_file(layer.state_dict(), 'gru.safetensors')",
    loading="layer.load_state_dict(safetensors.torch.load_file('gru.safetensors'))",
    operator={
        "X": _maps("`input`, [T, B, I]; [B, T, I] with `batch_first`; [T, I] unbatched"),
        "W": _changes("`weight_ih_l{k}`, `weight_ih_l{k}_reverse`: gates in the order r, z, n; I is D · H for k > 0"),
        "R": _changes("`weight_hh_l{k}`, `weight_hh_l{k}_reverse`: gates in the order r, z, n"),
        "B": _changes("`bias_ih_l{k}` is Wb and `bias_hh_l{k}` is Rb, kept apart; absent: `bias=False`"),
        "sequence_lens": _changes(
            "no input of the layer: pack the input with `pack_padded_sequence`, `packed=True` here"
        ),
        "initial_h": _maps("`h_0` of the call, [layers · D, B, H]"),
        "Y": _changes("`output`, [T, B, D · H]: the directions side by side"),
        "Y_h": _maps("`h_n`, [layers · D, B, H]"),
        "activation_alpha": _absent("no activation takes a parameter"),
        "activation_beta": _absent("no activation takes a parameter"),
        "activations": _absent("always Sigmoid and Tanh"),
        "clip": _absent("pre-activations are not bounded"),
        "direction": _changes("forward, or `bidirectional=True`; reverse alone: turn the input and the output round"),
        "hidden_size": _maps("`hidden_size`"),
        "layout": _changes("1 is `batch_first=True`, but h_0 and h_n stay [layers · D, B, H]"),
        "linear_before_reset": _absent("always 1"),
    },
    parameters={
        "input_size": _maps("W's last dimension"),
        "hidden_size": _maps("`hidden_size`"),
        "num_layers": _changes("one GRU node each, Y of one as X of the next"),
        "bias": _maps("B, or none"),
        "batch_first": _changes("a Transpose before and after; `layout` 1 is read as such"),
        "dropout": _TRAINING,
        "bidirectional": _maps('`direction` "bidirectional"'),
        "device": _UNUSED,
        "dtype": _maps("the element type; bfloat16 from opset 22"),
        "input": _maps("X"),
        "hx": _maps("initial_h, with `initial_state=True`; zeros without"),
    },
)

KERAS = Framework(
    key="keras",
    title="Keras",
    package="keras",
    extra="keras",
    layer="keras.layers.GRU",
    page="https://keras.io/api/layers/recurrent_layers/gru/",
    gates="zrh",
    gate_names="z, r, h",
    weights=(
        Weight("kernel", "W", "[I, 3H]", transposed=True),
        Weight("recurrent_kernel", "R", "[H, 3H]", transposed=True),
        Weight("bias", "rows", "[2, 3H], or [3H] with reset_after=False", transposed=True),
    ),
    linear_before_reset=(0, 1),
    directions=("forward", "reverse", "bidirectional"),
    activations=_KERAS_ACTIVATIONS,
    saving="numpy.savez('gru.npz', **{w.name: w.numpy() for w in layer.trainable_weights})",
    loading="weights = safetensors.numpy.load_file('gru.safetensors'); "
    "layer.set_weights([weights[w.name] for w in layer.weights])",
    operator={
        "X": _changes("`sequences`, [B, T, I]"),
        "W": _changes("`kernel`, transposed; gates in the operator's own order z, r, h"),
        "R": _changes("`recurrent_kernel`, transposed; gates in the operator's own order z, r, h"),
        "B": _changes(
            "`bias`: rows Wb and Rb with `reset_after`; their sum without, since all of it folds there; "
            "absent: `use_bias=False`"
        ),
        "sequence_lens": _absent(
            "no input of the layer; a right-padded mask holds the last state, but its outputs repeat or are 0: "
            "see masking"
        ),
        "initial_h": _maps("`initial_state` of the call, [B, H] for each direction"),
        "Y": _changes("the output with `return_sequences`, [B, T, H]; of `go_backwards` in the order of the walk"),
        "Y_h": _changes("the output without `return_sequences`, the second with `return_state`; [B, H] each"),
        "activation_alpha": _changes("elu, leaky_relu; hard_sigmoid and linear have theirs fixed"),
        "activation_beta": _changes("hard_sigmoid and linear have theirs fixed"),
        "activations": _changes(
            "f is `recurrent_activation`, g is `activation`; not Affine, ScaledTanh, ThresholdedRelu"
        ),
        "clip": _absent("pre-activations are not bounded"),
        "direction": _changes("reverse is `go_backwards`, bidirectional the wrapper `Bidirectional`"),
        "hidden_size": _maps("`units`"),
        "layout": _changes("always batch-major, as 1"),
        "linear_before_reset": _maps("`reset_after`"),
    },
    parameters={
        "units": _maps("`hidden_size`"),
        "activation": _maps("g of `activations`"),
        "recurrent_activation": _maps("f of `activations`"),
        "use_bias": _maps("B, or none"),
        "kernel_initializer": _UNUSED,
        "recurrent_initializer": _UNUSED,
        "bias_initializer": _UNUSED,
        "kernel_regularizer": _TRAINING,
        "recurrent_regularizer": _TRAINING,
        "bias_regularizer": _TRAINING,
        "activity_regularizer": _TRAINING,
        "kernel_constraint": _TRAINING,
        "recurrent_constraint": _TRAINING,
        "bias_constraint": _TRAINING,
        "dropout": _TRAINING,
        "recurrent_dropout": _TRAINING,
        "seed": _TRAINING,
        "return_sequences": _maps("whether the output is Y or Y_h"),
        "return_state": _maps("Y_h as a second output"),
        "go_backwards": _changes('`direction` "reverse", and Y turned round in time'),
        "stateful": _absent("a model has no memory: with `initial_state=True` the state is an input and an output"),
        "unroll": _UNUSED,
        "reset_after": _maps("`linear_before_reset`"),
        "use_cudnn": _UNUSED,
        "sequences": _changes("X, transposed"),
        "initial_state": _maps("initial_h, with `initial_state=True`; zeros without"),
        "mask": _changes("sequence_lens, with `lengths=True`, where padding is to the right and both agree"),
        "training": _TRAINING,
    },
)

TENSORFLOW = replace(
    KERAS,
    key="tensorflow",
    title="TensorFlow",
    package="tensorflow",
    extra="tensorflow",
    layer="tf.keras.layers.GRU",
    page="https://www.tensorflow.org/api_docs/python/tf/keras/layers/GRU",
)

MLX = Framework(
    key="mlx",
    title="Apple MLX",
    package="mlx",
    extra="mlx",
    layer="mlx.nn.layers.recurrent.GRU",
    page="https://ml-explore.github.io/mlx/build/html/python/nn/_autosummary/mlx.nn.GRU.html",
    gates="rzh",
    gate_names="r, z, n",
    weights=(
        Weight("Wx", "W", "[3H, I]"),
        Weight("Wh", "R", "[3H, H]"),
        Weight("b", "folded", "[3H]"),
        Weight("bhn", "Rbh", "[H]"),
    ),
    linear_before_reset=(1,),
    directions=("forward",),
    activations=_PLAIN,
    saving="layer.save_weights('gru.safetensors')",
    loading="layer.load_weights('gru.safetensors')",
    operator={
        "X": _changes("`x`, [B, T, I]; [T, I] unbatched"),
        "W": _changes("`Wx`: gates in the order r, z, n"),
        "R": _changes("`Wh`: gates in the order r, z, n"),
        "B": _changes("`b` is Wb + Rb of r and z and Wb of n, `bhn` is Rb of n; absent: `bias=False`"),
        "sequence_lens": _absent("the layer knows no lengths"),
        "initial_h": _maps("`hidden` of the call, [B, H]"),
        "Y": _changes("the output, [B, T, H]"),
        "Y_h": _absent("the layer returns the sequence alone: take its last step"),
        "activation_alpha": _absent("no activation takes a parameter"),
        "activation_beta": _absent("no activation takes a parameter"),
        "activations": _absent("always Sigmoid and Tanh"),
        "clip": _absent("pre-activations are not bounded"),
        "direction": _absent("always forward"),
        "hidden_size": _maps("`hidden_size`"),
        "layout": _changes("always batch-major, as 1"),
        "linear_before_reset": _absent("always 1"),
    },
    parameters={
        "input_size": _maps("W's last dimension"),
        "hidden_size": _maps("`hidden_size`"),
        "bias": _maps("B, or none"),
        "x": _changes("X, transposed"),
        "hidden": _changes(
            "initial_h, with `initial_state=True`; without, MLX up to 0.31.1 leaves r ∘ bhn out of the first step: "
            "that step then stands alone before the GRU"
        ),
    },
)

FRAMEWORKS = {entry.key: entry for entry in (TORCH, KERAS, TENSORFLOW, MLX)}
