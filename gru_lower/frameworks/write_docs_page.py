"""Writing docs/frameworks.md from the descriptions: ``python -m gru_lower.frameworks.write_docs_page FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

from gru_lower.frameworks.descriptions.all_frameworks import FRAMEWORKS
from gru_lower.frameworks.descriptions.framework import PARTS, Framework, Rule
from gru_lower.frameworks.descriptions.keras import KERAS_2_ACTIVATIONS
from gru_lower.gru.parse_node import ATTRIBUTES
from gru_lower.gru.spec import INPUTS

SIGNATURE = (*INPUTS, *(name for name in ATTRIBUTES if name != "output_sequence"))
OUTPUTS = ("Y", "Y_h")
SIGNS = {"maps": "yes", "changes": "with a change", "absent": "**no**"}
MODULES = {"torch": "pytorch"}
INTRO = """# The operator and the frameworks

    GRU({signature}) -> (Y, Y_h)

is torch.nn.GRU, keras.layers.GRU (in Keras and in TensorFlow) and mlx.nn.GRU. Gates lie in the order z, r, h, of which
PyTorch and MLX call h, the candidate, n. Sizes are T (steps), B (batch), I (input), H (hidden) and D (directions);
[semantics](semantics.md) has the equations.

This page is written by `python -m gru_lower.frameworks.write_docs_page docs/frameworks.md` from the data that
conversions use.

```python
from gru_lower.frameworks import pytorch  # keras, tensorflow, mlx: the same calls

pytorch.to_onnx(layer)  # a ModelProto of the layer, or of a stack of layers
pytorch.from_onnx(model)  # a layer with the weights of the model's GRU, or of its stack of GRUs
pytorch.to_weights(model)  # numpy arrays under the framework's names; pytorch.to_config(model) has the arguments
pytorch.to_onnx(weights, config=config)  # and back; neither needs the framework
```

On the command line, weights go to safetensors or npz, with the configuration in the file:

```console
$ gru-lower convert fixtures/digits_gru.onnx --to torch -o weights.safetensors
$ gru-lower convert weights.safetensors --from torch -o model.onnx
$ gru-lower convert fixtures/digits_gru.onnx --to keras -o kernels.npz
$ gru-lower convert kernels.npz --from keras --layer-config reset_after=true -o keras.onnx
```

Of a whole network's weights, `--node LAYER` takes those whose names begin with the layer's: `--node encoder.gru`.

What a framework cannot express is refused with [GL602](diagnostics/GL602.md), naming the attribute; what the operator
cannot with [GL603](diagnostics/GL603.md). A stack is several GRU nodes, Y of one X of the next; what stands between
them may be spelled in any way, since it is run, not matched. It has to hand Y on to the bit: a scale, a bias, a
cut or a state of its own is refused, and so is a turn in time, but for Keras, whose layers go backwards.

## Side by side

"""
BITS = """## Weights to the bit

From a framework to ONNX and back the weights are the same bits. From ONNX they are where the framework holds as much:

- torch keeps Wb and Rb apart, and so does Keras with `reset_after`, as rows.
- Keras without `reset_after` has one bias, Wb + Rb, rounded once: the operator then adds the two before anything
  else. On the way back it stands in Wb, and Rb is 0.
- MLX has one bias for r and z, Wb + Rb, rounded once, and keeps that of n apart as the operator does. On the way back
  it stands in Wb.

bfloat16 and float16 layers give models of that type; under a mixed policy of Keras, the type it computes in.

## Masks and lengths

`sequence_lens` ends a sequence: Y is 0 past it, Y_h is the state at its end, and the reverse direction begins there.
That is what torch does with a packed sequence: `to_onnx(layer, packed=True)`.

A Keras mask leaves steps out, wherever they are: the state is kept, and the output before is repeated. For padding to
the right, `to_onnx(layer, lengths=True)` or a Masking layer with `assume="right-padded"`, the two agree in the last
output, in the state, in sequences of `zero_output_for_mask=True` and in those of `go_backwards` layers, and so in a
Bidirectional of either kind and between the layers of a stack. Anything else is refused. A row without a single step
keeps its initial state in Keras; the model then has a Where that does the same.

## The first step of MLX

MLX up to 0.31.1, called without `hidden`, leaves r ∘ bhn out of the first step. Where bhn is not 0 that is not one
GRU, and `to_onnx` writes that step by itself before a GRU over the other steps; with `initial_state=True`, or with a
newer MLX, it is one GRU. Which it is, is seen by running the installed MLX; `omits_bhn` says it otherwise.
"""


def page() -> str:
    """Return the text of docs/frameworks.md."""
    entries = list(FRAMEWORKS.values())
    parts = [INTRO.replace("{signature}", ", ".join(SIGNATURE))]
    parts.append(_table(["", *(f"[{entry.title}]({entry.page})" for entry in entries)], _side_by_side(entries)))
    parts.append("\n")
    parts += [_section(entry) for entry in entries]
    return "".join(parts) + BITS


def _side_by_side(entries: list[Framework]) -> list[list[str]]:
    rows = [
        ["layer", *(f"`{entry.layer}`" for entry in entries)],
        ["gates lie as", *(entry.gate_names for entry in entries)],
    ]
    rows += [[f"`{name}`", *(_said(entry.operator[name]) for entry in entries)] for name in (*SIGNATURE, *OUTPUTS)]
    rows.append(["extra", *(f"`gru-lower[{entry.extra}]`" for entry in entries)])
    return rows


def _said(rule: Rule) -> str:
    return f"{SIGNS[rule.how]}: {rule.text}"


def _section(entry: Framework) -> str:
    module = MODULES.get(entry.key, entry.key)
    weights = [
        [f"`{weight.name}`", weight.shape, PARTS[weight.part], "along the last axis" if weight.transposed else "rows"]
        for weight in entry.weights
    ]
    parameters = [[f"`{name}`", SIGNS[rule.how], rule.text] for name, rule in entry.parameters.items()]
    text = f"## {entry.title}: `{entry.layer}`\n\n"
    text += f"[Its own page]({entry.page}); here `gru_lower.frameworks.{module}`, "
    text += f"`--to {entry.key}` and `--from {entry.key}`.\n\n"
    text += f"A layer's weights are saved by `{entry.saving}`, "
    text += f"and those written here are loaded by `{entry.loading}`.\n\n"
    text += "<details><summary>Parameters, weights, activations</summary>\n\n"
    text += _table(["parameter", "maps", "onto"], parameters) + "\n"
    text += f"Gates lie in the order {entry.gate_names}.\n\n"
    text += _table(["weight", "shape", "holds", "gates"], weights) + "\n"
    activations = [[f"`{name}`", str(function)] for name, function in entry.activations.items()]
    text += _table(["activation", "in ONNX"], activations) + "\n"
    if entry.key == "tensorflow":
        text += f"tf_keras, which is Keras 2: `hard_sigmoid` is {KERAS_2_ACTIVATIONS['hard_sigmoid']}.\n\n"
    return text + "</details>\n\n"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
