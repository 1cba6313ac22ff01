"""Recognising files that are no ONNX model by their bytes, with a hint how to get an ONNX model from each."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from gru_lower.nearest_word import nearest

if TYPE_CHECKING:
    from pathlib import Path

EXPORT_KERAS = 'export it with Keras: model.export("model.onnx", format="onnx")'
EXPORT_TORCH = 'export it with PyTorch: torch.onnx.export(model, inputs, "model.onnx")'
EXPORT_TF = "convert it with tf2onnx: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx"

TO_ONNX = "gru-lower convert FILE --from torch, keras, tensorflow or mlx writes a model of a GRU's weights"
SAFETENSORS = "weights in a safetensors file, not a model"
FOLDER = "a folder, not a model"
NPZ = "an npz file of arrays, not a model"

ZIP = b"PK\x03\x04"


def recognise(raw: bytes, path: Path | None) -> tuple[str, str] | None:
    """Tell what a file is, if it is one of the known kinds of something else.

    Args:
        raw: The file's bytes.
        path: Its name, where it has one: only ever used to tell apart what the bytes leave open.

    Returns:
        ``(what it is, what to do)``, or ``None`` for what may well be an ONNX model.

    """
    if not raw:
        return "the file is empty", "copy or export the model again"
    head = raw[:512]
    suffix = "" if path is None else path.suffix.lower()
    if head.startswith(ZIP):
        return _recognise_zip(raw, suffix)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "a Keras HDF5 file, not ONNX", EXPORT_KERAS
    if head[8:9] == b"{" and b'"data_offsets"' in raw[8 : 8 + int.from_bytes(head[:8], "little")]:
        return SAFETENSORS, TO_ONNX
    # A flatbuffer begins with a small offset; a model's producer_name may well begin with the same letters.
    kind = head[4:8] if head[2:4] == b"\0\0" else b""
    if kind == b"TFL3":
        return (
            "a TensorFlow Lite model, not ONNX",
            "convert it: python -m tf2onnx.convert --tflite X --output model.onnx",
        )
    if kind == b"ORTM":
        return "an onnxruntime .ort model, not ONNX", "use the .onnx file that it was made from"
    if head.startswith(b"\x1f\x8b"):
        return "gzip data, not ONNX", "unpack it first: gunzip FILE, or tar xzf FILE"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the model itself", "fetch the content: git lfs pull"
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        return "an HTML page, not ONNX", "download the file itself, not the page that shows it"
    if head.startswith(b"\x80\x02") and b"torch" in raw[:4096]:
        return "a PyTorch checkpoint (pickle), not ONNX", EXPORT_TORCH
    if path is not None and (suffix == ".data" or path.name.endswith((".onnx.data", ".onnx_data"))):
        return "the external data of a model, not the model", f"name the model itself, {_model_of(path)}"
    return None


def _recognise_zip(raw: bytes, suffix: str) -> tuple[str, str]:
    names = raw[:65536] + raw[-65536:]
    if b"model.weights.h5" in names or suffix == ".keras":
        return "a .keras file, not ONNX", EXPORT_KERAS
    if suffix == ".pt2" or b"serialized_exported_program" in names or b"models/model.json" in names:
        return "a PyTorch .pt2 program, not ONNX", EXPORT_TORCH
    if b"data.pkl" in names or suffix in {".pt", ".pth"}:
        return "a PyTorch checkpoint, not ONNX", EXPORT_TORCH
    if b".mlmodel" in names or b".mlpackage" in names:
        return "a Core ML package, not ONNX", "export the model it came from to ONNX"
    if b".npy" in names or suffix == ".npz":
        return NPZ, TO_ONNX
    return "a zip archive, not ONNX", "unpack it and name the .onnx file inside"


def recognise_folder(path: Path) -> tuple[str, str]:
    """Tell what a folder handed in as a model is.

    Raises:
        OSError: It cannot be read.

    """
    if not os.access(path, os.R_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    if (path / "saved_model.pb").exists():
        return "a TensorFlow SavedModel folder, not ONNX", EXPORT_TF
    if path.suffix == ".mlpackage":
        return "a Core ML package, not ONNX", "export the model it came from to ONNX"
    models = sorted(path.glob("*.onnx"))
    hint = f"name a file, such as {models[0]}" if models else "name an .onnx file"
    return FOLDER, hint


def missing_hint(path: Path) -> str:
    """Suggest a neighbour with a similar name for a path that does not exist."""
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist either"
    near = nearest(path.name, [each.name for each in path.parent.glob("*.onnx")])
    return "check the path" if near is None else f"did you mean {path.parent / near}?"


def _model_of(data: Path) -> Path:
    for ending in (".data", "_data"):
        if data.name.endswith(ending):
            return data.with_name(data.name[: -len(ending)])
    return data
