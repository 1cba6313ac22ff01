"""The activation and the clip of a gate or a candidate: f(clip(v)), with f and v told apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.gru.activations import Activation
from gru_lower.passes.fuse_gru.algebra.atoms import Function
from gru_lower.passes.fuse_gru.algebra.function_identities import ODD
from gru_lower.passes.fuse_gru.algebra.polynomials import Vector
from gru_lower.passes.fuse_gru.recognition.errors import MismatchError
from gru_lower.passes.fuse_gru.recognition.pre_activation import constant_term

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly

GATE_FUNCTIONS = {
    "Sigmoid": (),
    "HardSigmoid": ("alpha", "beta"),
    "Tanh": (),
    "Relu": (),
    "Softsign": (),
    "Softplus": (),
    "LeakyRelu": ("alpha",),
    "Elu": ("alpha",),
    "ThresholdedRelu": ("alpha",),
}
"""The activations that are one function in the algebra, with the parameters they take."""


class Activated(NamedTuple):
    """A function of a pre-activation.

    Attributes:
        function: The activation.
        clip: The bound on the pre-activation, ``None`` for none.
        pre_activation: The polynomial it is applied to.

    """

    function: Activation
    clip: float | None
    pre_activation: Poly


def read_gate(algebra: Algebra, gate: Poly, where: str) -> Activated:
    """Read a gate as f(v), or as 1 - f(v) where that is f(-v).

    Args:
        algebra: The tables.
        gate: The polynomial.
        where: The part of the step it is, for the error.

    Raises:
        MismatchError: It is neither.

    """
    if gate.atom is not None:
        function = _function(algebra, gate.atom)
        if function is not None:
            return _with_clip(algebra, *function)
    complement = algebra.add(algebra.constant(1.0), algebra.scale(gate, -1.0))
    if complement.atom is not None:
        function = _function(algebra, complement.atom)
        if function is not None and function[0].complements:
            return _with_clip(algebra, function[0], algebra.scale(function[1], -1.0))
    raise MismatchError(where, gate)


def read_candidate(algebra: Algebra, candidate: Poly) -> Activated:
    """Read a candidate as g(v): also as -g(v) where that is g(-v), as α·tanh(v), and else as v itself (Affine)."""
    if len(candidate.terms) == 1 and len(candidate.terms[0][0]) == 1 and isinstance(candidate.terms[0][1], float):
        ((serial,), factor) = candidate.terms[0]
        function = _function(algebra, serial)
        if function is not None and factor == 1.0:
            return _with_clip(algebra, *function)
        if function is not None and factor == -1.0 and function[0].name in ODD:
            return _with_clip(algebra, function[0], algebra.scale(function[1], -1.0))
        if function is not None and function[0].name == "Tanh" and isinstance(factor, float):
            return _with_clip(algebra, Activation("ScaledTanh", factor, 1.0), function[1])
    try:
        return read_gate(algebra, candidate, "the candidate")  # 1 - f(v) is f(-v)
    except MismatchError:
        return _with_clip(algebra, Activation("Affine", 1.0, 0.0), candidate)


def _function(algebra: Algebra, serial: int) -> tuple[Activation, Poly] | None:
    """Return the activation that an atom is, and what it is applied to."""
    atom = algebra.atoms[serial]
    if not isinstance(atom, Function) or atom.op not in GATE_FUNCTIONS:
        return None
    parameters = dict(zip(GATE_FUNCTIONS[atom.op], atom.parameters, strict=True))
    return Activation(atom.op, parameters.get("alpha"), parameters.get("beta")), atom.arguments[0]


def _with_clip(algebra: Algebra, activation: Activation, pre: Poly) -> Activated:
    """Tell the clip from the pre-activation: α and β of the activation are moved out of it first."""
    hard = activation.name == "HardSigmoid"
    shift = constant_term(pre) if hard else 0.0
    bounded = algebra.add(pre, algebra.constant(-shift))
    if len(bounded.terms) != 1 or len(bounded.terms[0][0]) != 1:
        return Activated(activation, None, pre)
    ((serial,), factor) = bounded.terms[0]
    inner = algebra.atoms[serial]
    if (
        isinstance(factor, Vector)
        or not isinstance(inner, Function)
        or inner.op != "Clip"
        or inner.parameters[0] != -inner.parameters[1]
    ):
        return Activated(activation, None, pre)
    if hard:
        activation = replace(activation, alpha=abs(factor), beta=0.5 + shift)
    elif activation.name == "ScaledTanh":
        activation = replace(activation, beta=abs(factor))
    elif abs(factor) != 1.0:
        return Activated(activation, None, pre)
    sign = 1.0 if factor > 0 else -1.0
    return Activated(activation, inner.parameters[1], algebra.scale(inner.arguments[0], sign))
