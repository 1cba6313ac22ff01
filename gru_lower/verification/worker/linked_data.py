"""External data that is a link, as in a cache of downloads, named by where it really is.

onnxruntime reads a model that is handed over in memory together with a folder, and takes no data from outside that
folder, links followed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from gru_lower.graph import external_data
from gru_lower.graph.model_tensors import tensors

if TYPE_CHECKING:
    from collections.abc import Iterator


def has_links(folder: Path) -> bool:
    """Whether anything in a folder, or in one right below it, is a link."""
    return any(_links(folder, depth=1))


def with_real_places(model: bytes, base_dir: Path) -> tuple[bytes, Path]:
    """Return a model whose external data is named by where it really is, and the folder that the names are relative to.

    Args:
        model: A serialised model.
        base_dir: The folder its external data lies in, or seems to.

    Returns:
        Both as they are where all of it is where it seems to be.

    """
    proto = onnx.ModelProto.FromString(model)
    outside = [tensor for tensor in tensors(proto) if external_data.is_external(tensor)]
    places = {
        location: (base_dir / location).resolve()
        for location in {external_data.view(tensor).location for tensor in outside}
    }
    if all(place.is_relative_to(base_dir.resolve()) for place in places.values()):
        return model, base_dir
    common = Path(os.path.commonpath([base_dir.resolve(), *places.values()]))
    for tensor in outside:
        where = external_data.view(tensor)
        there = places[where.location].relative_to(common).as_posix()
        external_data.set_view(tensor, external_data.View(there, where.offset, where.length))
    return proto.SerializeToString(), common


def _links(folder: Path, depth: int) -> Iterator[bool]:
    """Yield whether each entry of a folder is a link, of those of its folders as well."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        yield entry.is_symlink()
        if depth and entry.is_dir(follow_symlinks=False):
            yield from _links(Path(entry.path), depth - 1)
