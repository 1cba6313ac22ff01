"""The pass ``normalize-gru``: write every GRU out in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph import splice
from gru_lower.graph.facts import Facts
from gru_lower.gru.constant_inputs import constant_inputs
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import Context, Pass, PassResult, visit_grus
from gru_lower.verification.sites.site import Change

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.model import Model


@dataclass(frozen=True)
class NormalizeOptions:
    """``normalize-gru`` has no options."""


class NormalizeGru(Pass):
    """Write every GRU out in full: one spelling for one meaning.

    Rules:
        1. hidden_size, direction and activations are written, with canonical names.
        2. activation_alpha and activation_beta hold exactly the values the functions use, defaults included,
           so that runtimes with other defaults agree.
        3. Absent inputs and outputs at the end are left out; the node's name, documentation and outputs stay.
        4. A node already written so, and one that is not understood, is left alone.
    """

    name = "normalize-gru"
    Options = NormalizeOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Rewrite every GRU that is not in its canonical spelling."""
        result = PassResult(modified=False)
        facts, edits = Facts(model), []
        for scope, index, spec, site in visit_grus(facts, ctx, result, "normalizing"):
            node = scope.nodes[index]
            fresh = spec.to_node(node.name)
            fresh.domain = node.domain
            if _is_same(fresh, node):
                site.message = "already in its canonical spelling"
                continue
            site.action, site.message = "normalized", "written out in full"
            old = type(node)()
            old.CopyFrom(node)
            site.change = Change(spec, old, [fresh], [], constant_inputs(scope, spec, facts), scope.opsets)
            edits.append(splice.Edit(scope, [index], [fresh]))
        result.modified = splice.apply(model, edits)
        return result


def _is_same(fresh: NodeProto, node: NodeProto) -> bool:
    """Whether two nodes have the same inputs, outputs and attributes; attributes in any order, documentation aside."""

    def key(each: NodeProto) -> tuple[object, ...]:
        attributes = sorted(a.SerializeToString(deterministic=True) for a in each.attribute)
        return list(each.input), list(each.output), attributes

    return key(fresh) == key(node)
