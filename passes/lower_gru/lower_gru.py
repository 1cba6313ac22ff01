"""The pass ``lower-gru``: GRU nodes become Scan, Loop, unrolled or single-step subgraphs."""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING, ClassVar

from gru_lower.diagnostics import diagnostic
from gru_lower.errors import InternalError
from gru_lower.graph import splice
from gru_lower.graph.external_data import fits_a_message
from gru_lower.graph.facts import Facts
from gru_lower.graph.local_functions import Functions
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import Scope, is_onnx, walk
from gru_lower.gru.constant_inputs import constant_inputs, without_idle_inputs
from gru_lower.gru.possible_forms import possible_forms
from gru_lower.gru.quantised_weights import quantised_weights
from gru_lower.passes.base import Context, Pass, PassResult, visit_grus
from gru_lower.passes.lower_gru.choose_form import FORMS, Choice, choose_form
from gru_lower.passes.lower_gru.kept_constants import KeptConstants
from gru_lower.passes.lower_gru.lower_options import LowerOptions
from gru_lower.passes.lower_gru.preference import Preference
from gru_lower.passes.lower_gru.products import FLOAT
from gru_lower.passes.lower_gru.shared_weights import SharedWeights
from gru_lower.passes.lower_gru.unrolled_nodes import UnrolledNodes
from gru_lower.passes.lower_gru.write_replacement import write_replacement
from gru_lower.targets.accepted_forms import RUNS_RIGHT, accepted_forms
from gru_lower.targets.target_option import profile_of
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto, NodeProto

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.quantised_weights import QuantisedWeights
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.lower_gru.products import Products
    from gru_lower.passes.lower_gru.write_replacement import Replacement
    from gru_lower.verification.sites.site import Action, Site

SOME_STEPS = "T >= 1"
"""What a Scan rests on where T is dynamic: onnxruntime's refuses a sequence of no steps."""


class LowerGru(Pass):
    """Replace GRU nodes by Scan, Loop, unrolled or single-step subgraphs.

    Per step, with the input's part of every gate computed for all steps at once:

        zt = f(clip(Xzt + Ht_1 Rzᵀ))
        rt = f(clip(Xrt + Ht_1 Rrᵀ))
        ht = g(clip(Xht + (rt ∘ Ht_1) Rhᵀ))              linear_before_reset = 0
        ht = g(clip(Xht + rt ∘ (Ht_1 Rhᵀ + Rbh)))        linear_before_reset ≠ 0
        Ht = ht + zt ∘ (Ht_1 - ht)

    Rules:
        1. A GRU is replaced only if all of it is understood; otherwise it is kept, with a code.
        2. The form is chosen by :mod:`gru_lower.passes.lower_gru.choose_form`.
        3. The node's outputs keep their names; its type is kept inside; its opset is never changed.
        4. Constant weights are cut by bytes, external ones become views; others are split in the graph. Those that
           several GRUs share are cut once, see :mod:`gru_lower.passes.lower_gru.shared_weights`.
        5. In a function whose calls bind a GRU's attributes differently, each binding gets a clone of its own.
        6. An initial_h of zeros is no initial_h, and sequence_lens that are all T are none.
        7. What the replaced node alone used goes with it.
        8. A Scan over a dynamic T states that T has to be 1 or more; a Loop takes 0 as well.
        9. For a target, a GRU it runs right is kept, without a code.
        10. Without Gemm in the vocabulary, what stands next to the GRU and only views it otherwise is folded away, see
            :mod:`gru_lower.passes.lower_gru.fold_views`; an output that nothing else reads goes with it.
        11. For a target whose costs were measured, and with ``prefer=speed``, the fastest of what it runs right is
            taken, see :mod:`gru_lower.passes.lower_gru.choose_fastest`.
        12. Unrolling adds no more nodes than ``max_nodes`` to the model, all its GRUs together (GL016).
    """

    name = "lower-gru"
    action: ClassVar[Action] = "lowered"
    Options = LowerOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Lower every GRU in every scope."""
        result = PassResult(modified=False)
        original = model.copy().proto if model.proto.functions else None
        cloned = Functions(model.proto, _is_gru).specialise()
        facts = self._facts(model)
        names, reads = Names(model.proto, facts.scopes), ctx.keep_changes and fits_a_message(model.proto)
        edits: list[splice.Edit] = []
        shared, kept = SharedWeights(facts, names), KeptConstants(facts, names)
        unrolled, forms, told = UnrolledNodes(self.options, facts), set[str](), list[dict[tuple[str, str], int]]()
        allowed = self.options.forms.split("+") if self.options.forms else FORMS[1:]
        target = profile_of(self.options.target)
        preference = Preference(target, self.options, facts, unrolled)
        for scope, index, read, site in visit_grus(facts, ctx, result, "lowering"):
            spec, quantised = without_idle_inputs(read, scope, facts), _quantised(scope, read, facts)
            wish = accepted_forms(target, allowed, scope, index, read, facts)
            wanted = preference.of(wish, scope, spec)
            wish, site.expected = wanted.wish, wanted.expected
            if wish.keep and self.options.form == "auto":
                site.message = wanted.say(RUNS_RIGHT)
                computed = quantised if wish.takes_quantised("gru") else ()
                kept.store(scope, index, read, computed, name_y_h=wish.named, of_y_h=wanted.of_y_h)
                result.diagnostics += wish.doubts("gru")
                continue
            forms.update(form for form in wish.forms if form in possible_forms(spec.seq_length, scope.opset))
            choice = choose_form(spec, scope.opset, wanted.form, wish.forms)
            site.code, site.message = choice.code, wanted.say(choice.reason) + wish.because(choice.code)
            if not choice.form:
                auto = choose_form(spec, scope.opset, "auto", wish.forms).form
                result.diagnostics.append(_kept(site, self.options, auto_serves=wish.keep or bool(auto)))
                continue
            if choice.form == "unroll":
                unrolled.expect(scope, index, spec, wanted.options)
            if unrolled.too_many:
                continue
            takes = wish.takes_quantised(choice.form)
            replacement = (
                products
                if isinstance(products := self.products_for(scope, spec, facts), Choice)
                else write_replacement(
                    model,
                    scope,
                    index,
                    spec,
                    choice.form,
                    wanted.options,
                    facts,
                    names,
                    shared,
                    quantised={key: each for key, each in quantised.items() if takes and key != "B"},
                    products=products,
                    runs=ctx.keep_changes,
                    reads=reads,
                )
            )
            if isinstance(replacement, Choice):
                result.diagnostics.append(_kept(site, self.options, replacement, opset=scope.opset))
                continue
            _enter(site, self.action, choice.form, spec, replacement, ctx)
            if choice.form == "unroll":
                unrolled.add(spec, replacement.node_count)
            result.diagnostics += wish.doubts(choice.form)
            edits.append(replacement.edit)
            told += [] if wanted.options.vocabulary == "gemm" else [_told_batch(scope, spec, facts)]
        unrolled.refuse_too_many(forms)
        result.modified = splice.apply(model, (edits and [*edits, *shared.edits]) + kept.edits, keeps_order=True)
        if told and not model.proto.training_info:
            _fold_views(model, edits, told)
        if cloned and original is not None and not result.modified:
            _take_clones_back(model, original, result)
        return result

    def _facts(self, model: Model) -> Facts:
        positive = self.options.assume == "positive-lengths"
        return Facts(model, computed=True, positive_lengths=positive, scopes=model.take_scopes())

    def products_for(self, scope: Scope, spec: GruSpec, facts: Facts) -> Products | Choice:
        """Return how the products of one GRU are computed, or why it is kept."""
        del scope, spec, facts
        return FLOAT

    def ensures(self, model: Model, result: PassResult) -> None:
        """Check that a GRU is left exactly where a site says it was kept."""
        left = model.op_counts()["GRU"]
        kept = sum(site.action == "kept" for site in result.sites)
        if left != kept:
            raise InternalError(f"{left} GRU nodes are left, {kept} were to be kept", code="GL901")


def _enter(site: Site, action: Action, form: str, spec: GruSpec, replacement: Replacement, ctx: Context) -> None:
    """Enter what became of a GRU."""
    site.action, site.form, site.nodes_after = action, form, replacement.node_count
    site.change = replacement.change if ctx.keep_changes else None
    if form == "scan" and spec.seq_length is None:
        site.preconditions = (SOME_STEPS,)


def _take_clones_back(model: Model, original: ModelProto, result: PassResult) -> None:
    """Undo the cloning of functions: clones serve what is lowered; where nothing is, not a byte changes."""
    model.proto.CopyFrom(original)
    there = {scope.path for scope in walk(model.proto)}
    result.sites = [site for site in result.sites if site.scope in there]
    result.diagnostics = [found for found in result.diagnostics if found.scope in there]


def _is_gru(node: NodeProto) -> bool:
    return is_onnx(node, "GRU")


def _quantised(scope: Scope, spec: GruSpec, facts: Facts) -> dict[str, QuantisedWeights]:
    """Return the weights of a GRU that are quantised, by ONNX's input names."""
    found = {key: quantised_weights(scope, spec.inputs[key], facts) for key in ("W", "R", "B") if key in spec.inputs}
    known = constant_inputs(scope, spec, facts) if any(found.values()) else {}
    return {key: each for key, each in found.items() if each is not None and key in known}


def _fold_views(model: Model, edits: Sequence[splice.Edit], told: Sequence[dict[tuple[str, str], int]]) -> None:
    """Fold away what only views values otherwise around what was written."""
    from gru_lower.passes.lower_gru.fold_views import fold_views  # which only targets ask for

    fold_views(model, _made_by(edits), dict(ChainMap(*told)))


def _made_by(edits: Sequence[splice.Edit]) -> set[str]:
    """Return the values that nodes make which replace others."""
    return {name for edit in edits for node in edit.nodes for name in node.output if name}


def _told_batch(scope: Scope, spec: GruSpec, facts: Facts) -> dict[tuple[str, str], int]:
    """Return the batch by scope and symbol, where X leaves it open and another input is a number in it."""
    shape = facts.shape(scope, spec.inputs["X"])
    symbol = None if shape is None else shape[1 - spec.layout]
    return {(scope.path, symbol): spec.batch_size} if isinstance(symbol, str) and spec.batch_size is not None else {}


def _kept(
    site: Site, options: LowerOptions, choice: Choice | None = None, *, auto_serves: bool = True, opset: int = 0
) -> Diagnostic:
    """Return why a GRU was kept, with a hint at an option that is not in use.

    Args:
        site: What became of it.
        options: The pass's.
        choice: Another reason to enter, if there is one.
        auto_serves: Whether some form serves, or the node itself, if the form is left open.
        opset: The scope's, where an operator is lacking.

    """
    if choice is not None:
        site.code, site.message, site.expected = choice.code, choice.reason, None
    hint = None
    if site.code == "GL308" and options.form != "auto":
        hint = "use --form auto, or another target" if auto_serves else "use another target"
    elif site.code in ("GL302", "GL303", "GL304") and options.target:
        hint = "leave the form to --form auto" if auto_serves else "use another target"
    elif site.code == "GL307" and options.target:
        served = _opset_that_serves(choice, options, opset)
        hint = served or ("use another target" if options.form == "auto" else None)
    return diagnostic(site.code or "GL901", site.message, scope=site.scope, node=site.site, hint=hint)


def _opset_that_serves(choice: Choice | None, options: LowerOptions, opset: int) -> str | None:
    """Return a hint at a target's best opset, if all that is lacking in this one may be written there."""
    target = profile_of(options.target)
    if choice is None or target is None:
        return None
    gained = target.unwritten(opset) - target.unwritten(target.best_opset)
    return f"add --opset {target.best_opset}" if gained.issuperset(choice.lacking) else None
