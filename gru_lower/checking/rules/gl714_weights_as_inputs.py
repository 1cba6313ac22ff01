"""GL714: trained weights that are inputs of the model.

tf2onnx makes an input of every captured tf.constant; other exporters list initializers as inputs, too. In the first
case the caller has to bring the weights along; in the second they may be overridden, so that no runtime
folds or packs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.graph.facts import FREE_INITIALIZERS_IR_VERSION
from gru_lower.graph.scopes import is_onnx
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.base import Context
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop

PRODUCTS = ("MatMul", "Gemm")
MOVING = ("Identity", "Slice", "Concat", "Split", "Unsqueeze", "Squeeze", "Reshape", "Transpose", "Cast", "Flatten")
"""Operators that move the elements of weights, as exporters cut and join them."""
GATES = (1, 2, 3)
"""Of how many gates a matrix may hold the rows."""
LISTED = Fix(safe=False, message="the weights no longer listed as inputs")


def weights(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find GRUs, decomposed ones included, whose weights are inputs of the model."""
    for gru in checked.grus:
        spec = gru.parsed.spec
        if spec is not None:
            keys = [key for key in ("W", "R", "B") if key in spec.inputs]
            names = [name for key in keys for name in _model_inputs(gru.scope, spec.inputs[key])]
            yield from _finding(checked, gru.scope, gru.site, list(dict.fromkeys(names)))
    for found in checked.recurrences:
        scope = found.interpreter.scope
        for recurrence in found.grus:
            if recurrence.loop is not None:
                names = _matrices_of_loop(checked, scope, recurrence.loop)
                yield from _finding(checked, scope, scope.site(recurrence.loop.index), names)


def _finding(checked: CheckedModel, scope: Scope, site: str, names: Sequence[str]) -> Iterator[Diagnostic]:
    if not names:
        return
    listed = all(_is_listed(checked, name) for name in names)
    words = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    verb = "is an input" if len(names) == 1 else "are inputs"
    what = f"{words} {verb} of the model" + (", with a default that may be overridden" if listed else "")
    yield diagnostic("GL714", what, scope=scope.path, node=site, fix=LISTED if listed else None)


def _model_input(scope: Scope, name: str) -> str:
    """Return the main graph's input that a value is, or is a part of, ``""`` if it is none."""
    return next(iter(_model_inputs(scope, name)), "")


def _model_inputs(scope: Scope, name: str) -> list[str]:
    """Return the main graph's inputs that a value is made of by nothing but moving elements."""
    found: dict[str, None] = {}
    pending = [(scope, name)]
    while pending:
        here, each = pending.pop()
        home = here.find(each) if each else None
        if home is None:
            continue
        if each in home.producers:
            node = home.nodes[home.producers[each]]
            if is_onnx(node) and node.op_type in MOVING:
                data = node.input if node.op_type == "Concat" else node.input[:1]
                pending += [(home, given) for given in reversed(data)]
        elif home.path == "main" and each in home.inputs and _is_free(home, each):
            found[each] = None
    return list(found)


def _is_free(main: Scope, name: str) -> bool:
    return name not in main.initializers or main.ir_version >= FREE_INITIALIZERS_IR_VERSION


def _is_listed(checked: CheckedModel, name: str) -> bool:
    return name in checked.scopes[0].initializers


def _matrices_of_loop(checked: CheckedModel, scope: Scope, carrier: InterpretedLoop) -> list[str]:
    """Return the model's inputs that a loop multiplies by, if one of them has the shape of a GRU's weights."""
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import StateKind  # only where a model has loops

    body = carrier.body.scope
    outer = {state.inner: state.initial for state in carrier.states if state.kind is StateKind.INVARIANT}
    found: dict[str, None] = {}
    square = False
    for node in body.nodes:
        if not is_onnx(node) or node.op_type not in PRODUCTS:
            continue
        name = _model_input(scope, outer.get(node.input[1]) or node.input[1])
        dims = checked.facts.shape(scope, name) if name else None
        if dims is None or len(dims) != 2 or not all(isinstance(dim, int) for dim in dims):
            continue
        small, large = sorted(dim for dim in dims if isinstance(dim, int))
        square |= any(large == gates * small for gates in GATES)
        found[name] = None
    return list(found) if square else []


def unlist(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Remove initializers that are weights of GRUs from the model's inputs."""
    del ctx
    wanted = {each.node for each in found}
    names: set[str] = set()
    sites = []
    for gru in checked.grus:
        if gru.site in wanted and gru.parsed.spec is not None:
            for key in ("W", "R", "B"):
                names.update(_model_inputs(gru.scope, gru.parsed.spec.inputs.get(key, "")))
            sites.append(Site(gru.site, gru.scope.path, gru.node.name, gru.parsed.spec, "fixed", code="GL714"))
    graph = checked.model.proto.graph
    for place in reversed(range(len(graph.input))):
        if graph.input[place].name in names and _is_listed(checked, graph.input[place].name):
            del graph.input[place]
            checked.model.modified = True
    for site in sites:
        site.message = LISTED.message
    return sites


RULES = (Rule(("GL714",), weights, unlist),)
