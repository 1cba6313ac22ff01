"""Ways that depend on what stands in the graph: interfaces, orders, weights, masks, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper

from differential.sketch import F, Sketch
from differential.way import BOOL, FLOAT, INT64, half, pair, way

if TYPE_CHECKING:
    from differential.way import Differing


@way
def another_type_of_output(rng: np.random.Generator) -> Differing:
    def hook(g: Sketch, _: str) -> str:
        node = next(node for node in g.nodes if node.output[0] == "out")
        node.op_type = "Cast"
        node.attribute.append(helper.make_attribute("to", TensorProto.DOUBLE))
        g.outputs[0].type.tensor_type.elem_type = TensorProto.DOUBLE
        return ""

    return pair(rng, "another type of output", (), {"end": hook}, names=("out",))


def swapped_outputs(g: Sketch, _: str) -> str:
    g.outputs.reverse()
    return ""


@way
def outputs_in_another_order(rng: np.random.Generator) -> Differing:
    return pair(rng, "outputs in another order", ("labels",), {"end": swapped_outputs})


@way
def inputs_in_another_order(rng: np.random.Generator) -> Differing:
    def hook(g: Sketch, _: str) -> str:
        g.inputs.reverse()
        return ""

    return pair(rng, "inputs in another order", ("lens", "h0"), {"end": hook})


def fixed(name: str, axis: int, size: int) -> Any:
    def hook(g: Sketch, _: str) -> str:
        for value in g.inputs:
            dims = value.type.tensor_type.shape.dim
            if value.name == name:
                dims[axis].dim_value = size
            elif axis == 1 and value.name == "lens":
                dims[0].dim_value = size
            elif axis == 1 and value.name == "h0":
                dims[1].dim_value = size
        return ""

    return hook


@way
def steps_fixed(rng: np.random.Generator) -> Differing:
    return pair(rng, "steps fixed", (), {"end": fixed("x", 0, 5)}, names=("x",))


@way
def batch_fixed(rng: np.random.Generator) -> Differing:
    return pair(rng, "batch fixed", (), {"end": fixed("x", 1, 3)}, names=("x",))


@way
def a_default_gone(rng: np.random.Generator) -> Differing:
    def gain(*, listed: bool) -> Any:
        def hook(g: Sketch, x: str) -> str:
            if listed:
                g.input("gain", FLOAT, [1])
            return str(g.op("Mul", x, g.const(np.ones(1, F), "gain")))

        return hook

    return pair(rng, "a default gone", (), {"x": gain(listed=False)}, {"x": gain(listed=True)}, names=("gain",))


@way
def a_default_ignored(rng: np.random.Generator) -> Differing:
    def speaker(*, used: bool) -> Any:
        table = np.array([1, 2, 3], F)

        def hook(g: Sketch, x: str) -> str:
            g.input("speaker", INT64, [1])
            g.const(np.array([0]), "speaker")
            return str(g.op("Mul", x, g.op("Gather", g.const(table), "speaker"))) if used else x

        return hook

    return pair(rng, "a default ignored", (), {"x": speaker(used=False)}, {"x": speaker(used=True)}, names=("speaker",))


@way
def a_flag_ignored(rng: np.random.Generator) -> Differing:
    def flag(*, used: bool) -> Any:
        def hook(g: Sketch, x: str) -> str:
            g.input("flag", BOOL, [1])
            return g.chosen("flag", half(g, x), x) if used else x

        return hook

    return pair(rng, "a flag ignored", (), {"x": flag(used=False)}, {"x": flag(used=True)}, names=("flag",))


@way
def shared_weights_apart(rng: np.random.Generator) -> Differing:
    def twice(*, apart: bool) -> Any:
        def hook(g: Sketch, y: str) -> str:
            R = "firstR"
            if apart:
                changed = g.constants[R].copy()
                changed[:, : changed.shape[1] // 3] *= 0.7
                R = g.const(changed)
            node = next(node for node in g.nodes if node.op_type == "GRU")
            attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
            second, _ = g.op("GRU", node.input[0], "firstW", R, "firstB", node.input[4], outputs=2, **attributes)
            return str(g.op("Add", y, second))

        return {"y": hook}

    return pair(
        rng, "shared weights apart", ("states",), twice(apart=True), twice(apart=False), without=("second", "h0")
    )


@way
def gates_in_another_order(rng: np.random.Generator) -> Differing:
    def hook(g: Sketch, _: str) -> str:
        for key in ("firstW", "firstR", "firstB"):
            parts = np.split(g.constants[key], 6 if key == "firstB" else 3, axis=1)
            parts[0], parts[1] = parts[1], parts[0]
            g.constants[key] = np.concatenate(parts, 1)
        return ""

    return pair(rng, "gates in another order", (), {"end": hook})


@way
def directions_in_another_order(rng: np.random.Generator) -> Differing:
    def hook(g: Sketch, y: str) -> str:
        first = next(node for node in g.nodes if node.op_type == "GRU")
        directions = g.constants["firstW"].shape[0]
        if directions == 1:
            for attribute in first.attribute:
                if attribute.name == "direction":
                    attribute.s = b"reverse" if attribute.s == b"forward" else b"forward"
            return y
        return str(g.op("Gather", y, g.const(np.array([1, 0])), axis=1))

    return pair(rng, "directions in another order", ("states",), {"y": hook}, without=("second",))


@way
def reset_elsewhere(rng: np.random.Generator) -> Differing:
    def hook(g: Sketch, _: str) -> str:
        for node in g.nodes:
            for attribute in node.attribute:
                if attribute.name == "linear_before_reset":
                    attribute.i = 1 - attribute.i
        return ""

    return pair(rng, "reset before or after", (), {"end": hook})


@way
def mask_inverted(rng: np.random.Generator) -> Differing:
    hook = {"mask": lambda g, x: g.op("Sub", g.const(np.array(1, np.uint8)), x)}
    return pair(rng, "mask inverted", ("mask",), hook, names=("mask",))


@way
def labels_off_by_one(rng: np.random.Generator) -> Differing:
    hook = {"label": lambda g, x: g.op("Mod", g.op("Add", x, g.const(np.array(1))), g.const(np.array(4)))}
    return pair(rng, "labels off by one", ("labels",), hook, names=("label",))


@way
def decision_boundary_moved(rng: np.random.Generator) -> Differing:
    hook = {"label": lambda g, x: g.op("Min", x, g.const(np.array(1)))}
    return pair(rng, "labels never chosen", ("labels",), hook, names=("label",))
