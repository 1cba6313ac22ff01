"""What in the gates or the candidate no GRU has, where a step is a gate's blend of old state and candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Function, Leaf, MatrixProduct
from gru_lower.passes.fuse_gru.algebra.linear_split import split_linear
from gru_lower.passes.fuse_gru.reasons import words
from gru_lower.passes.fuse_gru.reasons.pre_activation import (
    ARITHMETIC,
    KNOWN,
    Part,
    Reading,
    part_of,
    read_sum,
    step_sum,
)
from gru_lower.passes.fuse_gru.reasons.update_share import Gate, gate_of

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.passes.fuse_gru.algebra.polynomials import Monomial, Poly
    from gru_lower.passes.fuse_gru.reasons.recurrent_step import RecurrentStep
    from gru_lower.passes.fuse_gru.reasons.update_share import Update

RECTIFIERS = ("Relu", "LeakyRelu")
NOT_IN_GRU = "which ONNX's GRU does not have"
SAME_GATE = "the reset gate and the update gate are the same gate, as in a minimal gated unit"


class Reset(NamedTuple):
    """A candidate's sum with the reset gate told apart.

    Attributes:
        gate: The gate, ``None`` where there is none.
        fault: What is the matter with where it stands; ``""`` for nothing.
        inputs: The atoms of the input that the candidate reads.
        ahead: A term of the input's share that no matrix of the step makes.

    """

    gate: Gate | None
    fault: str
    inputs: frozenset[int] = frozenset()
    ahead: Monomial | None = None


def why_parts_do_not_fit(step: RecurrentStep, update: Update) -> str | None:
    """Say what in a blend's gates or candidate no GRU has; ``None`` if nothing is found.

    Args:
        step: The step.
        update: Its update gate and its candidate.

    """
    gate, candidate = update
    part = part_of(step, gate.serial)
    if part is None:
        return f"the update gate, {words.name(step.values, gate.serial)}, does not read the state"
    fault = _function_fault(part, "the update gate", step.maker(gate.serial))
    z = read_sum(step, part.sum, "the update gate", candidate)
    if not fault and not z.fault and not z.state and not step.poly_hangs(candidate):
        return "a minGRU: neither its gate nor its candidate reads the state, and it has no reset gate"
    fault = fault or z.fault
    if fault:
        return fault
    inner = _candidate_part(step, candidate)
    if isinstance(inner, str):
        return inner
    reset = _reset(step, inner)
    if reset.gate is None and not reset.fault:
        if inner.op in RECTIFIERS:
            return f"a Li-GRU: it has no reset gate, and its candidate's function is {inner.op}"
        return "a UGRNN: it has no reset gate"
    if not z.state:
        return "the update gate does not read the state"
    if reset.fault or reset.gate is None:
        return reset.fault
    if reset.gate.serial == gate.serial:
        return SAME_GATE
    return _gates_differ(step, part, z, inner, reset)


def _gates_differ(step: RecurrentStep, part: Part, z: Reading, inner: Part, reset: Reset) -> str | None:
    """Say how the gates do not belong together, where each by itself is right."""
    assert reset.gate is not None
    own = part_of(step, reset.gate.serial)
    if own is None:
        return f"the reset gate, {words.name(step.values, reset.gate.serial)}, does not read the state"
    fault = _function_fault(own, "the reset gate", step.maker(reset.gate.serial))
    if fault:
        return fault
    r = read_sum(step, own.sum, "the reset gate")
    if r.fault:
        return r.fault
    if not r.state:
        return "the reset gate does not read the state"
    if (own.op, own.parameters) != (part.op, part.parameters):
        one, other = (_function_in_words(each) for each in (own, part))
        return f"the reset gate's function is {one} and the update gate's {other}, where a GRU has one for both"
    if len({each.clip for each in (part, own, inner)}) > 1:
        return "the gates and the candidate are clipped differently"
    for reading, where in (
        (z.inputs, "the update gate"),
        (r.inputs, "the reset gate"),
        (reset.inputs, "the candidate"),
    ):
        if not reading:
            return f"{where} does not read the input"
    if not z.inputs == r.inputs == reset.inputs:
        ahead = z.ahead or r.ahead or reset.ahead
        if ahead is None:
            return "the gates and the candidate do not read the same input"
        return f"its gates read their input through no matrix of the step: {words.term(step.values, ahead)} comes ready"
    return None


def _function_fault(part: Part, where: str, maker: NodeProto | None = None) -> str:
    if part.is_understood and part.op in KNOWN:
        return ""
    if maker is not None and maker.op_type in ARITHMETIC:
        how = "is multiplied by another value: it" if maker.op_type == "Mul" else ""
        return f"{where} {how} is made by {maker.op_type} of {' and '.join(filter(None, maker.input))}".replace(
            "  ", " "
        )
    if not part.is_function:
        return f"{where} is made by {part.op}, which is not understood there"
    return f"{where}'s function is {part.op}, {NOT_IN_GRU}"


def _function_in_words(part: Part) -> str:
    given = ", ".join(f"{number:.4g}" for number in part.parameters)
    return f"{part.op}({given})" if given else part.op


def _candidate_part(step: RecurrentStep, candidate: Poly) -> Part | str:
    """Return the candidate as a function of a sum, or say why it is none."""
    algebra = step.algebra
    if len(candidate.terms) == 1 and len(candidate.terms[0][0]) == 1:
        ((serial,), _) = candidate.terms[0]
        part = None if isinstance(algebra.atoms[serial], MatrixProduct) else part_of(step, serial)
        if part is not None:
            return _function_fault(part, "the candidate") or part
    gate = gate_of(algebra, candidate)
    if gate is not None and (part := part_of(step, gate.serial)) is not None:
        return _function_fault(part, "the candidate") or part
    activated = [serial for serial in _atoms_in(candidate) if _is_activated(step, serial)]
    sums = {mono: factor for mono, factor in candidate.terms if any(mono)}
    alone = [serial for serial in activated if (serial,) in sums]
    if any(step.previous in mono for mono in sums) and activated:
        return "the candidate holds the old state outside of its function"
    if len(alone) > 1:
        listed = " + ".join(words.term(step.values, mono, factor) for mono, factor in sums.items())
        return f"the candidate is a sum of several functions, {listed}"
    if alone and len(candidate.terms) > 1:
        rest = [(mono, factor) for mono, factor in candidate.terms if mono != (alone[0],)]
        rest = [each for each in rest if any(each[0])] or rest
        listed = " + ".join(words.term(step.values, *each) for each in rest)
        return f"{listed} is added behind the candidate's function"
    if len(activated) > 1 and len(candidate.terms) == 1:
        first, *others = sorted(activated, key=lambda serial: _op(step, serial) == "Sigmoid")
        named = " · ".join(words.name(step.values, serial) for serial in others)
        return f"the candidate, {words.name(step.values, first)}, is multiplied by {named} behind its function"
    return Part("Affine", (), None, step_sum(step, candidate), is_understood=True)


def _atoms_in(poly: Poly) -> list[int]:
    return list(dict.fromkeys(serial for mono, _ in poly.terms for serial in mono if serial))


def _op(step: RecurrentStep, serial: int) -> str:
    part = part_of(step, serial)
    return "" if part is None else part.op


def _is_activated(step: RecurrentStep, serial: int) -> bool:
    """Whether an atom is a function, or is made by a node that is not understood, of what hangs on the state."""
    return (isinstance(step.algebra.atoms[serial], Function) or step.maker(serial) is not None) and step.hangs(serial)


def _reset(step: RecurrentStep, inner: Part) -> Reset:
    """Find the reset gate in a candidate's sum."""
    poly = inner.sum
    if poly.atom is not None and _is_activated(step, poly.atom):
        return Reset(None, f"the candidate's function is applied to what {_op(step, poly.atom)} makes of the state")
    gates = _multipliers(step, poly)
    if len(gates) > 1:
        return Reset(None, "more than one gate acts on the candidate")
    if gates:
        return _reset_after(step, poly, gates[0])
    whole = read_sum(step, poly, "the candidate")
    before = _resets_before(step, poly)
    if not before:
        if not whole.fault and not whole.state:
            return Reset(None, "the candidate does not read the state")
        return Reset(None, whole.fault, whole.inputs, whole.ahead)
    if whole.state:
        return Reset(None, "the candidate reads the state outside of the reset gate, too")
    if len(before) > 1:
        return Reset(None, "more than one gate acts on the candidate")
    ((serial, products),) = before.items()
    rest = step.algebra.poly({mono: factor for mono, factor in poly.terms if mono not in products})
    beside = read_sum(step, rest, "the candidate")
    return Reset(Gate(serial, complement=False), beside.fault, beside.inputs, beside.ahead)


def _multipliers(step: RecurrentStep, poly: Poly) -> list[int]:
    """Return the gates in the products of a sum: functions, or what nodes that are not understood make of the state."""
    found: list[int] = []
    for mono, _ in poly.terms:
        functions = [serial for serial in mono if isinstance(step.algebra.atoms[serial], Function)]
        others = [serial for serial in mono if step.maker(serial) is not None and step.hangs(serial)]
        found += (functions or others) if len(mono) > 1 else []
    return list(dict.fromkeys(found))


def _resets_before(step: RecurrentStep, poly: Poly) -> dict[int, list[Monomial]]:
    """Return the gates that multiply the state before a matrix does, each with the terms it is in."""
    algebra, found = step.algebra, dict[int, list["Monomial"]]()
    for mono, _ in poly.terms:
        atom = algebra.atoms[mono[0]] if len(mono) == 1 else None
        source = algebra.atoms[atom.atom] if isinstance(atom, MatrixProduct) else None
        product = algebra.definitions.get(source.source) if isinstance(source, Leaf) else None
        if product is None or (isinstance(atom, MatrixProduct) and step.is_state(atom.atom)):
            continue
        for serial in _multipliers(step, product):
            parts = split_linear(algebra, product, serial)
            if serial == step.previous or parts is None:
                continue
            without, times = parts
            both = algebra.add(without, times)
            if (times.atom == step.previous and not without.terms) or (
                without.atom == step.previous and not both.terms
            ):
                found.setdefault(serial, []).append(mono)
    return found


def _reset_after(step: RecurrentStep, poly: Poly, gate: int) -> Reset:
    """Read a candidate's sum as A + r ∘ B."""
    algebra = step.algebra
    parts = split_linear(algebra, poly, gate)
    if parts is None:
        return Reset(None, "the reset gate stands squared")
    without, times = parts
    faults = []
    for complement, a, b in (
        (False, without, times),
        (True, algebra.add(without, times), algebra.scale(times, -1.0)),
    ):
        reset = _read_reset(step, Gate(gate, complement), a, b)
        if not reset.fault:
            return reset
        faults.append(reset)
    return faults[0]


def _read_reset(step: RecurrentStep, gate: Gate, a: Poly, b: Poly) -> Reset:
    inside, beside = read_sum(step, b, "the reset gate"), read_sum(step, a, "the candidate")
    fault = ""
    if any(step.previous in mono for mono, _ in b.terms):
        named = words.name(step.values, gate.serial)
        fault = f"the candidate reads the state itself, times {named}, and no matrix multiplies it"
    elif inside.fault and _resets_before(step, b):
        fault = "the reset gate acts on the candidate twice, before the matrix and behind it"
    elif inside.fault:
        fault = inside.fault.replace("the reset gate reads", "the reset gate multiplies", 1)
    elif inside.inputs and inside.state:
        fault = "the reset gate multiplies the input's share of the candidate, too"
    elif inside.inputs and beside.state:
        fault = "the reset gate multiplies the input's share of the candidate, and not the state's"
    elif inside.inputs:
        fault = "the reset gate multiplies the input's share of the candidate, and the state has none"
    elif beside.fault:
        fault = beside.fault
    elif beside.state and inside.state:
        fault = "the candidate reads the state outside of the reset gate, too"
    elif beside.state:
        fault = "the reset gate multiplies a constant alone, and the candidate reads the state outside of it"
    elif not inside.state:
        fault = "the candidate does not read the state"
    return Reset(gate, fault, beside.inputs, beside.ahead)
