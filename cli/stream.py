"""``gru-lower stream``."""

from __future__ import annotations

from typing import Any

from gru_lower.api.options import StreamingOptions
from gru_lower.cli import help_pages
from gru_lower.cli.rewrite_command import rewrite, rewrite_flags


@help_pages.command("stream", short_help="Make a sequence model one that runs frame by frame.")
@rewrite_flags(StreamingOptions, "stream", "chunk", "time", "context", "fix_dims", "opset")
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Make of MODEL, which takes whole sequences, one that takes a few frames at a time, and verify it against MODEL.

    States of GRUs, LSTMs and RNNs and the frames that convolutions look back on become inputs and outputs; what looks
    ahead is delayed. What needs every frame is named, nothing is written, and the exit code is 1.
    """
    from gru_lower.api.stream import stream_model

    return rewrite(o, "stream", StreamingOptions, stream_model)
