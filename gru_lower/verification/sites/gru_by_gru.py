"""GRU by GRU, where whole outputs cannot tell: two models of which one is chaotic, and the rest of which is the same.

Each GRU of one model is run beside what computes its outputs in the other, from its own inputs, and both are held to
float64, as lowering verifies its sites.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnx import NodeProto

from gru_lower.graph.facts import Facts
from gru_lower.graph.rest_of_model import rest_is_the_same
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru.parse_node import parse
from gru_lower.gru.spec import INPUTS
from gru_lower.verification.result import Verification
from gru_lower.verification.sites import site_models
from gru_lower.verification.sites.cut_parts import cut, embed
from gru_lower.verification.sites.site import Change, Site
from gru_lower.verification.sites.verify_site import verify_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.verification.result import VerifyOptions
    from gru_lower.verification.sites.site import SitePair
    from gru_lower.verification.worker.client import Worker

CASES = 8
"""At least: chaos hides much in any one of them."""


def judged(left: Model, right: Model, options: VerifyOptions, worker: Worker) -> Verification | None:
    """Return the verdict that the GRUs give one by one; ``None`` where they cannot be told from the rest, or differ.

    Args:
        left: A model.
        right: The other.
        options: Tolerances and cases.
        worker: Where they run.

    """
    for model, other in ((left, right), (right, left)):
        pairs = list(_pairs(model, other, options))
        if pairs and None not in pairs and rest_is_the_same(model, other):
            alone = replace(options, cases=max(options.cases, CASES), inputs=None, expected=None, shapes={})
            found = [verify_site(pair, alone, worker) for pair in pairs if pair is not None]
            if any(each.status != "equivalent" for each in found):
                return None
            worst = max(found, key=lambda each: each.max_abs_error or 0.0)
            return Verification(
                "equivalent",
                "site",
                cases=min(each.cases for each in found),
                max_abs_error=worst.max_abs_error,
                max_rel_error=worst.max_rel_error,
                worst=worst.worst,
                message="chaotic as a whole; each GRU agrees by itself, held to float64",
                chaotic=True,
            )
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
    constants = {
        key: tensor for key, name in spec.inputs.items() if (tensor := facts.constant(scope, name)) is not None
    }
    given = {name for key, name in spec.inputs.items() if key not in constants}
    part = cut(other.proto, [name for name in (spec.Y, spec.Y_h) if name], given)
    if {value.name for value in part.model.graph.input} - given or part.model.functions:
        return None  # it hangs on something else, too
    embed(part.model, other.base_dir)
    original = NodeProto()
    original.CopyFrom(facts.node(scope, index))
    for position, key in enumerate(INPUTS[: len(original.input)]):
        original.input[position] = spec.inputs.get(key, "")
    nodes, initializers = list(part.model.graph.node), list(part.model.graph.initializer)
    change = Change(spec, original, nodes, initializers, constants, scope.opsets)
    site = Site(scope.site(index), scope.path, "", spec, "seen", change=change)
    return site_models.pair(site, model.ir_version, model.base_dir, options.zero_length_state or "zero")


__all__ = ["judged"]
