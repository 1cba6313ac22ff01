"""Weights on disk: safetensors, which torch and mlx load as they are, or npz; the configuration travels along."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.errors import InvalidModel
from gru_lower.frameworks.cell import dtype_named
from gru_lower.graph.files import AtomicFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gru_lower.frameworks.cell import Weights

KEY = "gru_lower"
"""Under which the configuration stands: in safetensors' metadata, or as one more array of an npz."""
SAFETENSORS, NPZ = ".safetensors", ".npz"


def to_bytes(weights: Weights, framework: str, config: Mapping[str, Any], suffix: str) -> bytes:
    """Serialise weights with the configuration that goes with them.

    Args:
        weights: Arrays by name.
        framework: Whose names these are, a key of :data:`gru_lower.frameworks.known.FRAMEWORKS`.
        config: What the module's ``to_config`` gave.
        suffix: ``".safetensors"`` or ``".npz"``.

    Raises:
        InvalidModel: The suffix is another.

    """
    said = json.dumps({"framework": framework, "config": config}, sort_keys=True)
    if suffix == SAFETENSORS:
        from safetensors.numpy import save

        return bytes(save(weights, metadata={KEY: said, "format": "pt" if framework == "torch" else framework}))
    if suffix != NPZ:
        raise _unreadable(f"weights are not written as {suffix or 'a file without a suffix'}")
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {**weights, KEY: np.array(said)}
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def write(path: Path, data: bytes) -> None:
    """Write a file, wholly or not at all."""
    with AtomicFile(path) as file:
        file.handle.write(data)


def read(path: Path) -> tuple[Weights, dict[str, Any]]:
    """Read weights, and what was written with them: ``framework`` and ``config``, if anything.

    Raises:
        InvalidModel: The file is missing, or neither safetensors nor npz.

    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        hint = "check the path and its permissions"
        raise InvalidModel(f"{path}: cannot be read ({error.strerror or error})", code="GL001", hint=hint) from error
    weights, said = _npz(raw, path) if raw.startswith(b"PK") else _safetensors(raw, path)
    known = json.loads(said) if said else {}
    return weights, known if isinstance(known, dict) else {}


def _safetensors(raw: bytes, path: Path) -> tuple[Weights, str]:
    from safetensors import SafetensorError, deserialize

    try:
        entries = deserialize(raw)  # type: ignore[no-untyped-call, unused-ignore]
    except SafetensorError as error:
        raise _unreadable(f"{path}: is no safetensors file ({error})") from error
    types = {"F16": "float16", "F32": "float32", "F64": "float64", "BF16": "bfloat16"}
    weights = {}
    for name, entry in entries:
        if entry["dtype"] not in types:
            raise _unreadable(f"{path}: {name} is of type {entry['dtype']}, not one of {', '.join(types)}")
        weights[name] = np.frombuffer(entry["data"], dtype_named(types[entry["dtype"]])).reshape(entry["shape"])
    length = int.from_bytes(raw[:8], "little")
    return weights, str(json.loads(raw[8 : 8 + length]).get("__metadata__", {}).get(KEY, ""))


def _npz(raw: bytes, path: Path) -> tuple[Weights, str]:
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            weights = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise _unreadable(f"{path}: is no npz file ({error})") from error
    said = weights.pop(KEY, np.array(""))
    return weights, str(said)


def _unreadable(what: str) -> InvalidModel:
    return InvalidModel(what, code="GL604", hint="a .safetensors or .npz file of the layer's weights")
