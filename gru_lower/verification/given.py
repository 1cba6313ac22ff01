"""Inputs a user hands in: an .npz file, or a folder of test_data_set's in ONNX's own form.

In an .npz the key ``NAME`` or ``in__NAME`` is an input, ``out__NAME`` what is right for an output:
values, or whole-number labels for a float output, from which the accuracy is told. In a folder,
``input_0.pb`` and ``output_0.pb`` are the model's first input and output, and so on.
"""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from gru_lower.errors import InvalidModel

if TYPE_CHECKING:
    from pathlib import Path

    from gru_lower.verification.result import Feeds

IN, OUT = "in__", "out__"
HINT = "an .npz with the inputs' names as keys, or a folder with input_0.pb, ..."


def read(path: Path, model: onnx.ModelProto) -> tuple[list[Feeds], list[Feeds]]:
    """Read the cases a file or folder holds.

    Args:
        path: An .npz file, a ``test_data_set_N`` folder, or a folder of such folders.
        model: Whose inputs and outputs they are.

    Returns:
        The inputs and what is right, one dict each per case.

    Raises:
        InvalidModel: The file cannot be read, lacks an input, or names one the model does not have.

    """
    if not path.exists():
        raise InvalidModel(f"{path}: no such file or folder", code="GL009", hint=HINT)
    if path.is_dir():
        folders = sorted(path.glob("test_data_set*")) or [path]
        cases = [_from_folder(folder, model) for folder in folders]
    else:
        cases = [_from_npz(path, model)]
    for feeds, expected in cases:
        _check(path, model, feeds, expected)
    return [feeds for feeds, _ in cases], [expected for _, expected in cases]


def _from_npz(path: Path, model: onnx.ModelProto) -> tuple[Feeds, Feeds]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, AttributeError) as error:
        raise InvalidModel(f"{path}: not a readable .npz file ({error})", code="GL009", hint=HINT) from error
    names = {value.name for value in model.graph.input}
    feeds: Feeds = {}
    expected: Feeds = {}
    for key, array in arrays.items():
        if key in names:
            feeds[key] = array
        elif key.startswith(OUT):
            expected[key.removeprefix(OUT)] = array
        else:
            feeds[key.removeprefix(IN)] = array
    return feeds, expected


def _from_folder(folder: Path, model: onnx.ModelProto) -> tuple[Feeds, Feeds]:
    given = _numbered(folder, "input"), _numbered(folder, "output")
    if not given[0]:
        raise InvalidModel(f"{folder}: holds no input_0.pb", code="GL009", hint=HINT)
    formals = [value.name for value in _fed(model)], [value.name for value in model.graph.output]
    result: tuple[Feeds, Feeds] = ({}, {})
    for tensors, names, target in zip(given, formals, result, strict=True):
        for position, tensor in tensors.items():
            name = names[position] if position < len(names) else tensor.name
            target[name] = np.asarray(numpy_helper.to_array(tensor))
    return result


def _numbered(folder: Path, kind: str) -> dict[int, onnx.TensorProto]:
    result = {}
    for path in sorted(folder.glob(f"{kind}_*.pb")):
        number = re.fullmatch(rf"{kind}_(\d+)", path.stem)
        if number is None:
            continue
        try:
            result[int(number.group(1))] = onnx.TensorProto.FromString(path.read_bytes())
        except (DecodeError, OSError) as error:
            raise InvalidModel(f"{path}: not a readable tensor ({error})", code="GL009", hint=HINT) from error
    return result


def _fed(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    defaults = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in defaults]


def _check(path: Path, model: onnx.ModelProto, feeds: Feeds, expected: Feeds) -> None:
    inputs, outputs = [v.name for v in model.graph.input], [v.name for v in model.graph.output]
    missing = [value.name for value in _fed(model) if value.name not in feeds]
    unknown = [name for name in feeds if name not in inputs] + [name for name in expected if name not in outputs]
    if missing:
        raise InvalidModel(
            f"{path}: lacks the input {missing[0]!r}", code="GL009", hint=f"it needs {', '.join(inputs)}"
        )
    if unknown:
        hint = f"inputs: {', '.join(inputs)}; outputs: {', '.join(outputs)}"
        raise InvalidModel(f"{path}: the model has no input or output {unknown[0]!r}", code="GL009", hint=hint)
