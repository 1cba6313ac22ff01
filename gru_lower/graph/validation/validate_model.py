"""The one check that every model passes before anything else reads it: what breaks ONNX's rules is refused.

Nodes that use one another in a circle are found by whoever puts them in order (:mod:`gru_lower.graph.node_order`). It
takes time in proportion to the model, whatever is in it. What a GRU node breaks is left to
:mod:`gru_lower.gru.parse_node`, which has a code for each of its rules; what needs values or shapes to be seen, to the
reader of the operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.local_functions import key_of
from gru_lower.graph.model_tensors import tensors
from gru_lower.graph.scopes import ONNX_DOMAINS, Scope, walk
from gru_lower.graph.validation.broken_rule import broken_rule
from gru_lower.graph.validation.check_graphs import check_definitions
from gru_lower.graph.validation.check_names import check_names, not_text
from gru_lower.graph.validation.check_nodes import check_nodes
from gru_lower.graph.validation.check_tensors import check_tensors
from gru_lower.graph.validation.plain_graphs import has_few_calls

if TYPE_CHECKING:
    from collections.abc import Iterable

    import onnx

DEEPEST = 32
"""How deep bodies may be nested: protobuf reads no message of more than 100 levels, of which each body takes three."""
MOST_CALLED = 10**6
"""How many nodes local functions may be, written out wherever they are called, as runtimes do."""
NEWEST_OPSET = 2**31 - 1


def validate_model(model: onnx.ModelProto) -> list[Scope]:
    """Hold a model to ONNX's rules.

    Args:
        model: Any model; not changed.

    Returns:
        Its scopes, read.

    Raises:
        InvalidModel: Naming the first thing that breaks a rule.

    """
    _check_opsets(model.opset_import, "the model")
    scopes = []
    for scope in walk(model):
        _check_depth(scope)
        check_names(scope)
        check_definitions(scope)
        check_nodes(scope)
        scopes.append(scope)
    check_tensors(tensors(model, scopes))
    _check_functions(model)
    return scopes


def _check_depth(scope: Scope) -> None:
    depth, around = 0, scope.parent
    while around is not None:
        depth, around = depth + 1, around.parent
    if depth > DEEPEST:
        raise broken_rule(f"bodies are nested more than {DEEPEST} deep")


def _check_opsets(imports: Iterable[onnx.OperatorSetIdProto], whose: str) -> None:
    """Refuse imports that name no version of a domain, or two."""
    found: dict[str, int] = {}
    for entry in imports:
        if not isinstance(entry.domain, str):
            raise not_text(entry.domain)
        domain = "" if entry.domain in ONNX_DOMAINS else entry.domain
        if not 1 <= entry.version <= NEWEST_OPSET:
            raise broken_rule(f"{whose} imports the version {entry.version} of the domain {entry.domain!r}")
        if found.setdefault(domain, entry.version) != entry.version:
            raise broken_rule(f"{whose} imports two versions of the domain {entry.domain!r}")


def _check_functions(model: onnx.ModelProto) -> None:
    if not model.functions:
        return
    keys = set()
    for function in model.functions:
        _check_opsets(function.opset_import, f"the function {function.domain}::{function.name}")
        key = key_of(function)
        if key in keys:
            raise broken_rule(f"the function {function.domain}::{function.name} is there twice")
        keys.add(key)
    if not has_few_calls(model, MOST_CALLED):  # which refuses functions that call themselves, too
        raise broken_rule(f"its functions are more than {MOST_CALLED} nodes, written out at every call")
