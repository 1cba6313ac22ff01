"""What every rewrite of a GRU is: a pass of its own, and a step that legalize-gru plans with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gru_lower.emission.emitter import Emitter
from gru_lower.emission.template import Assembly
from gru_lower.emission.vocabulary import Vocabulary
from gru_lower.graph import splice
from gru_lower.graph.facts import Facts
from gru_lower.graph.known_zeros import is_zero
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru.parse_node import parse
from gru_lower.gru.spec import GATES
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Situation, write_node
from gru_lower.targets.gru_options import options_at
from gru_lower.verification.sites.site import Change, Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnx import NodeProto, TensorProto

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.legalize_gru.rewritten_gru import Results

MAX_LOOKED_AT = 1 << 24
"""A constant R of more elements is not searched for zeros."""


@dataclass(frozen=True)
class NoOptions:
    """The pass has no options."""


class Rewrite(Pass):
    """One way to turn a GRU into others that compute the same.

    A subclass says in :meth:`becomes` what comes of a GRU, and writes it in :meth:`rewrite`.
    """

    Options: ClassVar[type[Any]] = NoOptions
    done = ""
    """What to say of a GRU it was done to."""

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the GRUs that come of one, ``None`` where the rewrite does not apply."""
        raise NotImplementedError

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Write what goes before, hand each GRU that comes of it to ``inner``, in order, and write what goes after."""
        raise NotImplementedError

    def wanted(self, at: Situation, after: list[Situation]) -> bool:
        """Whether the pass by itself, without a target, does this."""
        del at, after
        return True

    def means(self, scope: Scope) -> Means:
        """Return what the pass by itself may use."""
        return Means(scope.opset)

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Rewrite every GRU it applies to."""

        def plan(at: Situation, means: Means) -> Plan | None:
            after = self.becomes(at, means)
            return None if after is None or not self.wanted(at, after) else Plan(self, (None,) * len(after))

        return rewrite_all(model, ctx, plan, self.means, f"{self.name} does not apply")


@dataclass(frozen=True)
class Plan:
    """What to do to a GRU: a rewrite, and a plan for each GRU that comes of it, ``None`` to leave that as it is."""

    move: Rewrite
    then: tuple[Plan | None, ...]

    def words(self) -> list[str]:
        """Say what is done, each thing once."""
        inner = [word for plan in self.then if plan is not None for word in plan.words()]
        return list(dict.fromkeys([self.move.done, *inner]))


def rewrite_all(
    model: Model,
    ctx: Context,
    plan_for: Callable[[Situation, Means], Plan | None],
    means_for: Callable[[Scope], Means],
    otherwise: str,
) -> PassResult:
    """Rewrite the GRUs of a model by a plan for each.

    Args:
        model: Edited in place.
        ctx: What passes share.
        plan_for: Gives the plan, ``None`` for none.
        means_for: Gives what may be written in a scope.
        otherwise: What to say of a GRU without a plan.

    """
    result = PassResult(modified=False)
    facts, names = Facts(model), Names(model.proto)
    edits: list[splice.Edit] = []
    found = [(scope, i) for scope in walk(model.proto) for i, node in enumerate(scope.nodes) if is_onnx(node, "GRU")]
    for done, (scope, index) in enumerate(found, 1):
        ctx.progress("legalizing", done, len(found))
        parsed = parse(scope, index, facts)
        result.diagnostics += parsed.diagnostics
        site = Site(scope.site(index), scope.path, scope.nodes[index].name, parsed.spec, "kept", message=otherwise)
        result.sites.append(site)
        if parsed.spec is None:
            site.code, site.message = parsed.diagnostics[-1].code, parsed.diagnostics[-1].message
            continue
        if parsed.spec.version < 7:
            site.message = "a GRU older than opset 7 is left as it is"
            continue
        constants = {
            key: tensor
            for key, name in parsed.spec.inputs.items()
            if (tensor := facts.constant(scope, name)) is not None
        }
        means = means_for(scope)
        at = situation(scope, index, parsed.spec, facts, constants)
        plan = plan_for(at, means)
        if plan is None:
            continue
        nodes, initializers = _write(model, scope, index, at, plan, means, names, constants)
        old = facts.node(scope, index)
        site.change = (
            Change(parsed.spec, old, nodes, initializers, constants, scope.opsets) if ctx.keep_changes else None
        )
        site.action, site.message, site.nodes_after = "legalized", "; ".join(plan.words()), len(nodes)
        edits.append(splice.Edit(scope, [index], nodes, initializers))
    result.modified = splice.apply(model, edits)
    return result


def _write(
    model: Model,
    scope: Scope,
    index: int,
    at: Situation,
    plan: Plan,
    means: Means,
    names: Names,
    constants: dict[str, TensorProto],
) -> tuple[list[NodeProto], list[TensorProto]]:
    node = scope.nodes[index]
    words = Vocabulary("gemm", means.forbidden | (frozenset() if means.has("Split") else {"Split"}))
    b = Build(Emitter(scope.opset, at.spec.elem_type, words), means, model.base_dir)
    inputs = {key: b.e.value(key) for key in at.spec.inputs}
    b.bindings.update(at.spec.inputs)
    results = _carry_out(b, Gru(at, inputs, constants), plan)
    wanted = {key: name for key in ("Y", "Y_h") if (name := getattr(at.spec, key))}
    assembly = Assembly(scope, names, names.prefix(node.name or at.spec.Y or at.spec.Y_h))
    assembly.add(b.e.template({key: results[key] for key in wanted}), b.bindings, wanted)
    nodes = assembly.nodes
    if len(nodes) == 1:
        nodes[0].name = node.name
    return nodes, assembly.initializers


def _carry_out(b: Build, gru: Gru, plan: Plan | None) -> Results:
    if plan is None:
        return write_node(b, gru)
    rest = iter(plan.then)
    return plan.move.rewrite(b, gru, lambda inner: _carry_out(b, inner, next(rest)))


def situation(scope: Scope, index: int, spec: GruSpec, facts: Facts, constants: dict[str, TensorProto]) -> Situation:
    """Return a GRU's situation where it stands in a model."""
    known = set()
    if "initial_h" in spec.inputs and is_zero(facts, scope, spec.inputs["initial_h"]):
        known.add("zero_initial_h")
    lens = facts.array(scope, spec.inputs["sequence_lens"]) if "sequence_lens" in constants else None
    if "sequence_lens" in constants:
        known.add("constant_lens")
    if lens is not None and spec.seq_length and (lens == spec.seq_length).all():
        known.add("full_lens")
    biases = facts.array(scope, spec.inputs["B"]) if "B" in constants else None
    if "B" not in spec.inputs or (biases is not None and not biases[:, 5 * spec.hidden_size :].any()):
        known.add("no_Rbh")
    if "B" not in spec.inputs or biases is not None:
        known |= {"reset_idle"} if _reset_idle(scope, spec, facts, constants) else set()
    return Situation(spec, options_at(scope, index, spec, facts), frozenset(known))


def _reset_idle(scope: Scope, spec: GruSpec, facts: Facts, constants: dict[str, TensorProto]) -> bool:
    """Whether (rt ∘ Ht-1) Rhᵀ = rt ∘ (Ht-1 Rhᵀ): where Rh is diagonal, or every state it meets is 0."""
    if spec.seq_length == 1 and "initial_h" not in spec.inputs:
        return True
    if "R" not in constants or np.prod(constants["R"].dims) > MAX_LOOKED_AT:
        return False
    values = facts.array(scope, spec.inputs["R"])
    h = spec.hidden_size
    candidate = None if values is None else values[:, GATES.index("h") * h :]
    return candidate is not None and not (candidate * (1 - np.eye(h, dtype=candidate.dtype))).any()
