"""Elementwise functions of polynomials, with one way to write what is the same function.

σ(-v) = 1 - σ(v), and likewise HardSigmoid(1, ½)        one of the two is an atom, by the signs in v
tanh(-v) = -tanh(v), and likewise Softsign              likewise
HardSigmoid(α, β)(v) = HardSigmoid(1, ½)(αv + β - ½)
½ tanh(v) + ½ = σ(2v), 2σ(v) - 1 = tanh(½v)
σ(Clip(v, -c, c)) = σ(v) where σ is saturated at c
Relu(v) + αe^(v - Relu(v)) - α = Elu(α)(v)              and with Clip(v, -∞, 0) in the place of the difference
2 Clip(½v, -½c, ½c) = Clip(v, -c, c)                    and for any other factor that is in the whole of v
Clip(-v, -c, c) = -Clip(v, -c, c)                       where asked for: if there is the other, with negated matrices
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.arithmetic import Arithmetic
from gru_lower.passes.fuse_gru.algebra.atoms import Function, MatrixProduct
from gru_lower.passes.fuse_gru.algebra.polynomials import Vector

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.matrices import Matrices
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly

SATURATED = 128.0
"""A sigmoid or tanh of more than this is 1, and of less than its negative is 0 or -1, to any arithmetic of floats."""
ELU_TERMS = 3
"""How many terms Elu has where it is written with others."""
ODD = ("Tanh", "Softsign")
"""Functions with f(-v) = -f(v)."""


class FunctionIdentities(Arithmetic):
    """Polynomials that functions are applied to.

    Attributes:
        negates_matrices: Whether (-M)v is seen to be -(Mv) in what functions are applied to, where both matrices are.

    """

    negates_matrices = False
    matrices: Matrices

    def function(self, op: str, *arguments: Poly, parameters: tuple[float, ...] = ()) -> Poly:
        """Return a function of polynomials. Of f(v) and f(-v) = 1 - f(v), or -f(v), only one is ever an atom."""
        if op == "HardSigmoid":
            shifted = self.add(self.scale(arguments[0], parameters[0]), self.constant(parameters[1] - 0.5))
            arguments, parameters = (shifted,), (1.0, 0.5)
        complements = op in ("Sigmoid", "HardSigmoid")
        if complements or op == "Tanh":
            arguments = (self._without_wide_clip(arguments[0]),)
        if self.negates_matrices and (complements or op == "Clip"):
            other = self._negative_that_is_there(op, arguments[0], parameters)
            if other is not None:
                return self.complement(other) if complements else self.scale(other, -1.0)
        if complements and self._is_negative(arguments[0]):
            flipped = self.poly_of_atom(Function(op, parameters, (self.scale(arguments[0], -1.0),)))
            return self.complement(flipped)
        if op in ODD and self._is_negative(arguments[0]):
            return self.scale(self.poly_of_atom(Function(op, parameters, (self.scale(arguments[0], -1.0),))), -1.0)
        return self.poly_of_atom(Function(op, parameters, arguments))

    def _negative_that_is_there(self, op: str, poly: Poly, parameters: tuple[float, ...]) -> Poly | None:
        """Return a function of -v that is there already, where negatives of matrices make it one."""
        if op == "Clip" and parameters[0] != -parameters[1]:
            return None
        terms: list[Poly] = []
        replaced = False
        for mono, factor in poly.terms:
            atom = self.atoms[mono[0]] if len(mono) == 1 else None
            negative = self.matrices.negative(atom.matrix) if isinstance(atom, MatrixProduct) else None
            if isinstance(atom, MatrixProduct) and negative is not None:
                terms.append(self.scale(self.poly_of_atom(MatrixProduct(negative, atom.atom)), factor))
                replaced = True
            else:
                terms.append(self.scale(self.poly({mono: factor}), -1.0))
        if not replaced:
            return None
        negated = self.add(*terms)
        there = (Function(op, parameters, (each,)) for each in (negated, self.scale(negated, -1.0)))
        return self.function(op, negated, parameters=parameters) if any(map(self.has_atom, there)) else None

    def as_function(self, poly: Poly, *ops: str) -> Function | None:
        """Return the function that a polynomial is, if it is one of these, ``None`` for anything else."""
        atom = self.atom_in(poly)
        return atom if isinstance(atom, Function) and atom.op in ops else None

    def _simplified(self, poly: Poly) -> Poly | None:
        """Return ½ tanh(v) + ½ as a sigmoid of 2v, 2σ(v) - 1 as a tanh of ½v, 2 Clip(½v, -½c, ½c) as Clip(v, -c, c)."""
        if len(poly.terms) == 1:
            return self._scaled_back(poly)
        if len(poly.terms) == ELU_TERMS:
            return self._elu(poly)
        if len(poly.terms) != 2 or poly.terms[0][0] != () or len(poly.terms[1][0]) != 1:
            return None
        (_, constant), ((serial,), factor) = poly.terms
        atom = self.atoms[serial]
        if not isinstance(atom, Function) or isinstance(factor, Vector) or isinstance(constant, Vector):
            return None
        if atom.op == "Tanh" and (abs(factor), constant) == (0.5, 0.5):
            return self.function("Sigmoid", self.scale(atom.arguments[0], 4 * factor))
        if atom.op == "Sigmoid" and (abs(factor), constant) == (2.0, -factor / 2):
            return self.function("Tanh", self.scale(atom.arguments[0], factor / 4))
        return None

    def _elu(self, poly: Poly) -> Poly | None:
        """Return Relu(v) + α(e to the power of the lesser of v and 0) - α as Elu(α)(v)."""
        (first, constant), *others = poly.terms
        found = {}
        for mono, factor in others:
            atom = self.atoms[mono[0]] if len(mono) == 1 else None
            if isinstance(atom, Function) and not isinstance(factor, Vector):
                found[atom.op] = (atom, factor)
        if first != () or isinstance(constant, Vector) or found.keys() != {"Relu", "Exp"}:
            return None
        (relu, one), (exp, alpha) = found["Relu"], found["Exp"]
        (v,), (below,) = relu.arguments, exp.arguments
        lesser = (self.subtract(v, self.poly_of_atom(relu)), self.poly_of_atom(Function("Clip", (-inf, 0.0), (v,))))
        fits = (one, constant) == (1.0, -alpha) and any(below is each for each in lesser)
        return self.function("Elu", v, parameters=(alpha,)) if fits else None

    def _scaled_back(self, poly: Poly) -> Poly | None:
        """Return a Clip that is multiplied by what all it reads is divided by as one that does without either."""
        ((mono, factor),) = poly.terms
        inner = self.atoms[mono[0]] if len(mono) == 1 else None
        if isinstance(factor, Vector) or factor in (1.0, -1.0) or not isinstance(inner, Function) or inner.op != "Clip":
            return None
        (clipped,), (low, high) = inner.arguments, inner.parameters
        numbers = {each for _, each in clipped.terms if not isinstance(each, Vector)}
        if low != -high or numbers != {1.0 / factor}:
            return None
        bound = abs(factor) * high
        return self.function("Clip", self.scale(clipped, factor), parameters=(-bound, bound))

    def _without_wide_clip(self, poly: Poly) -> Poly:
        """Return a sigmoid's or tanh's argument without a Clip whose bounds lie where the function is saturated."""
        if len(poly.terms) != 1 or len(poly.terms[0][0]) != 1:
            return poly
        ((serial,), factor) = poly.terms[0]
        inner = self.atoms[serial]
        if (
            isinstance(factor, Vector)
            or not isinstance(inner, Function)
            or inner.op != "Clip"
            or -inner.parameters[0] != inner.parameters[1]
        ):
            return poly
        return self.scale(inner.arguments[0], factor) if abs(factor) * inner.parameters[1] >= SATURATED else poly

    @staticmethod
    def _is_negative(poly: Poly) -> bool:
        """Whether most of a polynomial's factors are below 0; where as many are above, whether its first one is."""
        signs = [coefficient for mono, coefficient in poly.terms if any(mono) and isinstance(coefficient, float)]
        below = sum(sign < 0 for sign in signs)
        return 2 * below > len(signs) or (2 * below == len(signs) and below > 0 and signs[0] < 0)
