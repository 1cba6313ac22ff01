"""``gru_lower.batch``: one command over many models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from gru_lower.api.batch_options import BatchOptions, ManyModels
from gru_lower.api.public_call import public_call
from gru_lower.api.report_page import file_for
from gru_lower.batching.batch import Batch, Settings


class BatchArguments(BatchOptions, ManyModels):
    """The arguments of :func:`batch`."""


@public_call(BatchArguments)
def batch(given: BatchArguments) -> Batch:
    """Run a command over many models, on workers of this machine or a cluster.

    Returns:
        An iterable: iterating runs the command, and yields what came of each model as it comes, those first that an
        earlier run has done: its ``model``, ``output``, ``exit_code``, ``report`` and ``error``. What is wrong with a
        model is in its outcome; nothing is raised for it.

    Raises:
        Unsupported: The command is not understood, no model is there, two results would have the same place, or, as
            soon as it is iterated, workers cannot be had or do not see what they need.

    """
    return batch_of(given)


def batch_of(given: BatchArguments) -> Batch:
    """Do what :func:`batch` does; what is refused is said in the words of the command line."""
    patterns = [given.models] if isinstance(given.models, (str, os.PathLike)) else given.models
    settings = Settings(
        out=None if given.out is None else os.fspath(given.out),
        cluster=given.cluster,
        workers=given.workers,
        seconds=given.time_limit,
        memory=cast("int", given.memory or 0),
        journal=None if given.journal is None else Path(given.journal),
        retry=given.retry_failed,
        evidence=given.wants_evidence,
        report=None if given.report is None else file_for(given.report),
    )
    return Batch([os.fspath(each) for each in patterns], given.do, settings)
