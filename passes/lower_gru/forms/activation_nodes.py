"""Clip and the eleven activation functions as nodes, spelled as an opset and a type can have them.

onnxruntime has no float64 kernels for HardSigmoid, LeakyRelu, Elu, ThresholdedRelu, Softsign and Softplus, and
no Clip before opset 12; ONNX has no bfloat16 for some before opset 22, no ThresholdedRelu before 10, and
no Max that broadcasts before 8; a target may forbid any of them. There they are spelled with arithmetic that serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.gru.activations import Activation

CLIP_INPUTS, RECTIFIERS_BF16, THRESHOLDED_RELU, BROADCAST_MIN_MAX, WHERE = 11, 22, 10, 8, 9


def clipped_activation(e: Emitter, fn: Activation, x: Value, bound: float | None, name: str) -> Value:
    """Apply one of the operator's functions to a pre-activation that is bounded first, if a bound is given."""
    return activation(e, fn, x if bound is None else clip(e, x, bound, f"{x.name}_clipped"), name)


def clip(e: Emitter, x: Value, bound: float, name: str) -> Value:
    """Bound every element to [-bound, bound]."""
    if e.elem_type == TensorProto.DOUBLE or "Clip" in e.vocabulary.forbidden:
        return at_most(e, at_least(e, x, -bound, f"{name}_above"), bound, name)
    if e.opset < CLIP_INPUTS:
        return e.op("Clip", [x], name, min=-bound, max=bound)
    return e.op("Clip", [x, e.tensor("lower", -bound), e.tensor("upper", bound)], name)


def activation(e: Emitter, fn: Activation, x: Value, name: str) -> Value:
    """Apply one of the operator's functions."""
    alpha, beta = fn.alpha or 0.0, fn.beta or 0.0
    if fn.name == "Affine":
        return affine(e, x, alpha, beta, name)
    if fn.name == "ScaledTanh":
        scaled = affine(e, x, beta, 0.0, f"{name}_scaled")
        return affine(e, tanh(e, scaled, f"{name}_tanh"), alpha, 0.0, name)
    if fn.name == "Tanh":
        return tanh(e, x, name)
    early = fn.name == "ThresholdedRelu" and e.opset < THRESHOLDED_RELU
    untyped = e.elem_type == TensorProto.BFLOAT16 and e.opset < RECTIFIERS_BF16
    forbidden = fn.name in e.vocabulary.forbidden
    if early or untyped or forbidden or e.elem_type == TensorProto.DOUBLE:
        return _in_arithmetic(e, fn.name, x, alpha, beta, name)
    parameters = {key: value for key, value in (("alpha", fn.alpha), ("beta", fn.beta)) if value is not None}
    return e.op(fn.name, [_bounded(e, fn.name, x, name)], name, **parameters)


def _in_arithmetic(e: Emitter, function: str, x: Value, alpha: float, beta: float, name: str) -> Value:
    match function:
        case "HardSigmoid":
            line = affine(e, x, alpha, beta, f"{name}_line")
            return at_most(e, at_least(e, line, 0.0, f"{name}_above"), 1.0, name)
        case "LeakyRelu":
            below = affine(e, at_most(e, x, 0.0, f"{name}_below"), alpha, 0.0, f"{name}_leak")
            return e.op("Add", [at_least(e, x, 0.0, f"{name}_above"), below], name)
        case "Elu":
            grown = e.op("Exp", [at_most(e, x, 0.0, f"{name}_below")], f"{name}_exp")
            below = affine(e, affine(e, grown, 1.0, -1.0, f"{name}_expm1"), alpha, 0.0, f"{name}_scaled")
            return e.op("Add", [at_least(e, x, 0.0, f"{name}_above"), below], name)
        case "ThresholdedRelu":
            passes = e.op("Greater", [x, e.tensor("alpha", alpha)], f"{name}_passes")
            if e.opset >= WHERE and e.vocabulary.has("Where"):
                return e.where(passes, x, 0.0, name)
            return e.op("Mul", [x, e.op("Cast", [passes], f"{name}_mask", to=e.elem_type)], name)
        case "Softsign":
            size = affine(e, absolute(e, x, f"{name}_abs"), 1.0, 1.0, f"{name}_size")
            return e.op("Div", [x, size], name)
        case "Softplus":
            size = absolute(e, x, f"{name}_abs")
            fall = e.op("Exp", [negative(e, size, f"{name}_neg")], f"{name}_exp")
            tail = e.op("Log", [affine(e, fall, 1.0, 1.0, f"{name}_sum")], f"{name}_log")
            return e.op("Add", [at_least(e, x, 0.0, f"{name}_above"), tail], name)
        case _:  # Sigmoid and Relu are there for every type and opset
            return e.op(function, [_bounded(e, function, x, name)], name)


def _bounded(e: Emitter, function: str, x: Value, name: str) -> Value:
    """Return what a function is of, behind a Clip that changes nothing where the vocabulary asks for one."""
    bound = e.vocabulary.bound_of(function)
    return x if bound is None else clip(e, x, bound, f"{name}_bounded")


def _relu(e: Emitter, x: Value, name: str) -> Value:
    """Return max(x, 0); of float64, where a Clip may be made of this, as it stands."""
    return e.op("Relu", [x if e.elem_type == TensorProto.DOUBLE else _bounded(e, "Relu", x, name)], name)


def tanh(e: Emitter, x: Value, name: str) -> Value:
    """Return the hyperbolic tangent.

    Where, as in OpenCV 5, Tanh is NaN from 45 on: ``2 · sigmoid(2x) - 1``, or of what is bounded, which is the same.
    """
    if "Tanh" not in e.vocabulary.forbidden:
        return e.op("Tanh", [_bounded(e, "Tanh", x, name)], name)
    half = e.op("Sigmoid", [affine(e, x, 2.0, 0.0, f"{name}_twice")], f"{name}_half")
    return affine(e, half, 2.0, -1.0, name)


def affine(e: Emitter, x: Value, scale: float, offset: float, name: str) -> Value:
    """Return ``scale · x + offset``, without the parts that do nothing."""
    if scale != 1.0:
        x = e.op("Mul", [x, e.tensor("scale", scale)], f"{name}_product" if offset else name)
    return e.op("Add", [x, e.tensor("offset", offset)], name) if offset else x


def at_least(e: Emitter, x: Value, bound: float, name: str) -> Value:
    """Return max(x, bound)."""
    if e.opset >= BROADCAST_MIN_MAX and "Max" not in e.vocabulary.forbidden:
        return e.op("Max", [x, e.tensor("bound", bound)], name)
    if not bound:
        return _relu(e, x, name)
    excess = _relu(e, affine(e, x, 1.0, -bound, f"{name}_rest"), f"{name}_excess")
    return affine(e, excess, 1.0, bound, name)


def at_most(e: Emitter, x: Value, bound: float, name: str) -> Value:
    """Return min(x, bound)."""
    if e.opset >= BROADCAST_MIN_MAX and "Min" not in e.vocabulary.forbidden:
        return e.op("Min", [x, e.tensor("bound", bound)], name)
    if not bound:
        return e.sub(x, _relu(e, x, f"{name}_excess"), name)
    room = _relu(e, affine(e, x, -1.0, bound, f"{name}_rest"), f"{name}_room")
    return affine(e, room, -1.0, bound, name)


def absolute(e: Emitter, x: Value, name: str) -> Value:
    """Return |x|."""
    if "Abs" not in e.vocabulary.forbidden:
        return e.op("Abs", [x], name)
    positive = _relu(e, x, f"{name}_positive")
    return e.sub(e.op("Add", [positive, positive], f"{name}_twice"), x, name)


def negative(e: Emitter, x: Value, name: str) -> Value:
    """Return -x."""
    return affine(e, x, -1.0, 0.0, name) if "Neg" in e.vocabulary.forbidden else e.op("Neg", [x], name)
