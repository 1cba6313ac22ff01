"""The mode ``dynamic``: lowered forms whose products are of whole numbers, the left side quantised at run time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.errors import Unsupported
from gru_lower.graph.model import Model
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import subgraphs
from gru_lower.graph.tensor_size import byte_size
from gru_lower.passes.base import Context
from gru_lower.passes.lower_gru.choose_form import Choice
from gru_lower.passes.lower_gru.forms.quantised_product import OWN_DOMAIN
from gru_lower.passes.lower_gru.four_bit_weights import BLOCK
from gru_lower.passes.lower_gru.lower_gru import LowerGru
from gru_lower.passes.lower_gru.lower_options import LowerOptions
from gru_lower.passes.lower_gru.products import Products
from gru_lower.passes.quantize_gru.all_states import putting_out, with_all_states
from gru_lower.passes.quantize_gru.costs import costs
from gru_lower.passes.quantize_gru.quantisable_weights import why_not_quantisable
from gru_lower.verification.sites.quantisation import Quantisation
from gru_lower.verification.sites.site import Change
from gru_lower.verification.sites.site_models import site_pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.base import PassResult
    from gru_lower.passes.lower_gru.products import Dialect, WeightType
    from gru_lower.passes.quantize_gru.quantize_options import QuantizeOptions
    from gru_lower.verification.sites.site import Site, SitePair

WHOLE = (TensorProto.INT8, TensorProto.UINT8, TensorProto.INT4, TensorProto.UINT4)
"""The types of weights in whole numbers."""
SCALE = 4
"""Bytes of a scale."""
MATRIX = 2
DYNAMIC_QUANTIZE_LINEAR = 11
"""The opset from which DynamicQuantizeLinear is there."""
INT4, INT4_IR_VERSION = 21, 10
"""The opset and the IR version from which there is int4."""


def quantise_dynamically(model: Model, options: QuantizeOptions, ctx: Context) -> PassResult:
    """Lower GRUs with products in whole numbers.

    Args:
        model: The model; edited in place.
        options: The pass's.
        ctx: What passes share.

    """
    kept = replace(ctx, keep_changes=True)
    result = _Quantising(options).run(model, kept)
    for site in result.sites:
        change = site.change
        if site.action != "quantised" or not isinstance(change, Change):
            continue
        site.quantisation = _quantisation(change, options.weights)
        if ctx.keep_changes and not change.spec.Y:
            site.change = _with_all_states(site, change, model, options, kept)
        site.change = site.change if ctx.keep_changes else None
    if result.modified and options.dialect == "ort":
        import_domain(model)
    if result.modified and options.weights == "int4":
        model.proto.ir_version = max(model.proto.ir_version, INT4_IR_VERSION)
    return result


def _quantisation(change: Change, weights: str) -> Quantisation:
    """Return what was done to a GRU: its weights in whole numbers, with their scales."""
    tensors = [*change.initializers, *_body_initializers(change.nodes)]
    whole = [tensor for tensor in tensors if tensor.data_type in WHOLE and len(tensor.dims) > 1]
    before = sum(byte_size(change.constants[key]) for key in ("W", "R"))
    after = sum(byte_size(tensor) + SCALE * _scales(tensor) for tensor in whole)
    return Quantisation("dynamic", weights, before, after)


def _scales(tensor: TensorProto) -> int:
    """Return how many scales a matrix has: one a column, or one a column and block where it has four bits."""
    if tensor.data_type == TensorProto.INT4:
        return int(-(-tensor.dims[0] // BLOCK) * tensor.dims[1])
    return int(tensor.dims[0] * tensor.dims[1] if len(tensor.dims) > MATRIX else tensor.dims[-1])


def _body_initializers(nodes: Iterable[NodeProto]) -> Iterator[TensorProto]:
    for node in nodes:
        for _, body in subgraphs(node):
            yield from body.initializer
            yield from _body_initializers(body.node)


def _with_all_states(
    site: Site, change: Change, model: Model, options: QuantizeOptions, ctx: Context
) -> Change | SitePair | None:
    """Return the change of a GRU as it would be if it put out the states of all steps, to tell its errors by."""
    whole = with_all_states(change.spec, Names(model.proto))
    asking = replace(change, spec=whole, original=putting_out(change.original, whole), nodes=[])
    pair = site_pair(replace(site, change=asking), model.ir_version, model.base_dir, "zero")
    if pair is None:
        return change
    alone = Model(pair.original, path=model.path)
    found = _Quantising(options).run(alone, replace(ctx, progress=Context().progress)).sites
    return found[0].change if found and found[0].action == "quantised" else change


def import_domain(model: Model) -> None:
    """Let the model, and its functions, have onnxruntime's own operators."""
    for imports in (model.proto.opset_import, *(function.opset_import for function in model.proto.functions)):
        if OWN_DOMAIN not in {entry.domain for entry in imports}:
            imports.add(domain=OWN_DOMAIN, version=1)


class _Quantising(LowerGru):
    """Lowering with products in whole numbers, of those GRUs that can be quantised and are faster then."""

    action = "quantised"

    def __init__(self, options: QuantizeOptions) -> None:
        super().__init__(
            LowerOptions(
                form=options.form,
                zero_length_state=options.zero_length_state,
                batch_hint=options.batch_hint,
                max_nodes=options.max_nodes,
            )
        )
        self._asked = options

    def products_for(self, scope: Scope, spec: GruSpec, facts: Facts) -> Products | Choice:
        if scope.opset < DYNAMIC_QUANTIZE_LINEAR:
            return Choice("", f"its opset is {scope.opset}; int8 needs {DYNAMIC_QUANTIZE_LINEAR}", "GL321")
        if spec.elem_type != TensorProto.FLOAT:
            return Choice("", f"it is computed in {spec.type_name}; only float32 GRUs are quantised", "GL322")
        unfit = why_not_quantisable(scope, spec, facts, ("W", "R", "B"))
        if unfit is not None:
            return Choice("", unfit.reason, unfit.code)
        self._refuse_four_bits(scope)
        batch = self._asked.batch_hint or None if spec.batch_size is None else spec.batch_size
        least = costs().least_hidden(spec.seq_length, batch)
        if self._asked.all == "no" and spec.hidden_size < least:
            return Choice("", f"int8 would not make it faster: its H is {spec.hidden_size}, less than {least}", "GL325")
        # All of them are quantised for size: then nothing but the error counts.
        terms = 2 if self._asked.all == "yes" else costs().input_terms(spec.hidden_size, spec.seq_length)
        return self._products(terms)

    def _products(self, terms: int) -> Products:
        """Return how products are computed; seven bits of X leave the weights all of theirs."""
        dialect: Dialect = "ort" if self._asked.dialect == "ort" else "onnx"
        if self._asked.weights == "int4":  # what is multiplied is not rounded by us
            return Products("dynamic", "int4", "int4", 1, dialect)
        if self._asked.weights == "uint8":
            return Products("dynamic", "uint8", "uint8", terms, dialect)
        if self._asked.reduce_range == "no":
            return Products("dynamic", "int8", "int8", terms, dialect)
        of_input: WeightType = "int8 in seven bits" if terms == 1 else "int8"
        return Products("dynamic", of_input, "int8 in seven bits", terms, dialect)

    def _refuse_four_bits(self, scope: Scope) -> None:
        if self._asked.weights == "int4" and self._asked.dialect == "onnx" and scope.opset < INT4:
            raise Unsupported(
                f"int4 weights need opset {INT4}, the model has {scope.opset}",
                code="GL326",
                hint=f"convert it: --opset {INT4}, or write onnxruntime's own operators: --dialect ort",
            )
