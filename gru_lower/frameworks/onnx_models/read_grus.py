"""Reading the GRU nodes of a model with their constant weights: one by name, or all where they are one stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower import interop
from gru_lower.errors import InvalidModel, Unsupported
from gru_lower.frameworks.onnx_models.evaluate_nodes import is_constant
from gru_lower.frameworks.onnx_models.gru_stack import Gru, Stack
from gru_lower.frameworks.onnx_models.stack_grus import stack_grus
from gru_lower.graph import external_data
from gru_lower.graph.facts import Facts
from gru_lower.graph.known_zeros import VIEWS, is_zero
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru.parse_node import parse

if TYPE_CHECKING:
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec


def read(model: Any, node: str | None = None) -> Stack:  # noqa: ANN401 - whatever holds a model
    """Read the GRUs of a model.

    Args:
        model: What :func:`gru_lower.lower` takes; or a :class:`Gru`, or several of them.
        node: The name or site of the one meant; by default the model's only one, or all if they are one stack.

    Raises:
        InvalidModel: The model cannot be read, or the GRU breaks the operator's rules.
        Unsupported: It is not clear which GRU is meant, or its weights are not constant.

    """
    if isinstance(model, Gru):
        return Stack((model,), batch_first=model.spec.layout == 1)
    if isinstance(model, (list, tuple)) and model and all(isinstance(entry, Gru) for entry in model):
        return Stack(tuple(model), batch_first=model[0].spec.layout == 1)
    held = interop.read(model, whole=True).model
    external_data.check(held.proto, held.base_dir, model_file=held.path)
    facts = Facts(held, computed=True)
    found = [
        (scope, index) for scope in walk(held.proto) for index, entry in enumerate(scope.nodes) if is_onnx(entry, "GRU")
    ]
    if node is not None:
        found = [
            (scope, i) for scope, i in found if node in (scope.site(i), scope.nodes[i].name, *scope.nodes[i].output)
        ]
    if not found or (node is not None and len(found) > 1):
        hint = "gru_lower.inspect lists them"
        hint += (
            "" if found or node else ", and gru_lower.fuse makes GRUs of those that an exporter took apart: fuse first"
        )
        which = "no GRU" if node is None else f"{len(found) or 'no'} GRU called {node!r}"
        raise Unsupported(f"the model holds {which}", code="GL606", hint=hint)
    grus = [_gru(scope, index, facts) for scope, index in found]
    stack = stack_grus([scope for scope, _ in found], grus)
    if len(grus) > 1:
        for (scope, _), gru in zip(found, grus, strict=True):
            _refuse_own_state(scope, gru, facts, {name for each in grus for name in (each.spec.Y, each.spec.Y_h)})
    return stack


def _gru(scope: Scope, index: int, facts: Facts) -> Gru:
    parsed = parse(scope, index, facts)
    site = scope.site(index)
    if parsed.spec is None:
        broken = parsed.diagnostics[-1]
        raise InvalidModel(broken.message, code=broken.code, node=site, hint=broken.hint)
    spec = parsed.spec
    arrays = {key: facts.array(scope, spec.inputs[key]) for key in ("W", "R", "B") if key in spec.inputs}
    free = [key for key, array in arrays.items() if array is None]
    if free:
        raise Unsupported(
            f"{free[0]} is computed, not a constant",
            code="GL605",
            node=site,
            hint="fold constants first (onnxruntime, onnxsim), or store the weights in the model",
        )
    return Gru(spec, arrays["W"], arrays["R"], arrays.get("B"), site, lens=_shortens(scope, spec, facts))  # type: ignore[arg-type]


def _refuse_own_state(scope: Scope, gru: Gru, facts: Facts, states: set[str]) -> None:
    """Refuse a GRU of a stack that begins with a state of its own: layers begin with zeros, or with what is handed in.

    Raises:
        Unsupported: Its initial_h is neither zero nor an input of the model, or is made of another GRU's outputs.

    """
    name = gru.spec.inputs.get("initial_h", "")
    if not name or is_zero(facts, scope, name):
        return
    pending, seen, zero, handed_in = [name], {""}, True, False
    while pending:
        name = pending.pop()
        home = scope.find(name) if name not in seen else None
        seen.add(name)
        if home is None:
            continue
        if name in states and home is scope:
            zero = handed_in = False
            break
        node = home.nodes[home.producers[name]] if name in home.producers else None
        if node is None and not is_constant(home, name):
            handed_in = True
        elif node is None or not node.input or node.op_type == "ConstantOfShape":
            zero &= is_zero(facts, home, name)
        else:  # a view has its values from its first input alone
            pending += node.input[:1] if node.op_type in VIEWS | {"Split"} else node.input
    if not handed_in and not zero:
        raise Unsupported(
            "in a stack, its initial_h is a state of its own, which no layer keeps",
            code="GL602",
            node=gru.site,
            hint=f'name one GRU: node="{gru.site}", and hand its state to the layer',
        )


def _shortens(scope: Scope, spec: GruSpec, facts: Facts) -> bool:
    """Whether sequence_lens may be shorter than T."""
    if "sequence_lens" not in spec.inputs:
        return False
    lens = facts.array(scope, spec.inputs["sequence_lens"])
    return lens is None or spec.seq_length is None or bool((lens != spec.seq_length).any())
