"""Keras: keras.layers.GRU."""

from __future__ import annotations

import numpy as np

from gru_lower.frameworks import gate_orders
from gru_lower.frameworks.descriptions.framework import TRAINING, UNUSED, Framework, Weight, absent, changes, maps
from gru_lower.gru.activations import SIGMOID, TANH, Activation

_KERAS_ACTIVATIONS = {
    "sigmoid": SIGMOID,
    "tanh": TANH,
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
KERAS = Framework(
    key="keras",
    title="Keras",
    package="keras",
    extra="keras",
    layer="keras.layers.GRU",
    page="https://keras.io/api/layers/recurrent_layers/gru/",
    gates=gate_orders.KERAS,
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
        "X": changes("`sequences`, [B, T, I]"),
        "W": changes("`kernel`, transposed; gates in the operator's own order z, r, h"),
        "R": changes("`recurrent_kernel`, transposed; gates in the operator's own order z, r, h"),
        "B": changes(
            "`bias`: rows Wb and Rb with `reset_after`; their sum without, since all of it folds there; "
            "absent: `use_bias=False`"
        ),
        "sequence_lens": absent(
            "no input of the layer; a right-padded mask holds the last state, but its outputs repeat or are 0: "
            "see masking"
        ),
        "initial_h": maps("`initial_state` of the call, [B, H] for each direction"),
        "Y": changes("the output with `return_sequences`, [B, T, H]; of `go_backwards` in the order of the walk"),
        "Y_h": changes("the output without `return_sequences`, the second with `return_state`; [B, H] each"),
        "activation_alpha": changes("elu, leaky_relu; hard_sigmoid and linear have theirs fixed"),
        "activation_beta": changes("hard_sigmoid and linear have theirs fixed"),
        "activations": changes(
            "f is `recurrent_activation`, g is `activation`; not Affine, ScaledTanh, ThresholdedRelu"
        ),
        "clip": absent("pre-activations are not bounded"),
        "direction": changes("reverse is `go_backwards`, bidirectional the wrapper `Bidirectional`"),
        "hidden_size": maps("`units`"),
        "layout": changes("always batch-major, as 1"),
        "linear_before_reset": maps("`reset_after`"),
    },
    parameters={
        "units": maps("`hidden_size`"),
        "activation": maps("g of `activations`"),
        "recurrent_activation": maps("f of `activations`"),
        "use_bias": maps("B, or none"),
        "kernel_initializer": UNUSED,
        "recurrent_initializer": UNUSED,
        "bias_initializer": UNUSED,
        "kernel_regularizer": TRAINING,
        "recurrent_regularizer": TRAINING,
        "bias_regularizer": TRAINING,
        "activity_regularizer": TRAINING,
        "kernel_constraint": TRAINING,
        "recurrent_constraint": TRAINING,
        "bias_constraint": TRAINING,
        "dropout": TRAINING,
        "recurrent_dropout": TRAINING,
        "seed": TRAINING,
        "return_sequences": maps("whether the output is Y or Y_h"),
        "return_state": maps("Y_h as a second output"),
        "go_backwards": changes('`direction` "reverse", and Y turned round in time'),
        "stateful": absent("a model has no memory: with `initial_state=True` the state is an input and an output"),
        "unroll": UNUSED,
        "reset_after": maps("`linear_before_reset`"),
        "use_cudnn": UNUSED,
        "sequences": changes("X, transposed"),
        "initial_state": maps("initial_h, with `initial_state=True`; zeros without"),
        "mask": changes("sequence_lens, with `lengths=True`, where padding is to the right and both agree"),
        "training": TRAINING,
    },
)
