"""Verify two models GRU by GRU: for chaotic models, whose whole outputs cannot decide, and whose other nodes are equal.

Each GRU of one model and the nodes that compute its outputs in the other run on the same inputs, and both are compared
with float64, as the sites of lowering are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.graph.equal_except_grus import equal_except_grus
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru.constant_inputs import constant_inputs
from gru_lower.gru.parse_node import parse
from gru_lower.verification.sites.cut_model import cut, embed
from gru_lower.verification.sites.site import Change, Site
from gru_lower.verification.sites.site_models import site_pair
from gru_lower.verification.sites.verify_site import combined, verify_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.result import Verification
    from gru_lower.verification.sites.site import SitePair
    from gru_lower.verification.worker.client import Worker

CASES = 8
"""The fewest: chaos hides much in any one of them."""


def verify_gru_by_gru(left: Model, right: Model, options: VerifyOptions, worker: Worker) -> Verification | None:
    """Return "equivalent" if each GRU is; ``None`` if one differs, or the rest of the models is not the same.

    Args:
        left: A model.
        right: The other.
        options: Tolerances and cases.
        worker: Where they run.

    """
    for model, other in ((left, right), (right, left)):
        pairs = list(_pairs(model, other, options))
        if pairs and None not in pairs and equal_except_grus(model, other):
            alone = replace(options.for_sites(), cases=max(options.cases, CASES))
            found = [verify_site(pair, alone, worker) for pair in pairs if pair is not None]
            if any(each.status != "equivalent" for each in found):
                return None
            return combined(found, "chaotic as a whole; each GRU agrees by itself, held to float64", chaotic=True)
    return None


def _pairs(model: Model, other: Model, options: VerifyOptions) -> Iterator[SitePair | None]:
    """Yield each GRU that only one model has, beside its replacement; ``None`` for one that has none to be cut out."""
    facts = Facts(model)
    for scope in walk(model.proto):
        for index, node in enumerate(scope.nodes):
            if is_onnx(node, "GRU") and not any(node == each for each in other.proto.graph.node):
                yield None if scope.path != "main" else _pair(model, other, scope, index, facts, options)


def _pair(
    model: Model, other: Model, scope: Scope, index: int, facts: Facts, options: VerifyOptions
) -> SitePair | None:
    spec = parse(scope, index, facts).spec
    made = {name for node in other.proto.graph.node for name in node.output}
    if spec is None or not {spec.Y, spec.Y_h} - {""} <= made:
        return None
    constants = constant_inputs(scope, spec, facts)
    given = {name for key, name in spec.inputs.items() if key not in constants}
    part = cut(other.proto, [name for name in (spec.Y, spec.Y_h) if name], given)
    if {value.name for value in part.model.graph.input} - given or part.model.functions:
        return None  # it depends on something else, too
    embed(part.model, other.base_dir)
    original = spec.narrowed(facts.node(scope, index))
    nodes, initializers = list(part.model.graph.node), list(part.model.graph.initializer)
    change = Change(spec, original, nodes, initializers, constants, scope.opsets)
    site = Site(scope.site(index), scope.path, "", spec, "seen", change=change)
    return site_pair(site, model.ir_version, model.base_dir, options.zero_length_state or "zero")
