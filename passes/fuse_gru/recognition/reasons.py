"""Why something is no GRU, in the names a model's author knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.polynomials import ONE, Fn, Leaf, Lin, Spread, Stack
from gru_lower.passes.fuse_gru.loops.loop_outputs import Left

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Mono
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.read_cell import MisfitError

LONGEST = 60


def term(interpreter: Interpreter, mono: Mono) -> str:
    """Return a monomial in words: the names of its factors."""
    return " · ".join(_name(interpreter, serial) for serial in mono) or "a constant"


def misfit(interpreter: Interpreter, found: MisfitError) -> tuple[str, str | None]:
    """Return what did not fit, and the term that did not."""
    if found.mono is None:
        return found.where, None
    what = term(interpreter, found.mono)
    return f"{found.where} has a term {what}", what


def _name(interpreter: Interpreter, serial: int) -> str:
    algebra = interpreter.algebra
    if serial == ONE:
        return "a constant"
    home = interpreter.homes.get(algebra.of(serial))
    if home is not None:
        return home.name
    match algebra.atoms[serial]:
        case Leaf() as leaf:
            return _source(interpreter, leaf)
        case Fn() as function:
            return f"{function.op}(...)"
        case Lin() as product:
            return f"a matrix · {_name(interpreter, product.atom)}"
        case Stack():
            return "stacked steps"
        case Spread():
            return "a value repeated"


def _source(interpreter: Interpreter, leaf: Leaf) -> str:
    source = leaf.source
    if source in interpreter.algebra.defined:
        if isinstance(source, Left):
            return source.name
        home = interpreter.homes.get(interpreter.algebra.defined[source])
        return "a product of states" if home is None else home.name
    return str(source[1]) if isinstance(source, tuple) and len(source) == 2 else "a constant"
