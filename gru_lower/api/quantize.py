"""``gru_lower.quantize``: make the products of GRUs int8."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gru_lower import interop
from gru_lower.api.comparison_options import OneModel
from gru_lower.api.inspect import find_decomposed
from gru_lower.api.options import QuantizingOptions
from gru_lower.api.report_page import report_page
from gru_lower.api.rewriting_call import rewriting_call
from gru_lower.diagnostics import diagnostic
from gru_lower.errors import Unsupported
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.isolation.memory_size import spelled_size
from gru_lower.rewriting.pipelines import quantizing
from gru_lower.rewriting.result import restore_kind
from gru_lower.rewriting.rewrite_model import rewrite_model
from gru_lower.verification.inputs import given_files
from gru_lower.verification.inputs.given_arrays import fitted

if TYPE_CHECKING:
    from onnx import ModelProto

    from gru_lower.graph.model import Model
    from gru_lower.rewriting.result import Result
    from gru_lower.verification.arrays import Feeds

OF_MODES = (
    ("foldable", False, "weights_only"),
    ("activations", "auto", "static"),
    ("state", "float", "static"),
    ("keep_node", False, "static"),
)
"""Options that belong to one mode: their names, their defaults, and the option that asks for the mode."""


class QuantizeArguments(QuantizingOptions, OneModel):
    """The arguments of :func:`quantize`."""


@rewriting_call(QuantizingOptions, QuantizeArguments)
def quantize(given: QuantizeArguments) -> Result[Any]:
    """Make the products of GRUs int8, where that makes them faster, and compare the model before and after.

    GRU nodes become lowered forms with weights in whole numbers; decomposed ones are to be fused first. What is not a
    GRU is left to quantisers that know it.

    Returns:
        The model and the report. A verdict of ``"different"`` is in the report; nothing is raised for it.

    Raises:
        InvalidModel: The model cannot be read, or a GRU in it breaks the operator's rules.
        Unsupported: An option's value is unknown, or what is given does not fit the model.

    """
    with report_page(given) as write:
        source = interop.read(given.model)
        result = quantize_model(source.model, given)
        write(result.report)
    return restore_kind(result, source)


def quantize_model(model: Model, options: QuantizingOptions) -> Result[ModelProto]:
    """Do what :func:`quantize` does for a model that has been read already.

    Args:
        model: The model; edited in place.
        options: The options.

    """
    _refuse_without_grus(model)
    _refuse_contradictions(options)
    how = options.how_to_verify()
    calibration, expected = _calibration(model, options)
    if how is not None and how.inputs is None and calibration is not None:
        how = replace(how, inputs=calibration, expected=expected, inputs_are="calibration")
    before = model.data_size()
    result = rewrite_model(
        model,
        quantizing(
            _mode(options),
            opset=options.opset,
            form=options.form,
            zero_length_state=options.zero_length_state,
            every=options.all,
            reduce_range="yes" if options.reduce_range else "no",
            batch_hint=options.batch_hint,
            weights=options.weights,
            dialect=options.dialect,
            activations=options.activations,
            state=options.state,
            **{name: "yes" for name in ("foldable", "keep_node") if getattr(options, name)},
            **({} if options.max_nodes is None else {"max_nodes": options.max_nodes}),
        ),
        how,
        options.progress,
        evidence=options.wants_evidence,
        fix_dims=options.fix_dims,
        command="quantize",
        calibration=calibration,
    )
    after = model.data_size()
    result.report.sizes = {"before": before, "after": after}
    if after > before:
        result.report.diagnostics.append(
            diagnostic("GL978", f"the model is larger: {spelled_size(before)} became {spelled_size(after)}")
        )
    return result


def _mode(options: QuantizingOptions) -> str:
    in_browser = options.engine == "wasm" and options.static is None
    return "weights-only" if options.weights_only or in_browser else "dynamic" if options.static is None else "static"


def _refuse_contradictions(options: QuantizingOptions) -> None:
    """Refuse options that say nothing in the mode that is asked for.

    Raises:
        Unsupported: Naming both.

    """
    if options.weights_only and options.static is not None:
        hint = "weights only: no calibration; or QuantizeLinear with fixed scales: --static CASES.npz"
        raise Unsupported("weights_only and static exclude each other", code="GL008", hint=hint)
    mode = _mode(options)
    if options.weights == "int4" and mode != "dynamic":
        hint = f"leave --{mode} out, or take --weights int8"
        raise Unsupported("int4 weights are for products that round when the model runs", code="GL008", hint=hint)
    for name, default, belongs_to in OF_MODES:
        if getattr(options, name) != default and mode != belongs_to.replace("_", "-"):
            flag, beside = (f"--{each.replace('_', '-')}" for each in (name, belongs_to))
            raise Unsupported(
                f"{name} says nothing without {beside}", code="GL008", hint=f"add {beside}, or leave {flag} out"
            )


def _calibration(model: Model, options: QuantizingOptions) -> tuple[list[Feeds] | None, list[Feeds] | None]:
    """Return the inputs to calibrate on, and what is right for their outputs, where the file says so."""
    if options.static is None:
        return None, None
    if isinstance(options.static, (str, os.PathLike)):
        cases, expected = given_files.read(Path(options.static), model.proto)
        return cases, expected if any(expected) else None
    cases = [fitted(model.proto, case) for case in options.static]
    if not cases:
        raise Unsupported("there are no calibration inputs", code="GL336", hint="give one dict of arrays at least")
    return cases, None


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
