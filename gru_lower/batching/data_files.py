"""The files of external data that models on this machine refer to, and what tells their versions apart."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from gru_lower.batching import locations
from gru_lower.errors import GruLowerError

if TYPE_CHECKING:
    from gru_lower.batching.job import Job


def data_marks(job: Job) -> dict[str, str]:
    """Return what tells the versions of a model's external data from others, by the names that the model gives.

    That of models elsewhere is not looked at.
    """
    if locations.is_url(job.model):
        return {}
    path = Path(job.folder, locations.local_path(job.model))
    places = {"/".join(parts): path.parent.joinpath(*parts) for parts in data_files(path)}
    return {name: locations.mark(str(place)) or "" for name, place in places.items()}


def data_files(path: Path) -> list[tuple[str, ...]]:
    """Return the files of a model's external data, by the parts of their paths, as far as a model may name them."""
    import onnx
    from google.protobuf.message import DecodeError

    from gru_lower.graph import external_data
    from gru_lower.graph.bounded_read import read_file
    from gru_lower.graph.model_tensors import tensors
    from gru_lower.graph.set_aside import set_aside

    try:
        if not path.is_file():
            return []
        found = set_aside(path)
        raw, own = (read_file(path), "") if found is None else (found[0], found[1].location)
        proto = onnx.ModelProto.FromString(raw)
        names = {external_data.view(each).location for each in tensors(proto) if external_data.is_external(each)}
    except (DecodeError, GruLowerError, OSError, ValueError):  # which the command will say, in its own words
        return []
    names -= {own}
    odd = {each for each in names if PurePosixPath(each).is_absolute() or "\\" in each or "::" in each or "\0" in each}
    every = (PurePosixPath(name).parts for name in sorted(names - odd))
    return [parts for parts in every if parts and ".." not in parts]  # the command refuses the others
