"""``gru_lower.quantize``: make the products of GRUs int8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower import interop
from gru_lower.api.inspect import find_decomposed
from gru_lower.api.options import OneModel, QuantizingOptions
from gru_lower.api.public_call import public_call
from gru_lower.errors import Unsupported
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.rewriting.pipelines import quantizing
from gru_lower.rewriting.result import restore_kind
from gru_lower.rewriting.rewrite_model import rewrite_model

if TYPE_CHECKING:
    from gru_lower.graph.model import Model
    from gru_lower.rewriting.result import Result


class QuantizeArguments(QuantizingOptions, OneModel):
    """The arguments of :func:`quantize`."""


@public_call(QuantizeArguments)
def quantize(given: QuantizeArguments) -> Result:
    """Make the products of GRUs int8, where that makes them faster, and compare the model before and after.

    GRU nodes become lowered forms with weights in whole numbers; decomposed ones are to be fused first. What is not a
    GRU is left to quantisers that know it.

    Returns:
        The model and the report. A verdict of ``"different"`` is in the report; nothing is raised for it.

    Raises:
        InvalidModel: The model cannot be read, or a GRU in it breaks the operator's rules.
        Unsupported: An option's value is unknown, or what is given does not fit the model.

    """
    source = interop.read(given.model)
    return restore_kind(quantize_model(source.model, given), source)


def quantize_model(model: Model, options: QuantizingOptions) -> Result:
    """Do what :func:`quantize` does for a model that has been read already.

    Args:
        model: The model; edited in place.
        options: The options.

    """
    _refuse_without_grus(model)
    return rewrite_model(
        model,
        quantizing(
            "dynamic",
            opset=options.opset,
            form=options.form,
            zero_length_state=options.zero_length_state,
            every=options.all,
            reduce_range="yes" if options.reduce_range else "no",
            batch_hint=options.batch_hint,
            **({} if options.max_nodes is None else {"max_nodes": options.max_nodes}),
        ),
        options.how_to_verify(),
        options.progress,
        fix_dims=options.fix_dims,
        command="quantize",
    )


def _refuse_without_grus(model: Model) -> None:
    """Refuse a model in which there is no GRU node.

    Raises:
        Unsupported: With a hint at what there is instead.

    """
    if any(is_onnx(node, "GRU") for scope in walk(model.proto) for node in scope.nodes):
        return
    decomposed = sum(site.action == "fused" for site in find_decomposed(model))
    text = "there is no GRU node in this model" + (f", but {decomposed} decomposed" if decomposed else "")
    hint = "fuse first: gru-lower fuse" if decomposed else "onnxruntime's quantize_dynamic takes MatMul, Gemm and LSTM"
    raise Unsupported(text, code="GL324", hint=hint)
