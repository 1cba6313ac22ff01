"""Writing a stack of Keras layers as a model of GRU nodes, with operators for what the layers do around their cells.

Keras returns the sequence of a ``go_backwards`` layer last step first, so Y is reversed in time; a
Bidirectional reverses its backward layer's sequence once more. A masked step repeats the output before, where the
operator gives 0: the two agree, for padding to the right, in the last output of a layer, in the state, in sequences
with ``zero_output_for_mask``, and in those of ``go_backwards`` layers, which meet the padding first.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.errors import Unsupported
from gru_lower.frameworks.onnx_models.model_builder import Builder, numbered
from gru_lower.frameworks.refusals import beyond_onnx, check_sizes_and_types, unfit
from gru_lower.frameworks.weights.cell import DirectedCell

if TYPE_CHECKING:
    import onnx

    from gru_lower.frameworks.descriptions.framework import Framework
    from gru_lower.frameworks.keras_layers.layers import Layer, Stack

Parts = list[list[str]]
"""For each recurrent layer of a Layer, one value per cell."""


def write_model(
    framework: Framework,
    stack: Stack,
    *,
    initial_state: bool,
    lengths: bool,
    assume: str | None,
    seq_length: int | None,
    batch_size: int | None,
    opset: int | None,
) -> onnx.ModelProto:
    """Write a stack; see :func:`gru_lower.frameworks.keras.to_onnx`."""
    layers, first = stack.layers, stack.layers[0].forward.cells[0]
    _refuse(framework, stack, initial_state=initial_state, lengths=lengths, assume=assume)
    b = Builder(first.dtype, opset)
    B: int | str = batch_size or "B"
    T: int | str = seq_length or "T"
    step, major = layers[0].step, layers[0].forward.time_major
    x = b.input("X", [B, first.input_size] if step else [T, B, first.input_size] if major else [B, T, first.input_size])
    initial = _initial(b, layers, B) if initial_state else [[[""] * len(p.cells) for p in la.parts] for la in layers]
    lens = b.input("sequence_lens", [B], TensorProto.INT32) if lengths else ""
    if stack.masking is not None:
        lens = _lengths(b, x, stack.masking)
    x = b.unsqueezed(x, 0) if step else x if major else b.swapped(x)
    states: list[Parts] = []
    for layer, state in zip(layers[:-1], initial[:-1], strict=True):
        sequences, last = _run(b, x, layer, state, lens)
        x = _merge(b, layer, sequences, flip=layer.forward.reverse)[0]
        states.append(last)
    sequences, last = _run(b, x, layers[-1], initial[-1], lens)
    _outputs(b, layers, [*states, last], sequences, (B, T))
    return b.model()


def _refuse(framework: Framework, stack: Stack, *, initial_state: bool, lengths: bool, assume: str | None) -> None:
    layers = stack.layers
    if assume not in (None, "right-padded"):
        raise Unsupported(f"assume cannot be {assume!r}", code="GL008", hint='"right-padded", or leave it out')
    for layer in layers:
        for part in layer.parts:
            check_sizes_and_types(framework, [[DirectedCell(cell)] for cell in part.cells])
            if part.stateful and not initial_state:
                hint = "initial_state=True: the state becomes an input, with return_state an output"
                raise beyond_onnx(framework, "a stateful layer keeps its state between calls, a model does not", hint)
    kinds = {str(cell.dtype) for layer in layers for part in layer.parts for cell in part.cells}
    if len(kinds) > 1:
        raise unfit(framework, f"the layers are of types {', '.join(sorted(kinds))}", "give them one dtype")
    for layer in layers[:-1]:
        if not layer.forward.return_sequences or layer.forward.return_state or layer.merge is None or layer.step:
            what = "a layer hands on something else than one sequence to the next"
            raise beyond_onnx(framework, what, "all but the last: return_sequences=True, return_state=False")
    for one, other in itertools.pairwise(layers):
        sizes = [each.cell.hidden_size for each in one.output_cells]
        size = sum(sizes) if one.merge == "concat" else sizes[0]
        for part in other.parts:
            check_sizes_and_types(framework, [[DirectedCell(part.cells[0])]], size=size)
    if stack.masking is not None and assume is None:
        what = "the operator counts steps from the first on; a mask may leave out any"
        raise beyond_onnx(framework, what, 'if padding is always to the right: assume="right-padded"')
    if lengths or stack.masking is not None:
        _refuse_mask(framework, layers[-1], initial_state=initial_state)


def _refuse_mask(framework: Framework, layer: Layer, *, initial_state: bool) -> None:
    for part in layer.parts:
        if len(part.cells) > 1:
            raise beyond_onnx(framework, "masks over stacked cells are beyond the operator", "one RNN for each cell")
        if part.return_sequences and not part.zero_output_for_mask and (not part.reverse or initial_state):
            what = "a masked step repeats the output before, the operator gives 0"
            raise beyond_onnx(framework, what, "zero_output_for_mask=True, or return_sequences=False")
        if not part.return_sequences and part.zero_output_for_mask and not part.reverse:
            what = "with zero_output_for_mask the last output is 0 where the last step is masked"
            raise beyond_onnx(framework, what, "zero_output_for_mask=False")


def _initial(b: Builder, layers: tuple[Layer, ...], B: int | str) -> list[Parts]:
    """Add an input [B,H] for each cell's state, and return them as [1,B,H]."""
    count = sum(len(part.cells) for layer in layers for part in layer.parts)
    names = iter(numbered("initial_h", count))
    return [
        [[b.unsqueezed(b.input(next(names), [B, cell.hidden_size]), 0) for cell in part.cells] for part in layer.parts]
        for layer in layers
    ]


def _lengths(b: Builder, x: str, mask_value: float) -> str:
    """Count the steps of X [B,T,I] in which something differs from a value; int32 [B]."""
    same = b.op("Cast", [b.op("Equal", [x, b.float(mask_value)])], to=TensorProto.INT32)
    if b.opset < 18:  # then the axes of all reductions but ReduceSum are attributes
        all_same = b.op("ReduceMin", [same], axes=[2], keepdims=0)
    else:
        all_same = b.op("ReduceMin", [same, b.ints([2])], keepdims=0)
    kept = b.op("Cast", [b.op("Equal", [all_same, b.count(0)])], to=TensorProto.INT32)
    return b.op("ReduceSum", [kept, b.ints([1])], keepdims=0)


def _run(b: Builder, x: str, layer: Layer, initial: Parts, lens: str) -> tuple[list[str], Parts]:
    """Write a layer's GRUs; return each part's sequence [T,B,H] in the order of time, and each cell's last state."""
    cells = layer.output_cells
    single = all(len(part.cells) == 1 for part in layer.parts)
    if len(cells) == 2 and single and cells[0].cell.fits(cells[1].cell):
        order = [1, 0] if cells[0].reverse else [0, 1]
        states = [initial[k][0] for k in order]
        state = b.op("Concat", states, axis=0) if states[0] else ""
        Y, Y_h = b.gru(x, [cells[k] for k in order], state, lens)
        pairs = [b.split(Y, 1, [1, 1]), b.split(Y_h, 0, [1, 1])]
        sequences, last = ([b.squeezed(pair[k], axis) for k in order] for pair, axis in zip(pairs, (1, 0), strict=True))
        return sequences, [[_initial_if_empty(b, value, h[0], lens)] for value, h in zip(last, initial, strict=True)]
    sequences, all_states = [], []
    for part, given in zip(layer.parts, initial, strict=True):
        sequence, own = x, []
        for cell, h in zip(part.cells, given, strict=True):
            Y, Y_h = b.gru(sequence, [DirectedCell(cell, part.reverse)], h, lens)
            sequence = b.squeezed(Y, 1)
            own.append(_initial_if_empty(b, b.squeezed(Y_h, 0), h, lens))
        sequences.append(sequence)
        all_states.append(own)
    return sequences, all_states


def _initial_if_empty(b: Builder, value: str, initial: str, lens: str) -> str:
    """Keep the initial state [1,B,H] where a sequence has no step at all; the operator's state is 0 there."""
    if not (initial and lens):
        return value
    empty = b.unsqueezed(b.op("Equal", [lens, b.count(0)]), 1)
    return b.op("Where", [empty, b.squeezed(initial, 0), value])


def _merge(b: Builder, layer: Layer, values: list[str], *, flip: bool) -> list[str]:
    """Merge the outputs of the two directions, and reverse them in time where Keras returns them last step first."""
    if len(values) == 2 and layer.merge is not None:
        values = [b.merged(values[0], values[1], layer.merge)]
    return [b.flipped(value, 0) for value in values] if flip else values


def _outputs(
    b: Builder, layers: tuple[Layer, ...], states: list[Parts], sequences: list[str], sizes: tuple[int | str, int | str]
) -> None:
    layer, part = layers[-1], layers[-1].forward
    (B, T), H = sizes, [each.cell.hidden_size for each in layer.output_cells]
    if part.return_sequences and not layer.step:
        values = [
            value if part.time_major else b.swapped(value) for value in _merge(b, layer, sequences, flip=part.reverse)
        ]
        dims = [T, B] if part.time_major else [B, T]
    else:
        values = _merge(b, layer, [own[-1] for own in states[-1]], flip=False)
        dims = [B]
    widths = [sum(H)] if len(values) == 1 and layer.merge == "concat" else H[: len(values)]
    for name, value, width in zip(numbered("Y", len(values)), values, widths, strict=True):
        b.output(name, value, [*dims, width])
    carried = states if any(p.stateful for la in layers for p in la.parts) else states[-1:]
    shown = layers if len(carried) == len(layers) else layers[-1:]
    if part.return_state or len(carried) > 1 or part.stateful or (layer.step and len(part.cells) > 1):
        flat = [value for parts in carried for own in parts for value in own]
        cells = [cell for la in shown for p in la.parts for cell in p.cells]
        for name, value, cell in zip(numbered("Y_h", len(flat)), flat, cells, strict=True):
            b.output(name, value, [B, cell.hidden_size])
