"""The pass ``normalize-gru``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gru_lower.graph import splice
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru.parse_node import parse
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.verification.sites.site import Change, Site

if TYPE_CHECKING:
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
        for scope in walk(model.proto):
            for index, node in enumerate(scope.nodes):
                if not is_onnx(node, "GRU"):
                    continue
                parsed = parse(scope, index, facts)
                result.diagnostics += parsed.diagnostics
                site = Site(scope.site(index), scope.path, node.name, parsed.spec, "kept")
                result.sites.append(site)
                if parsed.spec is None:
                    site.code, site.message = parsed.diagnostics[-1].code, parsed.diagnostics[-1].message
                    continue
                fresh = parsed.spec.to_node(node.name)
                fresh.domain = node.domain
                if _same(fresh, node):
                    site.message = "already in its canonical spelling"
                    continue
                site.action, site.message = "normalized", "written out in full"
                constants = {
                    key: tensor
                    for key, name in parsed.spec.inputs.items()
                    if (tensor := facts.constant(scope, name)) is not None
                }
                old = type(node)()
                old.CopyFrom(node)
                site.change = Change(parsed.spec, old, [fresh], [], constants, scope.opsets)
                edits.append(splice.Edit(scope, [index], [fresh]))
            ctx.progress("normalizing", len(result.sites), len(result.sites))
        result.modified = splice.apply(model, edits)
        return result


def _same(fresh: object, node: object) -> bool:
    """Compare what the two nodes mean: attributes in any order, documentation aside."""

    def key(each: object) -> tuple[object, ...]:
        attributes = sorted(a.SerializeToString(deterministic=True) for a in each.attribute)  # type: ignore[attr-defined]
        return list(each.input), list(each.output), attributes  # type: ignore[attr-defined]

    return key(fresh) == key(node)
