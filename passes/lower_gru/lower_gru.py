"""The pass ``lower-gru``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from onnx import NodeProto, TensorProto

from gru_lower.diagnostics import diagnostic
from gru_lower.emission import vocabulary
from gru_lower.emission.template import Assembly
from gru_lower.errors import InternalError
from gru_lower.graph import external_data, splice
from gru_lower.graph.facts import Facts
from gru_lower.graph.known_zeros import is_zero
from gru_lower.graph.local_functions import Functions
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import Scope, is_onnx, walk
from gru_lower.gru.parse_node import parse
from gru_lower.gru.spec import INPUTS
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.passes.lower_gru import choose_form, costs
from gru_lower.passes.lower_gru.forms import loop, scan, scan_packed_block_double, scan_packed_triple, unroll
from gru_lower.passes.lower_gru.gate_weights import gate_tensors, packed_tensors, transposed
from gru_lower.passes.lower_gru.variant import mask_recipe, variant_of
from gru_lower.targets.accepted_forms import RUNS_RIGHT, accepted_forms
from gru_lower.targets.target_option import profile_of
from gru_lower.verification.sites.site import Change, Site

if TYPE_CHECKING:
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.emission.template import Binding
    from gru_lower.graph.model import Model
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.lower_gru.variant import Variant


@dataclass(frozen=True)
class LowerOptions:
    """Options of ``lower-gru``.

    Attributes:
        form: ``auto``, ``scan``, ``loop``, ``unroll`` or ``step``.
        packing: For Scan bodies, where it applies: ``fused`` lets onnxruntime run the last sum before g in one kernel
            with g; ``block`` puts both directions in one body, ``block-fused`` is both; ``double`` and ``triple`` also
            put the state there twice and in three parts (see :mod:`gru_lower.passes.lower_gru.forms.scan_packed_block_double` and
            :mod:`gru_lower.passes.lower_gru.forms.scan_packed_triple`); ``inside`` computes the input's projection in the body, for large
            batches; ``none`` gives each direction a body of its own and computes the projection outside;
            ``plain`` besides has that body hand on the state and an Identity of it, which every runtime with a Scan
            takes; ``auto`` goes by costs.toml.
        batch_hint: The batch size to expect where it is dynamic; 0 for none. The result is right for any.
        mask: How sequence_lens acts: ``auto`` closes the gates outside the body where that is exact,
            ``where`` always takes a Where in the body, which quantisers understand.
        vocabulary: ``gemm`` writes what is fastest in onnxruntime, ``minimal`` only MatMul, Add, Sub, Mul, Sigmoid,
            Tanh and operators that move values (see :mod:`gru_lower.emission.vocabulary`).
        forbid: Operators not to write, joined by ``+``: ``Split+Sub``.
        forms: The forms a target takes, joined by ``+``, the best first; all if empty.
        target: A profile's name or path: a GRU the target runs right is kept, and none becomes what it runs wrongly.
        zero_length_state: What Y_h is for a sequence of length 0: ``zero``, as in onnxruntime, or ``initial``.

    """

    form: str = field(default="auto", metadata={"choices": choose_form.FORMS})
    packing: str = field(default="auto", metadata={"choices": costs.PACKINGS})
    batch_hint: int = 0
    mask: str = field(default="auto", metadata={"choices": ("auto", "where")})
    vocabulary: str = field(default="gemm", metadata={"choices": vocabulary.NAMES})
    forbid: str = ""
    forms: str = ""
    target: str = ""
    zero_length_state: str = field(default="zero", metadata={"choices": ("zero", "initial")})


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
        4. Constant weights are cut by bytes, external ones become views; others are split in the graph.
        5. In a function whose calls bind a GRU's attributes differently, each binding gets a clone of its own.
        6. An initial_h of zeros is no initial_h, and sequence_lens that are all T are none.
        7. What the replaced node alone used goes with it.
        8. For a target, a GRU it runs right is kept, without a code.
    """

    name = "lower-gru"
    Options = LowerOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Lower every GRU in every scope."""
        result = PassResult(modified=False)
        as_it_was = model.copy().proto if model.proto.functions else None
        cloned = Functions(model.proto, _is_gru).specialise()
        facts, names = Facts(model), Names(model.proto)
        edits: list[splice.Edit] = []
        allowed = self.options.forms.split("+") if self.options.forms else choose_form.FORMS[1:]
        target = profile_of(self.options.target)
        found = [
            (scope, index) for scope in walk(model.proto) for index, node in enumerate(scope.nodes) if _is_gru(node)
        ]
        for done, (scope, index) in enumerate(found, 1):
            ctx.progress("lowering", done, len(found))
            parsed = parse(scope, index, facts)
            result.diagnostics += parsed.diagnostics
            site = Site(scope.site(index), scope.path, scope.nodes[index].name, parsed.spec, "kept")
            result.sites.append(site)
            if parsed.spec is None:
                reason = next(d for d in reversed(parsed.diagnostics))
                site.code, site.message = reason.code, reason.message
                continue
            spec = _without_idle_inputs(parsed.spec, scope, facts)
            wish = accepted_forms(target, allowed, scope, index, parsed.spec, facts)
            if wish.keep and self.options.form == "auto":
                site.message = RUNS_RIGHT
                result.diagnostics += wish.doubts("gru")
                continue
            choice = choose_form.choose(spec, scope.opset, self.options.form, wish.forms)
            site.code, site.message = choice.code, choice.reason + wish.because(choice.code)
            if not choice.form:
                result.diagnostics.append(_kept(choice, site))
                continue
            replaced = self._replace(model, scope, index, spec, choice.form, facts, names)
            if isinstance(replaced, choose_form.Choice):
                site.code, site.message = replaced.code, replaced.reason
                result.diagnostics.append(_kept(replaced, site))
                continue
            edit, change, site.nodes_after = replaced
            site.change = change if ctx.keep_changes else None
            site.action, site.form = "lowered", choice.form
            result.diagnostics += wish.doubts(choice.form)
            edits.append(edit)
        result.modified = splice.apply(model, edits, keeps_order=True)
        if cloned and as_it_was is not None and not result.modified:
            model.proto.CopyFrom(as_it_was)  # clones serve what is lowered; where nothing is, not a byte changes
            there = {scope.path for scope in walk(model.proto)}
            result.sites = [site for site in result.sites if site.scope in there]
            result.diagnostics = [found for found in result.diagnostics if found.scope in there]
        return result

    def ensures(self, model: Model, result: PassResult) -> None:
        """Hold the pass to its word: a GRU is left exactly where a site says it was kept."""
        nodes = (node for scope in walk(model.proto) for node in scope.nodes if node.op_type == "GRU")
        left = sum(is_onnx(node) for node in nodes)
        kept = sum(site.action == "kept" for site in result.sites)
        if left != kept:
            raise InternalError(f"{left} GRU nodes are left, {kept} were to be kept", code="GL901")

    def _replace(
        self, model: Model, scope: Scope, index: int, spec: GruSpec, form: str, facts: Facts, names: Names
    ) -> tuple[splice.Edit, Change, int] | choose_form.Choice:
        node = facts.node(scope, index)
        constants = {
            key: tensor for key, name in spec.inputs.items() if (tensor := facts.constant(scope, name)) is not None
        }
        weights = {key: tensor for key, tensor in constants.items() if key in ("W", "R", "B")}
        dynamic = frozenset({"W", "R", "B"} & spec.inputs.keys() - weights.keys())
        words = vocabulary.vocabulary_of(self.options.vocabulary, self.options.forbid)
        mask = mask_recipe(spec, self.options.mask)
        v = variant_of(spec, scope.opset, dynamic, mask, self.options.zero_length_state)
        plain = self.options.packing == "plain"
        # Held values are for onnxruntime, which a vocabulary without Gemm is not written for.
        holds = not plain and words.has("Gemm") and costs.costs().holds(spec.hidden_size, self._batch(spec))
        v = replace(v, vocabulary=words, plain=plain, holds=holds)
        bindings: dict[str, Binding] = dict(gate_tensors(spec, weights, model.base_dir))
        if not words.has("Gemm"):
            bindings |= transposed(bindings, model.base_dir)
        bindings |= {key: name for key, name in spec.inputs.items() if key not in weights}
        results = {key: name for key, name in (("Y", spec.Y), ("Y_h", spec.Y_h)) if name}
        assembly = Assembly(scope, names, names.prefix(node.name or spec.Y or spec.Y_h))
        packing = self._packing(spec, v, constants) if form == "scan" else "none"
        v = replace(v, fused="fused" in packing and v.can_be_fused, inside=packing == "inside" and mask != "gate")
        if packing not in ("none", "inside", "fused"):
            bindings |= packed_tensors(v, bindings, model.base_dir, packing)
            body = (
                scan_packed_triple.template(v)
                if packing == "triple"
                else scan_packed_block_double.template(v, packing == "double")
            )
            assembly.add(body, bindings, results)
        elif form in ("scan", "loop"):
            v = replace(v, peeled=form == "scan" and not v.inside and self._peels(spec, v))
            assembly.add((scan if form == "scan" else loop).template(v), bindings, results)
        else:
            unroll.assemble(assembly, v, bindings, results)
        lacking = words.lacking(assembly.op_types)
        if lacking:
            return choose_form.Choice("", f"form {form} needs {lacking[0]} here, which may not be written", "GL307")
        original = NodeProto()
        original.CopyFrom(node)
        for position, key in enumerate(INPUTS[: len(original.input)]):
            original.input[position] = spec.inputs.get(key, "")
        nodes, initializers = assembly.nodes, assembly.initializers
        change = Change(spec, original, nodes, initializers, constants, scope.opsets)
        return splice.Edit(scope, [index], nodes, initializers), change, assembly.op_types.total()

    def _peels(self, spec: GruSpec, v: Variant) -> bool:
        """Whether to do the first step of a plain Scan outside it."""
        wanted = self.options.packing == "auto" and costs.costs().peels(spec.hidden_size, spec.seq_length)
        return wanted and v.can_be_peeled

    def _batch(self, spec: GruSpec) -> int | None:
        """Return the batch size to expect."""
        return spec.batch_size if spec.batch_size is not None else self.options.batch_hint or None

    def _packing(self, spec: GruSpec, v: Variant, constants: dict[str, TensorProto]) -> str:
        wanted = str(self.options.packing)
        if wanted == "plain":
            return "none"
        if wanted == "auto":
            batch = self._batch(spec)
            kind = (spec.num_directions, spec.linear_before_reset)
            wanted = costs.costs().packing_for(*kind, spec.hidden_size, batch)
            if wanted == "none" and costs.costs().projects_inside(spec.hidden_size, batch, spec.seq_length):
                wanted = "inside"
            if "R" in constants and external_data.is_external(constants["R"]) and wanted not in ("none", "inside"):
                wanted = "fused"  # views of the file that is there are worth more than a kernel
        if wanted in ("none", "inside", "fused"):
            return wanted
        if wanted == "triple" and not scan_packed_triple.applies(v):
            wanted = "double"
        return wanted if scan_packed_block_double.applies(v) else "fused"


def _is_gru(node: NodeProto) -> bool:
    return node.op_type == "GRU" and is_onnx(node)


def _without_idle_inputs(spec: GruSpec, scope: Scope, facts: Facts) -> GruSpec:
    """Leave out the inputs that change nothing."""
    idle = set()
    if "initial_h" in spec.inputs and is_zero(facts, scope, spec.inputs["initial_h"]):
        idle.add("initial_h")
    if "sequence_lens" in spec.inputs and spec.seq_length:
        lens = facts.array(scope, spec.inputs["sequence_lens"])
        if lens is not None and (lens == spec.seq_length).all():
            idle.add("sequence_lens")
    return replace(spec, inputs={key: name for key, name in spec.inputs.items() if key not in idle}) if idle else spec


def _kept(choice: choose_form.Choice, site: Site) -> Diagnostic:
    code = choice.code or "GL901"
    return diagnostic(code, site.message, scope=site.scope, node=site.site)
