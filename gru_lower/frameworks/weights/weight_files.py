"""Files of weights, safetensors or npz, with the configuration of their layer in them."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from gru_lower.errors import InvalidModel
from gru_lower.graph import file_kinds
from gru_lower.graph.atomic_file import AtomicFile
from gru_lower.graph.bounded_read import read_file
from gru_lower.verification.arrays import dtype_of
from gru_lower.verification.npz_archive import DamagedArchiveError, read_npz

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gru_lower.frameworks.descriptions.framework import Framework
    from gru_lower.frameworks.weights.cell import Array, Weights

KEY = "gru_lower"
"""Under which the configuration stands: in safetensors' metadata, or as one more array of an npz."""
SAFETENSORS, NPZ = ".safetensors", ".npz"


def to_bytes(weights: Weights, framework: str, config: Mapping[str, Any], suffix: str) -> bytes:
    """Serialise weights with the configuration that goes with them.

    Args:
        weights: Arrays by name.
        framework: Whose names these are, a key of :data:`gru_lower.frameworks.descriptions.all_frameworks.FRAMEWORKS`.
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


def write(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write a file completely, or not at all."""
    with AtomicFile(path, overwrite=overwrite) as file:
        file.handle.write(data)


def read(path: Path, framework: Framework | None = None) -> tuple[Weights, dict[str, Any]]:
    """Read weights, and what was written with them: ``framework`` and ``config``, if anything.

    Args:
        path: The file.
        framework: Whose weights they are, for the advice where the file cannot be read.

    Raises:
        InvalidModel: The file is missing, or neither safetensors nor npz.

    """
    try:
        raw = path.read_bytes() if path.is_file() else read_file(path)
    except OSError as error:
        hint = "check the path and its permissions"
        raise InvalidModel(f"{path}: cannot be read ({error.strerror or error})", code="GL001", hint=hint) from error
    what = _recognised(raw, path)
    if what:
        raise _unreadable(f"{path}: is {what}", framework)
    weights, said = _npz(raw, path) if raw.startswith(b"PK") else _safetensors(raw, path)
    return weights, _what_was_said(said, path) if said else {}


def _what_was_said(text: str, path: Path) -> dict[str, Any]:
    """Return what stands beside the weights.

    Raises:
        InvalidModel: It is nothing that was ever written there.

    """
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    found: dict[str, Any] = dict(said) if isinstance(said, dict) else {"config": None}
    if not isinstance(found.get("config", {}), dict) or not isinstance(found.get("framework", ""), str):
        raise InvalidModel(
            f"{path}: the configuration in it ({KEY}) is damaged",
            code="GL604",
            hint="write the weights again, or without it and name what it said with --layer-config",
        )
    return found


def under(weights: Weights, layer: str | None) -> Weights:
    """Return the weights of one layer of a network, under their own names.

    Args:
        weights: Arrays by name.
        layer: What the names begin with, up to a dot or a slash; ``None`` for all weights as they are.

    Raises:
        InvalidModel: No name begins so.

    """
    if layer is None:
        return weights
    found = {name[len(layer) + 1 :]: a for name, a in weights.items() if name.startswith((f"{layer}.", f"{layer}/"))}
    if not found:
        hint = f"the names are {', '.join(sorted(weights))}"
        raise InvalidModel(f"no weight's name begins with {layer!r} and a dot", code="GL604", hint=hint)
    return found


def _recognised(raw: bytes, path: Path) -> str:
    """Return what a file is if it holds no weights, ``""`` if it may hold some."""
    if raw.startswith(b"PK"):
        with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(raw)) as archive:
            if all(name.endswith(".npy") for name in archive.namelist()):
                return ""
    found = file_kinds.recognise(raw, path)
    if found is not None:
        what, _ = found
        return "" if what in (file_kinds.NPZ, file_kinds.SAFETENSORS) else what.removesuffix(", not ONNX")
    try:
        proto = onnx.ModelProto.FromString(raw)
    except DecodeError:
        return ""
    return "an ONNX model, which --to takes" if proto.HasField("graph") else ""


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
        weights[name] = np.frombuffer(entry["data"], dtype_of(types[entry["dtype"]])).reshape(entry["shape"])
    length = int.from_bytes(raw[:8], "little")
    metadata = json.loads(raw[8 : 8 + length]).get("__metadata__")
    return weights, str(metadata.get(KEY, "")) if isinstance(metadata, dict) else ""  # mlx writes a null


def _npz(raw: bytes, path: Path) -> tuple[Weights, str]:
    try:
        weights = {name: _named(array) for name, array in read_npz(io.BytesIO(raw)).items()}
    except DamagedArchiveError as error:
        raise _unreadable(f"{path}: is no npz file ({error})") from error
    said = weights.pop(KEY, np.array(""))
    return weights, str(said)


def _named(array: Array) -> Array:
    """Return bfloat16, which an npz file holds as two raw bytes each, under its own type."""
    return array.view(dtype_of("bfloat16")) if array.dtype == np.dtype("V2") else array


def _unreadable(what: str, framework: Framework | None = None) -> InvalidModel:
    hint = "name a .safetensors or .npz file of the layer's weights"
    return InvalidModel(what, code="GL604", hint=f"{hint}, as by {framework.saving}" if framework else hint)
