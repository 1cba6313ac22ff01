"""The options of :func:`gru_lower.batch`, each declared once: see options.py."""

from collections.abc import Sequence
from typing import Annotated

from gru_lower.api.comparison_options import MemoryOption
from gru_lower.api.declared_options import Doc, Options
from gru_lower.api.report_options import EvidenceOptions


class ManyModels(Options):
    """The models that a command is run over."""

    models: Annotated[
        str | Sequence[str],
        Doc(
            "The models: paths and URLs that fsspec knows, with ``*``, ``?``, ``[abc]``, and ``**`` for any number of "
            "folders; one, or several."
        ),
    ]


class BatchOptions(MemoryOption, EvidenceOptions, kw_only=True):
    """Options of :func:`gru_lower.batch`."""

    do: Annotated[
        str | Sequence[str],
        Doc(
            "What to do with each: a command and its options as on the command line, without a model and an output.",
            flag='The command and its options: "lower --target portable".',
        ),
    ]
    out: Annotated[
        str | None,
        Doc(
            "The folder for results, a path or a URL: each goes to the model's path below the longest folder before "
            "the first wildcard.",
            flag="The folder for results: each has the model's path below the first wildcard's folder.",
        ),
    ] = None
    cluster: Annotated[
        str,
        Doc(
            "Where to run: ``local`` for workers that are started on this machine, ``none`` for this process, or the "
            "address of a Dask scheduler.",
            flag="Where to run: local for workers of its own, none for this process, tcp://... for a Dask scheduler.",
        ),
    ] = "local"
    workers: Annotated[
        int | None,
        Doc("How many workers to start on this machine.", default="one a core", least=1),
    ] = None
    time_limit: Annotated[
        float,
        Doc("Seconds that one model may take; 0 for no limit.", least=0),
    ] = 1800.0
    journal: Annotated[
        str | None,
        Doc(
            "The file into which results are entered as they come, and from which a second run resumes.",
            default="gru-lower-batch.jsonl in a local out, or in this folder",
        ),
    ] = None
    retry_failed: Annotated[bool, Doc("Do models again that failed in an earlier run.")] = False
