"""Whether a polynomial is the state a GRU's step makes, and of which GRU.

    S = A + s·B is linear in a gate s.       A + B = h: the update gate is s,     the candidate A
                                             A = h:     the update gate is 1 - s, the candidate A + B
    candidate = g(P),  P = A' + s'·B'        s' = r:     B' = Ht_1 Rhᵀ + Rbh, A' = Xt Whᵀ + Wbh
                                             s' = 1 - r: the same of A' + B' and -B'
    P = Xt Whᵀ + (r ∘ Ht_1) Rhᵀ + b          r ∘ Ht_1 looked at as a whole

What is read off is then written down again by :func:`gru_lower.gru.step_equations.step` over this algebra;
it is a GRU's step if and only if that is the polynomial it was read from.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gru_lower.gru import step_equations
from gru_lower.gru.activations import Activation
from gru_lower.gru.spec import Direction
from gru_lower.passes.fuse_gru.algebra.polynomials import ODD, SATURATED, Fn, Leaf, Lin, TooLargeError, Vector
from gru_lower.passes.fuse_gru.recognition.cell_algebra import CellAlgebra

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.passes.fuse_gru.algebra.matrices import Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Coefficient, Mono, Poly

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
Product = tuple["Coefficient", "Matrix"]


class MisfitError(Exception):
    """A term does not fit.

    Attributes:
        where: The part of the step that was being read.
        mono: The term, ``None`` if one is missing.
        depth: How far the reading had come: what comes furthest says most.

    """

    def __init__(self, where: str, poly: Poly | None = None, mono: Mono | None = None, depth: int = 1) -> None:
        """Hold the parts."""
        super().__init__(where)
        self.where, self.poly, self.mono, self.depth = where, poly, mono, depth


@dataclass(frozen=True)
class Form:
    """A pre-activation, or a part of one: Xt Wᵀ + Ht_1 Rᵀ + b.

    Attributes:
        inputs: The products of each input atom with matrices.
        state: The products of the state, or of r ∘ Ht_1, with matrices.
        bias: What neither depends on.

    """

    inputs: tuple[tuple[int, tuple[Product, ...]], ...]
    state: tuple[Product, ...]
    bias: Poly


@dataclass(frozen=True)
class Cell:
    """One step of a GRU.

    Attributes:
        state: The polynomial it makes.
        before: The atom of the state before, ``None`` for a state of zeros that was folded away.
        f: The gates' activation.
        g: The candidate's.
        clip: Bound on pre-activations.
        linear_before_reset: Where the reset gate acts, ``None`` where that cannot be told.
        z: The update gate's pre-activation.
        r: The reset gate's, ``None`` where it was folded away.
        h: The candidate's; with linear_before_reset, without the part that r multiplies.
        inner: What r multiplies with linear_before_reset: Ht_1 Rhᵀ + Rbh.

    """

    state: Poly
    before: int | None
    f: Activation
    g: Activation
    clip: float | None
    linear_before_reset: bool | None
    z: Form
    r: Form | None
    h: Form
    inner: Form | None

    @property
    def x(self) -> tuple[int, ...]:
        """The atoms of the step's input, in the order of their matrices: the same in every step."""
        first: dict[int, int] = {}
        for form in (self.z, self.r, self.h):
            for atom, products in form.inputs if form else ():
                first.setdefault(atom, products[0][1].serial)
        return tuple(sorted(first, key=lambda atom: first[atom]))

    @property
    def kernel(self) -> tuple[object, ...]:
        """What all steps of one GRU have in common; two steps of one GRU have equal ones."""
        recurrent = self.inner if self.linear_before_reset else self.h
        assert self.r is not None
        assert recurrent is not None
        order = self.x
        weights = [tuple(_of(form, atom) for atom in order) for form in (self.z, self.r, self.h)]
        states = (self.z.state, self.r.state, recurrent.state)
        biases = (self.z.bias, self.r.bias, self.h.bias, self.inner and self.inner.bias)
        return self.f, self.g, self.clip, self.linear_before_reset, *weights, *states, *biases


def _of(form: Form, atom: int) -> tuple[Product, ...]:
    return next((products for known, products in form.inputs if known == atom), ())


def read(algebra: Algebra, state: Poly) -> tuple[list[Cell], list[MisfitError]]:
    """Read a polynomial as a GRU's step.

    Args:
        algebra: The tables.
        state: The polynomial.

    Returns:
        Every way to read it (a state of zeros leaves several), and what did not fit on other ways.

    """
    found: list[Cell] = []
    misfits: list[MisfitError] = []
    if state.degree < 2:
        return found, misfits
    if len(state.terms) == 1 and not all(isinstance(algebra.atoms[serial], Fn) for serial in state.terms[0][0]):
        return found, misfits  # r ∘ Ht_1; a step from zeros has the candidate for a factor
    for gate in _gates(algebra, state):
        ways = list(_updates(algebra, state, gate))
        if not ways:
            misfits += _what_is_left(algebra, state, gate)
        for update, before, candidate in ways:
            try:
                found += _read(algebra, state, update, before, candidate)
            except MisfitError as misfit:
                misfits.append(misfit)
            except TooLargeError:
                misfits.append(MisfitError("the step has more terms than a GRU's"))
    misfits.sort(key=lambda misfit: -misfit.depth)
    return found, misfits if len(state.terms) > 1 else []


def _what_is_left(algebra: Algebra, state: Poly, gate: int) -> list[MisfitError]:
    """Say which terms keep A + B from being a state, where a state is among them."""
    parts = divided(algebra, state, gate)
    terms = () if parts is None else algebra.add(*parts).terms
    states = [
        mono
        for mono, factor in terms
        if factor == 1.0 and len(mono) == 1 and _is_state(algebra, algebra.poly({mono: 1.0}))
    ]
    rest = [mono for mono, _ in terms if mono not in states]
    if len(states) != 1 or not rest:
        return []
    return [MisfitError("the update (the shares of old state and candidate do not come to 1)", state, rest[0], depth=0)]


def _gates(algebra: Algebra, state: Poly) -> Iterator[int]:
    seen = dict.fromkeys(serial for mono, _ in state.terms for serial in mono)
    for serial in seen:
        atom = algebra.atoms[serial]
        if isinstance(atom, Fn) and atom.op in GATE_FUNCTIONS:
            yield serial


def divided(algebra: Algebra, poly: Poly, serial: int) -> tuple[Poly, Poly] | None:
    """Return A and B of poly = A + s·B, ``None`` if s stands squared."""
    without: dict[Mono, Coefficient] = {}
    times: dict[Mono, Coefficient] = {}
    for mono, factor in poly.terms:
        count = mono.count(serial)
        if count > 1:
            return None
        if count:
            times[tuple(entry for entry in mono if entry != serial)] = factor
        else:
            without[mono] = factor
    return algebra.poly(without), algebra.poly(times)


def _updates(algebra: Algebra, state: Poly, gate: int) -> Iterator[tuple[Poly, Poly, Poly]]:
    """Yield update gate, state before and candidate for each way in which a gate may blend."""
    parts = divided(algebra, state, gate)
    if parts is None:
        return
    without, times = parts
    both = algebra.add(without, times)
    s = algebra.of(gate)
    if not both.terms or _is_state(algebra, both):
        yield s, both, without
    if not without.terms or _is_state(algebra, without):
        yield algebra.add(algebra.constant(1.0), algebra.scale(s, -1.0)), without, both


def _is_state(algebra: Algebra, poly: Poly) -> bool:
    return poly.atom is not None and isinstance(algebra.atoms[poly.atom], Leaf)


def _read(algebra: Algebra, state: Poly, update: Poly, before: Poly, candidate: Poly) -> list[Cell]:
    h = before.atom
    f, clip, pre_z = _activated(algebra, update, "the update gate")
    z = _form(algebra, pre_z, h, "the update gate")
    if h is not None and not z.state:
        raise MisfitError("the update gate does not read the state")
    g, clip_g, pre_h = _candidate(algebra, candidate)
    bound = clip if clip is not None else clip_g
    # Sigmoids and tanh do not feel a bound so far off; whether theirs are such is seen when the step is written down.
    if clip != clip_g and (bound is None or bound < SATURATED or None not in (clip, clip_g)):
        raise MisfitError("the gates and the candidate are clipped differently")
    found = []
    misfit = MisfitError("the candidate does not read the state through the reset gate")
    for r, inner, outer, linear in _resets(algebra, pre_h, h):
        try:
            _hold_apart(algebra, r, update)
            step = _with_reset(algebra, state, h, (f, g, clip, bound), z, r, inner, outer, linear=linear)
        except MisfitError as other:
            misfit = other
            misfit.depth = 2
            continue
        if _written(algebra, step) is state:
            found.append(step)
    if not found:
        raise misfit
    return found


def _hold_apart(algebra: Algebra, r: Poly | None, z: Poly) -> None:
    if r is not None and (r is z or algebra.add(r, z) is algebra.constant(1.0)):
        raise MisfitError("the reset gate and the update gate are the same gate, as in a minimal gated unit")


def _with_reset(
    algebra: Algebra,
    state: Poly,
    h: int | None,
    functions: tuple[Activation, Activation, float | None, float | None],
    z: Form,
    reset: Poly | None,
    inner: Poly | None,
    outer: Poly,
    *,
    linear: bool | None,
) -> Cell:
    f, g, clip, bound = functions
    r = None
    if reset is not None:
        f_r, clip_r, pre_r = _activated(algebra, reset, "the reset gate")
        if f_r != f or clip_r != clip:
            raise MisfitError("the reset gate's function is not the update gate's")
        r = _form(algebra, pre_r, h, "the reset gate")
        if h is not None and not r.state:
            raise MisfitError("the reset gate does not read the state")
    of_h = h
    if linear is False:
        assert inner is not None
        of_h = algebra.cut(inner)
    form = _form(algebra, outer, of_h, "the candidate")
    inside = None
    if linear:
        assert inner is not None
        if form.state:
            raise MisfitError("the candidate reads the state outside of the reset gate")
        inside = _form(algebra, inner, h, "what the reset gate multiplies")
        if inside.inputs or (h is not None and not inside.state):
            raise MisfitError("what the reset gate multiplies")
    if not form.inputs or any({a for a, _ in other.inputs} != {a for a, _ in form.inputs} for other in (z, r or z)):
        raise MisfitError("the gates do not read the same input")
    if not linear and h is not None and (not form.state or any(atom == h for atom, _ in form.inputs)):
        raise MisfitError("the candidate does not read the state through the reset gate")
    return Cell(state, h, f, g, bound, linear, z, r, form, inside)


def _activated(algebra: Algebra, gate: Poly, where: str) -> tuple[Activation, float | None, Poly]:
    """Return function, clip and pre-activation of a gate that is f(v), or 1 - f(v) where that is f(-v)."""
    if gate.atom is not None:
        function = _function(algebra, gate.atom)
        if function is not None:
            return _clipped(algebra, *function)
    flipped = algebra.add(algebra.constant(1.0), algebra.scale(gate, -1.0))
    if flipped.atom is not None:
        function = _function(algebra, flipped.atom)
        if function is not None and function[0].complements:
            return _clipped(algebra, function[0], algebra.scale(function[1], -1.0))
    raise MisfitError(where, gate)


def _function(algebra: Algebra, serial: int) -> tuple[Activation, Poly] | None:
    atom = algebra.atoms[serial]
    if not isinstance(atom, Fn) or atom.op not in GATE_FUNCTIONS:
        return None
    parameters = dict(zip(GATE_FUNCTIONS[atom.op], atom.parameters, strict=True))
    return Activation(atom.op, parameters.get("alpha"), parameters.get("beta")), atom.arguments[0]


def _clipped(algebra: Algebra, activation: Activation, pre: Poly) -> tuple[Activation, float | None, Poly]:
    hard = activation.name == "HardSigmoid"
    shift = _number(pre) if hard else 0.0
    bounded = algebra.add(pre, algebra.constant(-shift))
    if len(bounded.terms) != 1 or len(bounded.terms[0][0]) != 1:
        return activation, None, pre
    ((serial,), factor) = bounded.terms[0]
    inner = algebra.atoms[serial]
    if (
        isinstance(factor, Vector)
        or not isinstance(inner, Fn)
        or inner.op != "Clip"
        or inner.parameters[0] != -inner.parameters[1]
    ):
        return activation, None, pre
    if hard:
        activation = replace(activation, alpha=abs(factor), beta=0.5 + shift)
    elif activation.name == "ScaledTanh":
        activation = replace(activation, beta=abs(factor))
    elif abs(factor) != 1.0:
        return activation, None, pre
    return activation, inner.parameters[1], algebra.scale(inner.arguments[0], 1.0 if factor > 0 else -1.0)


def _number(poly: Poly) -> float:
    """Return the number that a polynomial adds to all features alike."""
    number = next((factor for mono, factor in poly.terms if mono == ()), 0.0)
    return number if isinstance(number, float) else 0.0


def _candidate(algebra: Algebra, candidate: Poly) -> tuple[Activation, float | None, Poly]:
    if len(candidate.terms) == 1 and len(candidate.terms[0][0]) == 1 and isinstance(candidate.terms[0][1], float):
        ((serial,), factor) = candidate.terms[0]
        function = _function(algebra, serial)
        if function is not None and factor == 1.0:
            return _clipped(algebra, *function)
        if function is not None and factor == -1.0 and function[0].name in ODD:
            return _clipped(algebra, function[0], algebra.scale(function[1], -1.0))
        if function is not None and function[0].name == "Tanh" and isinstance(factor, float):
            return _clipped(algebra, Activation("ScaledTanh", factor, 1.0), function[1])
    try:
        return _activated(algebra, candidate, "the candidate")  # 1 - f(v) is f(-v)
    except MisfitError:
        return _clipped(algebra, Activation("Affine", 1.0, 0.0), candidate)


def _resets(algebra: Algebra, pre: Poly, h: int | None) -> Iterator[tuple[Poly | None, Poly | None, Poly, bool | None]]:
    """Yield reset gate, what it multiplies, the rest, and linear_before_reset for each way to read a candidate."""
    gates = dict.fromkeys(s for mono, _ in pre.terms for s in mono if isinstance(algebra.atoms[s], Fn))
    if len(gates) > 1:
        raise MisfitError("more than one gate acts on the candidate", pre)
    for gate in gates:
        parts = divided(algebra, pre, gate)
        if parts is None:
            raise MisfitError("the reset gate stands squared", pre)
        for r, inner, outer in _either_way(algebra, gate, *parts):
            yield r, inner, outer, True
    if gates:
        return
    if h is None:
        yield None, None, pre, None
        return
    for mono, _ in pre.terms:
        atom = algebra.atoms[mono[0]] if len(mono) == 1 else None
        source = algebra.atoms[atom.atom] if isinstance(atom, Lin) else None
        product = algebra.defined.get(source.source) if isinstance(source, Leaf) else None
        if product is None:
            continue
        for serial in dict.fromkeys(s for m, _ in product.terms for s in m if isinstance(algebra.atoms[s], Fn)):
            parts = divided(algebra, product, serial)
            if parts is None:
                continue
            for r, inner, outer in _either_way(algebra, serial, *parts):
                if inner.atom == h and not outer.terms:
                    yield r, product, pre, False


def _either_way(algebra: Algebra, gate: int, without: Poly, times: Poly) -> Iterator[tuple[Poly, Poly, Poly]]:
    s = algebra.of(gate)
    yield s, times, without
    yield (
        algebra.add(algebra.constant(1.0), algebra.scale(s, -1.0)),
        algebra.scale(times, -1.0),
        algebra.add(without, times),
    )


def _form(algebra: Algebra, poly: Poly, state: int | None, where: str) -> Form:
    inputs: dict[int, list[Product]] = {}
    recurrent: list[Product] = []
    bias: dict[Mono, Coefficient] = {}
    for mono, factor in poly.terms:
        atom = algebra.atoms[mono[0]] if len(mono) == 1 else None
        if not any(mono) or (isinstance(atom, Leaf) and algebra.free[mono[0]] == 0 and mono[0] != state):
            bias[mono] = factor
        elif not isinstance(atom, Lin):
            raise MisfitError(where, poly, mono)
        elif atom.atom == state:
            recurrent.append((factor, atom.matrix))
        else:
            inputs.setdefault(atom.atom, []).append((factor, atom.matrix))
    return Form(
        tuple((atom, tuple(products)) for atom, products in inputs.items()), tuple(recurrent), algebra.poly(bias)
    )


class _Writer(CellAlgebra):
    """The algebra of :func:`gru_lower.gru.step_equations.step` that writes polynomials."""

    def __init__(self, algebra: Algebra, step: Cell) -> None:
        self.algebra, self.cell = algebra, step

    def projection(self, form: Form | None) -> Poly:
        if form is None:
            return self.algebra.zero
        parts = [self.product(products, self.algebra.of(atom)) for atom, products in form.inputs]
        return self.algebra.add(form.bias, *parts)

    def product(self, products: tuple[Product, ...], of: Poly) -> Poly:
        whole = self.algebra.whole.get(of, of)
        return self.algebra.add(
            *(self.algebra.scale(self.algebra.linear(matrix, whole), factor) for factor, matrix in products)
        )

    def recurrent(self, gate: str, state: Poly, plus: Poly) -> Poly:
        form = {"z": self.cell.z, "r": self.cell.r, "h": self.cell.h}[gate]
        assert form is not None
        return self.algebra.add(plus, self.product(form.state, state))

    def recurrent_candidate(self, state: Poly | None) -> Poly | None:
        if self.cell.inner is None:
            return None
        parts = [] if state is None else [self.product(self.cell.inner.state, state)]
        return self.algebra.add(self.cell.inner.bias, *parts)

    def clip(self, value: Poly) -> Poly:
        bound = self.cell.clip
        return value if bound is None else self.algebra.fn("Clip", value, parameters=(-bound, bound))

    def activation(self, function: Activation, value: Poly, name: str) -> Poly:
        del name
        if function.name == "Affine":
            return value
        if function.name == "ScaledTanh":
            inner = self.algebra.scale(value, function.beta or 0.0)
            return self.algebra.scale(self.algebra.fn("Tanh", inner), function.alpha or 0.0)
        given = {"alpha": function.alpha, "beta": function.beta}
        parameters = tuple(float(given[key] or 0.0) for key in GATE_FUNCTIONS[function.name])
        return self.algebra.fn(function.name, value, parameters=parameters)


def _written(algebra: Algebra, read_off: Cell) -> Poly:
    writer = _Writer(algebra, read_off)
    before = None if read_off.before is None else algebra.of(read_off.before)
    xt = step_equations.Projection(
        z=writer.projection(read_off.z), r=writer.projection(read_off.r), h=writer.projection(read_off.h)
    )
    direction = Direction(0, reverse=False, f=read_off.f, g=read_off.g)
    return step_equations.step(writer, direction, xt, before, linear_before_reset=bool(read_off.linear_before_reset))


def settled(algebra: Algebra, step: Cell) -> Cell:
    """Give hard sigmoids the α that their model has most likely: what most of their products are multiplied by.

    Args:
        algebra: The tables.
        step: A cell that was read; its hard sigmoids have α = 1 and β = ½, and all else in their pre-activations.

    """
    if step.clip is not None:
        return step
    changed = step
    if step.f.name == "HardSigmoid" and step.f.alpha == 1.0:
        alpha, shift = _commonest([step.z, step.r]), _shift([step.z, step.r])
        r = None if step.r is None else _scaled(algebra, step.r, alpha, shift)
        z = _scaled(algebra, step.z, alpha, shift)
        changed = replace(changed, f=replace(step.f, alpha=alpha, beta=0.5 + shift), z=z, r=r)
    if step.g.name == "HardSigmoid" and step.g.alpha == 1.0:
        alpha, shift = _commonest([step.h, step.inner]), _shift([step.h])
        h = _scaled(algebra, step.h, alpha, shift)
        inner = None if step.inner is None else _scaled(algebra, step.inner, alpha, 0.0)
        changed = replace(changed, g=replace(step.g, alpha=alpha, beta=0.5 + shift), h=h, inner=inner)
    return changed


def _commonest(forms: Sequence[Form | None]) -> float:
    products = [p for form in forms if form for line in (form.state, *(line for _, line in form.inputs)) for p in line]
    counts = Counter(abs(factor) for factor, _ in products if isinstance(factor, float))
    return counts.most_common(1)[0][0] if counts else 1.0


def _shift(forms: Sequence[Form | None]) -> float:
    """Return the number that all of some pre-activations add, 0 where they differ."""
    found = {_number(form.bias) for form in forms if form}
    return found.pop() if len(found) == 1 else 0.0


def _scaled(algebra: Algebra, form: Form, alpha: float, shift: float) -> Form:
    if (alpha, shift) == (1.0, 0.0):
        return form

    def times(products: tuple[Product, ...]) -> tuple[Product, ...]:
        return tuple((algebra.product_of(factor, 1.0 / alpha), matrix) for factor, matrix in products)

    inputs = tuple((atom, times(products)) for atom, products in form.inputs)
    bias = algebra.add(form.bias, algebra.constant(-shift))
    return Form(inputs, times(form.state), algebra.scale(bias, 1.0 / alpha))
