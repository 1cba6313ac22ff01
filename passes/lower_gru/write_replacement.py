"""Writing the subgraph that replaces one GRU: its variant, its weights, and the templates of the form chosen."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import TensorProto

from gru_lower.emission.instantiate_template import Assembly
from gru_lower.emission.operator_vocabulary import vocabulary_of
from gru_lower.emission.template import op_types_of
from gru_lower.graph import splice, tensor_values
from gru_lower.graph.fold_constants import fold_constants
from gru_lower.gru.constant_inputs import constant_inputs
from gru_lower.passes.lower_gru import quantised_gates
from gru_lower.passes.lower_gru.batch_first import is_batch_first
from gru_lower.passes.lower_gru.choose_form import Choice
from gru_lower.passes.lower_gru.choose_mask import choose_mask
from gru_lower.passes.lower_gru.choose_packing import UNPACKED, choose_packing, packed, peels
from gru_lower.passes.lower_gru.costs import costs
from gru_lower.passes.lower_gru.forms import sequence_lens_masks
from gru_lower.passes.lower_gru.forms.quantised_product import OWN_DOMAIN
from gru_lower.passes.lower_gru.gate_weights import (
    gate_arrays,
    gate_tensors,
    joined_tensors,
    transposed,
    with_negative_biases,
)
from gru_lower.passes.lower_gru.integer_weights import integer_tensors
from gru_lower.passes.lower_gru.products import FLOAT
from gru_lower.passes.lower_gru.shared_weights import WeightsOfSite
from gru_lower.passes.lower_gru.variant import variant_of
from gru_lower.verification.sites.site import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.emission.template import Binding
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.graph.names import Names
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.quantised_weights import QuantisedWeights
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.lower_gru.lower_options import LowerOptions
    from gru_lower.passes.lower_gru.products import Products
    from gru_lower.passes.lower_gru.shared_weights import SharedWeights
    from gru_lower.passes.lower_gru.variant import Variant

Array = np.ndarray[Any, np.dtype[Any]]
MOST_ZEROS = 2048
"""The largest B·H whose unread states start from zeros in the file, beside weights of a byte each."""


class Replacement(NamedTuple):
    """What replaces a GRU.

    Attributes:
        edit: The edit that puts it there.
        change: The same for verification, if it is run by itself.
        node_count: How many nodes it has, bodies included.

    """

    edit: splice.Edit
    change: Change | None
    node_count: int


def write_replacement(
    model: Model,
    scope: Scope,
    index: int,
    spec: GruSpec,
    form: str,
    options: LowerOptions,
    facts: Facts,
    names: Names,
    shared: SharedWeights,
    *,
    quantised: Mapping[str, QuantisedWeights],
    products: Products = FLOAT,
    runs: bool = True,
    reads: bool = True,
) -> Replacement | Choice:
    """Write what replaces one GRU.

    Args:
        model: The model, which is left as it is.
        scope: Where the GRU stands.
        index: Its place among the scope's nodes.
        spec: The GRU, without inputs that change nothing.
        form: One of ``scan``, ``loop``, ``unroll`` and ``step``.
        options: The pass's.
        facts: The side table of the model.
        names: The model's names.
        shared: The weights that several GRUs share.
        quantised: Those of W and R that stay quantised.
        products: How products are computed; in whole numbers only with constant weights.
        runs: Whether the replacement is run by itself: then large external matrices that it has transposed are read.
        reads: Whether they can be: the model with all of them would be one message.

    Returns:
        The replacement, or why there is none: it needs an operator that may not be written.

    """
    node = facts.node(scope, index)
    constants = constant_inputs(scope, spec, facts)
    weights = {key: tensor for key, tensor in constants.items() if key in ("W", "R", "B")}
    v = _variant(spec, scope.opset, weights, options, _known_lengths(spec, form, options, scope, facts))
    if options.axes == "guessed" and {"W", "R"} & v.dynamic and not v.vocabulary.has("Gemm"):
        return Choice("", "computed weights need Gemm here, which may not be written", "GL307", ("Gemm",))
    v = _with_products(v, form, products)
    if form in ("unroll", "step"):
        v = _with_axes(v, options, batch_first=is_batch_first(scope, spec.inputs["X"]))
    quantised = {
        key: each
        for key, each in quantised.items()
        if not products.joins_gates and quantised_gates.may_stay(each, v.opset, v.vocabulary)
    }
    if quantised:
        v = replace(v, quantised=frozenset(quantised), gates="apart", projection="apart")
    if form in ("unroll", "step"):
        v = replace(v, resets=v.needs_reset)
    packing = "none"
    if form == "scan":
        packing = choose_packing(spec, v, options.packing, _batch(spec, options), constants, facts)
        v = _packed_variant(spec, v, packing, options)
    packs = packing not in UNPACKED
    cut = {key: tensor for key, tensor in weights.items() if key not in quantised and not (packs and key == "R")}
    bindings = shared.once(scope, spec, ("cut", v, packs), lambda: _cut_weights(spec, v, cut, model))
    turns = not v.vocabulary.has("Gemm") and not products.joins_gates
    if turns:
        bindings |= transposed(bindings, model.base_dir, read=runs and reads)
    gates = {
        gate: tensors
        for key, each in quantised.items()
        for gate, tensors in quantised_gates.cut_gates(spec, key, each, transposed=turns).items()
    }
    bindings |= {name: tensor for tensors in gates.values() for name, tensor in tensors.items()}
    bindings |= {key: name for key, name in spec.inputs.items() if key not in weights}
    results = {key: name for key, name in (("Y", spec.Y), ("Y_h", spec.Y_h)) if name}
    own = _unshared(v, form)
    weights_of_site = WeightsOfSite(shared, scope, spec, bindings, own)
    assembly = Assembly(scope, names, names.prefix(node.name or spec.Y or spec.Y_h), weights_of_site)
    if gates:
        bindings |= assembly.add(quantised_gates.template(v.opset, v.elem_type, tuple(gates), turns), bindings)
    if form == "scan":
        if packs:
            bindings |= shared.once(
                scope,
                spec,
                (packing, v),
                partial(_packed_weights, v, packing, spec, weights["R"], dict(bindings), model),
            )
        _add_scan(assembly, v, packing, bindings, results)
    else:
        _add_loop_or_steps(assembly, v, form, bindings, results)
    edit, op_types = splice.Edit(scope, [index], [], part=assembly.part), assembly.op_types
    given = constants if v.plain else {}
    if runs or given or options.vocabulary != "gemm" or not assembly.is_final:
        edit = _edit_of(assembly, index, {spec.inputs[key]: tensor for key, tensor in given.items()}, results, facts)
        op_types = tuple(op_types_of(edit.nodes))
    lacking = v.vocabulary.lacking(dict.fromkeys(op_types))
    if lacking:
        needed = " and ".join(filter(None, (", ".join(lacking[:-1]), lacking[-1])))
        return Choice("", f"form {form} needs {needed} here, which may not be written", "GL307", tuple(lacking))
    weights_of_site.add()
    with_shared = [*edit.initializers, *weights_of_site.constants]
    change = Change(spec, spec.narrowed(node), edit.nodes, with_shared, constants, _opsets(v, scope)) if runs else None
    return Replacement(edit, change, len(op_types))


def _cut_weights(spec: GruSpec, v: Variant, weights: dict[str, TensorProto], model: Model) -> dict[str, Binding]:
    """Return constant weights as the tensors that the variant's templates name."""
    if v.products.joins_gates:
        return dict(integer_tensors(spec, weights, model.base_dir, v.products))
    if (v.gates, v.projection) != ("apart", "apart"):
        return joined_tensors(spec, weights, model.base_dir, v)
    gates = gate_tensors(spec, weights, model.base_dir)
    return dict(with_negative_biases(gates) if v.subtracts_bias else gates)


def _packed_variant(spec: GruSpec, v: Variant, packing: str, options: LowerOptions) -> Variant:
    """Return the variant with what a packing makes of its Scan."""
    v = packed(v, packing)
    return replace(v, peeled=True) if packing in UNPACKED and peels(spec, v, options.packing) else v


def _add_loop_or_steps(
    assembly: Assembly, v: Variant, form: str, bindings: dict[str, Binding], results: dict[str, str]
) -> None:
    """Add a Loop, or unrolled steps."""
    if form == "loop":
        from gru_lower.passes.lower_gru.forms import loop  # each form is loaded when it is written

        assembly.add(loop.template(v), bindings, results)
    else:
        from gru_lower.passes.lower_gru.forms import unroll

        unroll.assemble(assembly, v, bindings, results)


def _add_scan(
    assembly: Assembly, v: Variant, packing: str, bindings: dict[str, Binding], results: dict[str, str]
) -> None:
    """Add a Scan and what stands around it."""
    from gru_lower.passes.lower_gru.forms import scan

    template = scan.template if packing in UNPACKED else _packed_form(packing).template
    assembly.add(template(v), bindings, results)


def _packed_form(packing: str) -> Any:  # noqa: ANN401 - a module
    from gru_lower.passes.lower_gru.forms import scan_packed_block, scan_packed_double, scan_packed_triple

    return {"double": scan_packed_double, "triple": scan_packed_triple}.get(packing, scan_packed_block)


def _packed_weights(
    v: Variant, packing: str, spec: GruSpec, r: TensorProto, bindings: dict[str, Binding], model: Model
) -> dict[str, Binding]:
    """Return the packed weights of a Scan's body, of R and what was cut of W and B."""
    others = _arrays(bindings, model, recurrent=packing != "triple")
    arrays = others | gate_arrays(spec, r, model.base_dir)
    packed_weights: dict[str, Binding] = _packed_form(packing).weights(v, arrays)
    return packed_weights


def _edit_of(
    assembly: Assembly, index: int, given: Mapping[str, TensorProto], results: Mapping[str, str], facts: Facts
) -> splice.Edit:
    """Return the edit that puts messages in the place of a GRU.

    What is made of the model's own constants is folded for targets; onnxruntime does that itself, and proofs read it.
    What nobody reads is left out.

    Args:
        assembly: The replacement.
        index: The GRU's place among the nodes.
        given: The constants of the model that are folded.
        results: The names of its outputs.
        facts: The side table of the model.

    """
    graph, scope = assembly.graph(), assembly.scope
    nodes, initializers = fold_constants(
        graph.node, graph.initializer, given, results.values(), scope.opsets, facts.read_inside
    )
    made = {name for node in nodes for name in node.output}
    return splice.Edit(scope, [index], nodes, initializers, [each for each in graph.value_info if each.name in made])


def _known_lengths(
    spec: GruSpec, form: str, options: LowerOptions, scope: Scope, facts: Facts
) -> tuple[int, ...] | None:
    """Return constant sequence_lens where every step is written by itself, for a target."""
    name = spec.inputs.get("sequence_lens", "")
    if options.packing != "plain" or form not in ("unroll", "step") or not name or not spec.seq_length:
        return None
    lens = facts.array(scope, name)
    return None if lens is None else tuple(min(max(int(length), 0), spec.seq_length) for length in lens.flat)


def unrolled_variant(scope: Scope, spec: GruSpec, options: LowerOptions, facts: Facts) -> Variant:
    """Return what is unrolled of a GRU, as its templates are authored for; without lengths that are known.

    Args:
        scope: Where the GRU stands.
        spec: The GRU, without inputs that change nothing.
        options: The pass's.
        facts: The side table of the model.

    """
    constants = constant_inputs(scope, spec, facts)
    weights = {key: tensor for key, tensor in constants.items() if key in ("W", "R", "B")}
    lens = _known_lengths(spec, "unroll", options, scope, facts)
    v = _variant(spec, scope.opset, weights, options, lens)
    return replace(v, mask="", lens=(), seq_length=max(v.lens, default=0)) if v.mask == "rows" else v


def _variant(
    spec: GruSpec, opset: int, weights: dict[str, TensorProto], options: LowerOptions, lens: tuple[int, ...] | None
) -> Variant:
    dynamic = frozenset({"W", "R", "B"} & spec.inputs.keys() - weights.keys())
    vocabulary = vocabulary_of(options.vocabulary, options.forbid, options.bounded)
    if options.axes == "guessed" and vocabulary.name == "matmul" and dynamic & {"W", "R"}:
        vocabulary = replace(vocabulary, name="gemm")  # it turns weights by itself; a Transpose of square ones is lost
    # For a target, no operator is written for lengths that are known.
    finite = lens is not None and options.packing == "plain"
    mask = choose_mask(spec, "where" if finite else options.mask, known=lens is not None)
    plain = options.packing == "plain"
    # Preallocated values are for onnxruntime, which a vocabulary without Gemm is not written for.
    for_onnxruntime = not plain and vocabulary.has("Gemm")
    preallocates = for_onnxruntime and costs().preallocates(spec.hidden_size, _batch(spec, options))
    rows = lens if mask == "rows" and lens is not None else ()
    apart = bool(dynamic) or (options.gates, options.projection) == ("apart", "apart")
    joined = {} if apart else {"gates": options.gates, "projection": options.projection, "preallocates": False}
    v = variant_of(
        spec,
        opset,
        dynamic,
        mask,
        options.zero_length_state,
        vocabulary=vocabulary,
        plain=plain,
        lens=rows,
        **{"preallocates": preallocates, **joined},
    )
    if v.projection != "with-state":
        return v
    return replace(v, gates="joined") if v.may_join_x else v.without_joined_x


def _opsets(v: Variant, scope: Scope) -> dict[str, int]:
    """Return the opsets that what is written stands on, by domain."""
    return scope.opsets | {OWN_DOMAIN: 1} if v.products.dialect == "ort" else scope.opsets


def _unshared(v: Variant, form: str) -> tuple[str, ...]:
    """Return which of W, R and B stand where they are read, whatever other GRUs read them."""
    if v.products.recurrent_weights == "int4" and v.products.dialect == "onnx":
        # onnxruntime 1.32 does not load a body whose DequantizeLinear of int4 reads a constant from outside.
        return ("W", "R")
    # A body that every runtime with a Scan takes has its weights in itself.
    return ("R", "B") if form == "scan" and v.plain else ()


@lru_cache(1 << 8)
def _with_products(v: Variant, form: str, products: Products) -> Variant:
    """Return the variant with its products; what only speeds up a Scan may not outgrow weights of a byte each."""
    if form not in ("unroll", "step"):
        v = v.without_joined_x
    if products.joins_gates:
        v = replace(v, gates="apart", projection="apart")
    small = not products.joins_gates or (v.batch_size or 0) * v.hidden_size <= MOST_ZEROS
    return replace(v, products=products, preallocates=v.preallocates and small, resets=True)


def _with_axes(v: Variant, options: LowerOptions, *, batch_first: bool) -> Variant:
    """Return the variant of an unrolled GRU with the axes of its states: lengths and Gemm leave no choice."""
    if v.products.joins_gates:
        # Of one step, X, state and Y_h have the same axes: nothing is to be reshaped.
        return replace(v, state_rank=3, batch_major=bool(v.layout)) if v.seq_length == 1 and not v.mask else v
    multiplies = v.mask == "where" and options.mask == "multiply" and sequence_lens_masks.can_multiply(v)
    v = replace(v, multiplies=multiplies, guessed=options.axes == "guessed" and v.mask != "gate")
    if not v.seq_length or v.batch_size == 0:
        return v
    batch_major = bool(v.layout) or batch_first
    if v.mask or v.vocabulary.name == "gemm":
        return replace(v, batch_major=batch_major) if v.guessed else v
    gathers = options.steps == "gather" and v.seq_length > 1
    return replace(v, state_rank=options.state_rank, batch_major=batch_major, gathers=gathers)


def _batch(spec: GruSpec, options: LowerOptions) -> int | None:
    """Return the batch size to expect."""
    return spec.batch_size if spec.batch_size is not None else options.batch_hint or None


def _arrays(bindings: dict[str, Binding], model: Model, *, recurrent: bool) -> dict[str, Array]:
    """Return the weights among a template's bindings as arrays, or only R and Rbh; these are read, not sliced."""
    return {
        name: tensor_values.to_array(tensor, model.base_dir)
        for name, tensor in bindings.items()
        if isinstance(tensor, TensorProto) and (not recurrent or name.removeprefix("reverse_").startswith("R"))
    }
