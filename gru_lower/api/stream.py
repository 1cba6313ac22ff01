"""``gru_lower.stream``: make a sequence model one that runs frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower import interop
from gru_lower.api.comparison_options import OneModel
from gru_lower.api.options import StreamingOptions
from gru_lower.api.report_page import report_page
from gru_lower.api.rewriting_call import rewriting_call
from gru_lower.rewriting.pipelines import streaming
from gru_lower.rewriting.result import restore_kind
from gru_lower.rewriting.rewrite_model import rewrite_model

if TYPE_CHECKING:
    from onnx import ModelProto

    from gru_lower.graph.model import Model
    from gru_lower.rewriting.result import Result


class StreamArguments(StreamingOptions, OneModel):
    """The arguments of :func:`stream`."""


@rewriting_call(StreamingOptions, StreamArguments)
def stream(given: StreamArguments) -> Result[Any]:
    """Make a sequence model one that takes some frames at a time and hands its states on, and check it.

    Decomposed GRUs are fused first. ``report.stream`` lists chunk, lag, inputs, outputs and states, and so does the
    model itself, in ``metadata_props["gru_lower.stream"]``; :class:`gru_lower.streaming.Session` runs it.

    Returns:
        The model and the report. A verdict of ``"different"`` is in the report; nothing is raised for it.

    Raises:
        Remaining: A node needs all of a sequence; the message names each, the axis and the reason.
        InvalidModel: The model cannot be read, or a GRU in it breaks the operator's rules.
        Unsupported: It is not known which axis is time, or an option does not fit the model.

    """
    with report_page(given) as write:
        source = interop.read(given.model)
        result = stream_model(source.model, given)
        write(result.report)
    return restore_kind(result, source)


def stream_model(model: Model, options: StreamingOptions) -> Result[ModelProto]:
    """Do what :func:`stream` does for a model that has been read already.

    Args:
        model: The model; edited in place.
        options: The options.

    """
    return rewrite_model(
        model,
        streaming(options.chunk, options.context, options.time or {}, options.opset),
        options.how_to_verify(),
        options.progress,
        evidence=options.wants_evidence,
        fix_dims=options.fix_dims,
        command="stream",
    )
