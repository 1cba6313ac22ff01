"""Rewriting the GRUs of a model by a plan for each: the rewrite, the plan made of rewrites, and its application."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from gru_lower.emission.emitter import Emitter
from gru_lower.emission.instantiate_template import Assembly
from gru_lower.emission.operator_vocabulary import Vocabulary
from gru_lower.graph import splice
from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import node_uses
from gru_lower.gru.constant_inputs import constant_inputs
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import PassResult, visit_grus
from gru_lower.passes.legalize_gru.gru_traits import traits_of
from gru_lower.passes.legalize_gru.replacement_builder import BoundGru, ReplacementBuilder, write_gru_node
from gru_lower.verification.sites.site import Change

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnx import NodeProto, TensorProto

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.base import Context, FoundGru
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits, KnownConstant
    from gru_lower.passes.legalize_gru.replacement_builder import Outputs, WriteGru
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings

FIRST_OPSET = 7
"""The opset from which linear_before_reset and the order of the activations are what rewrites take them for."""
IDLE_INPUTS: dict[KnownConstant, str] = {"zero_initial_h": "initial_h", "full_lens": "sequence_lens"}
"""Which input changes nothing where something is known."""


class Rewrite(ABC):
    """One way to turn a GRU into others that compute the same.

    Attributes:
        summary: What to say of a GRU it was done to.

    """

    summary: str

    @abstractmethod
    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the GRUs that come of one, ``None`` where the rewrite does not apply."""

    def rewrite(self, b: ReplacementBuilder, gru: BoundGru, after: list[GruTraits], write: WriteGru) -> Outputs:
        """Write the GRUs that come of one and the nodes around them; unless overridden, one GRU with the same inputs.

        Args:
            b: Where to write.
            gru: The GRU to rewrite.
            after: What :meth:`outcomes` gave for it.
            write: Writes a GRU that comes of it; to be called for each, in order.

        """
        del b
        return write(gru.with_traits(after[0]))


@dataclass(frozen=True)
class Plan:
    """What to do to a GRU.

    Attributes:
        rewrite: The rewrite to begin with.
        then: A plan for each GRU that comes of it, ``None`` to leave that as it is.

    """

    rewrite: Rewrite
    then: tuple[Plan | None, ...]

    def summaries(self) -> list[str]:
        """Say what is done, each thing once."""
        inner = [each for plan in self.then if plan is not None for each in plan.summaries()]
        return list(dict.fromkeys([self.rewrite.summary, *inner]))


def apply_plans(
    model: Model,
    ctx: Context,
    plan_for: Callable[[GruTraits, RewriteSettings], Plan | None],
    settings_for: Callable[[Scope], RewriteSettings],
    otherwise: Callable[[GruTraits, RewriteSettings], str],
    *,
    positive_lengths: bool = False,
) -> PassResult:
    """Rewrite the GRUs of a model by a plan for each.

    Args:
        model: Edited in place.
        ctx: What passes share.
        plan_for: Gives the plan, ``None`` for none.
        settings_for: Gives what may be written in a scope.
        otherwise: Gives what to say of a GRU without a plan.
        positive_lengths: Whether sequence_lens are promised to be 1 or more.

    """
    result = PassResult(modified=False)
    facts, names = Facts(model, computed=True, positive_lengths=positive_lengths), Names(model.proto)
    edits: list[splice.Edit] = []
    for found in visit_grus(facts, ctx, result, "legalizing"):
        scope, index, spec, site = found
        if spec.version < FIRST_OPSET:
            site.message = f"a GRU older than opset {FIRST_OPSET} is left as it is"
            continue
        constants = constant_inputs(scope, spec, facts)
        settings = settings_for(scope)
        traits = traits_of(scope, index, spec, facts, constants)
        plan = plan_for(traits, settings)
        if plan is None:
            site.message = otherwise(traits, settings)
            continue
        edit = _edit(model, found, traits, plan, settings, names, constants)
        if ctx.keep_changes:
            site.change = _change(scope, facts.node(scope, index), traits, edit, constants)
        site.action, site.message, site.nodes_after = "legalized", "; ".join(plan.summaries()), len(edit.nodes)
        edits.append(edit)
    result.modified = splice.apply(model, edits)
    return result


def _change(
    scope: Scope, node: NodeProto, traits: GruTraits, edit: splice.Edit, constants: dict[str, TensorProto]
) -> Change:
    """Return what is compared: without computed inputs that change nothing, where nothing reads them now."""
    spec = traits.spec
    read = {name for each in edit.nodes for name in node_uses(each)}
    idle = [IDLE_INPUTS[known] for known in traits.known if known in IDLE_INPUTS]
    unread = [key for key in idle if key not in constants and spec.inputs[key] not in read]
    if unread:
        spec = spec.without_inputs(*unread)
        node = spec.narrowed(node)
    return Change(spec, node, edit.nodes, edit.initializers, constants, scope.opsets)


def _edit(
    model: Model,
    found: FoundGru,
    traits: GruTraits,
    plan: Plan,
    settings: RewriteSettings,
    names: Names,
    constants: dict[str, TensorProto],
) -> splice.Edit:
    """Return the edit that puts what a plan makes of a GRU in its place."""
    scope, index, spec, _ = found
    node = scope.nodes[index]
    splits = frozenset() if settings.may_write("Split") else frozenset({"Split"})
    emitter = Emitter(scope.opset, spec.elem_type, Vocabulary("gemm", settings.forbidden | splits))
    b = ReplacementBuilder(emitter, settings, model.base_dir)
    inputs = {key: emitter.value(key) for key in spec.inputs}
    b.bindings.update(spec.inputs)
    outputs = _carry_out(b, BoundGru(traits, inputs, constants), plan)
    wanted = {key: name for key in ("Y", "Y_h") if (name := getattr(spec, key))}
    assembly = Assembly(scope, names, names.prefix(node.name or spec.Y or spec.Y_h))
    assembly.add(emitter.template({key: outputs[key] for key in wanted}), b.bindings, wanted)
    graph = assembly.graph()
    nodes = list(graph.node)
    if len(nodes) == 1:
        nodes[0].name = node.name
    return splice.Edit(scope, [index], nodes, list(graph.initializer))


def _carry_out(b: ReplacementBuilder, gru: BoundGru, plan: Plan | None) -> Outputs:
    if plan is None:
        return write_gru_node(b, gru)
    rest = iter(plan.then)
    after = plan.rewrite.outcomes(gru.traits, b.settings) or []
    return plan.rewrite.rewrite(b, gru, after, lambda inner: _carry_out(b, inner, next(rest)))
