"""What a call takes as text, as the command line does: a size of memory, and a file of inputs."""

from __future__ import annotations

import os
from pathlib import Path

from gru_lower.errors import Unsupported
from gru_lower.isolation.memory_size import HOW_TO_WRITE, bytes_of


def read_texts(given: object) -> None:
    """Put numbers and arrays where texts were given; a model that has to be read for them is put in its place, too.

    Args:
        given: The arguments of a call, which are changed.

    Raises:
        Unsupported: A size is none.
        BadInputs: A file cannot be read, or does not fit the model.

    """
    said = vars(given)
    memory, inputs = said.get("memory"), said.get("inputs")
    if isinstance(memory, str):
        said["memory"] = bytes_of(memory)
        if said["memory"] is None:
            raise Unsupported(f"memory cannot be {memory!r}", code="GL008", hint=HOW_TO_WRITE)
    if isinstance(inputs, (str, os.PathLike)):
        from gru_lower import interop
        from gru_lower.verification.inputs import given_files

        name = "model" if "model" in said else "a"
        said[name] = interop.read(said[name])
        said["inputs"], expected = given_files.read(Path(inputs), said[name].model.proto)
        if "expected" in said and said["expected"] is None:
            said["expected"] = expected
