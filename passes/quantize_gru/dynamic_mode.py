"""The mode ``dynamic``: lowered forms whose products are of whole numbers, the left side quantised at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.gru.constant_inputs import constant_inputs
from gru_lower.passes.lower_gru.choose_form import Choice
from gru_lower.passes.lower_gru.lower_gru import LowerGru
from gru_lower.passes.lower_gru.lower_options import LowerOptions
from gru_lower.passes.lower_gru.products import Products
from gru_lower.passes.quantize_gru.costs import costs

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.base import Context, PassResult
    from gru_lower.passes.quantize_gru.quantize_options import QuantizeOptions

DYNAMIC_QUANTIZE_LINEAR = 11
"""The opset from which DynamicQuantizeLinear is there."""


def quantise_dynamically(model: Model, options: QuantizeOptions, ctx: Context) -> PassResult:
    """Lower GRUs with products in whole numbers.

    Args:
        model: The model; edited in place.
        options: The pass's.
        ctx: What passes share.

    """
    return _Quantising(options).run(model, ctx)


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
            return Choice("", "int8 products give float32, which it is not", "GL322")
        constants = constant_inputs(scope, spec, facts)
        computed = [key for key in ("W", "R", "B") if key in spec.inputs and key not in constants]
        if computed:
            return Choice("", f"{' and '.join(computed)} are no constants", "GL323")
        batch = self._asked.batch_hint or None if spec.batch_size is None else spec.batch_size
        least = costs().least_hidden(spec.seq_length, batch)
        if self._asked.all == "no" and spec.hidden_size < least:
            return Choice("", f"int8 would not make it faster: its H is {spec.hidden_size}, less than {least}", "GL325")
        return self._products(costs().input_terms(spec.hidden_size, spec.seq_length))

    def _products(self, terms: int) -> Products:
        """Return how products are computed; seven bits of X leave the weights all of theirs."""
        if self._asked.weights == "uint8":
            return Products("dynamic", "uint8", "uint8", terms)
        if self._asked.reduce_range == "no":
            return Products("dynamic", "int8", "int8", terms)
        return Products("dynamic", "int8 in seven bits" if terms == 1 else "int8", "int8 in seven bits", terms)
