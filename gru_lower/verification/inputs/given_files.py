"""Read inputs that a user hands in: an .npz file, or a folder of test_data_set's in ONNX's own form.

In an .npz the key ``NAME`` or ``in__NAME`` is an input, ``out__NAME`` what is right for an output:
values, or whole-number labels for a float output, from which the accuracy is told. In a folder,
``input_0.pb`` and ``output_0.pb`` are the model's first input and output, and so on.
"""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING

import onnx
from google.protobuf.message import DecodeError

from gru_lower.errors import InvalidModel, Unsupported
from gru_lower.graph.bounded_read import read_file
from gru_lower.graph.tensor_values import to_array
from gru_lower.verification.inputs.errors import BadInputs
from gru_lower.verification.inputs.given_arrays import fitted
from gru_lower.verification.npz_archive import DamagedArchiveError, NoArrayError, read_npz

if TYPE_CHECKING:
    from pathlib import Path

    from gru_lower.verification.arrays import Array, Feeds

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
        BadInputs: The file cannot be read, lacks an input, names one the model does not have, or holds an array that
            does not fit its input.

    """
    try:
        path.stat()
    except (OSError, ValueError) as error:
        raise BadInputs(f"{path}: no such file or folder ({_reason(error)})", hint=HINT) from error
    if path.is_dir():
        folders = sorted((each for each in path.glob("test_data_set*") if each.is_dir()), key=_number) or [path]
        cases = [(folder, _from_folder(folder, model)) for folder in folders]
    else:
        cases = [(path, _from_npz(path, model))]
    for source, (feeds, expected) in cases:
        _check(source, model, feeds, expected)
    return [feeds for _, (feeds, _) in cases], [expected for _, (_, expected) in cases]


def _number(folder: Path) -> tuple[int, str]:
    digits = re.search(r"\d+$", folder.name)
    return int(digits.group()) if digits else -1, folder.name


def _from_npz(path: Path, model: onnx.ModelProto) -> tuple[Feeds, Feeds]:
    names = {value.name for value in model.graph.input}
    feeds: Feeds = {}
    expected: Feeds = {}
    for key, array in _arrays(path).items():
        named = key in names
        target = expected if key.startswith(OUT) and not named else feeds
        name = key if named else key.removeprefix(OUT if target is expected else IN)
        if name in target:
            raise BadInputs(f"{path}: gives {name!r} twice", hint=f"keep one of {name} and {IN}{name}")
        target[name] = array
    return feeds, expected


def _arrays(path: Path) -> dict[str, Array]:
    if not path.is_file():  # a device or a pipe: an archive is read from its end
        raise BadInputs(f"{path}: is no regular file", hint=HINT)
    try:
        with path.open("rb") as file:
            head = file.read(8)
            if head.startswith(b"\x93NUMPY"):
                hint = f'name the array: numpy.savez("{path.stem}.npz", INPUT=array)'
                raise BadInputs(f"{path}: a single array (.npy), not an .npz file", hint=hint)
            if not zipfile.is_zipfile(file):
                what = "an .npz file that is cut short" if head.startswith(b"PK") else "not an .npz file"
                raise BadInputs(f"{path}: {what}", hint=HINT)
            return read_npz(file)
    except NoArrayError as error:
        raise BadInputs(f"{path}: {error}", hint=HINT) from error
    except (OSError, ValueError, DamagedArchiveError) as error:
        if "Object arrays" in str(error):
            hint = "save arrays of numbers; text as dtype 'U'"
            raise BadInputs(f"{path}: holds pickled objects, which are not loaded", hint=hint) from error
        raise BadInputs(f"{path}: not a readable .npz file ({_reason(error)})", hint=HINT) from error


def _reason(error: BaseException) -> str:
    text = (isinstance(error, OSError) and error.strerror) or " ".join(str(error).split())
    return text or type(error).__name__


def _from_folder(folder: Path, model: onnx.ModelProto) -> tuple[Feeds, Feeds]:
    fed = _fed(model)
    names = [value.name for value in (*fed, *(value for value in model.graph.input if value not in fed))]
    inputs = _numbered(folder, "input", names)
    if not inputs:
        raise BadInputs(f"{folder}: holds no input_0.pb", hint=HINT)
    return inputs, _numbered(folder, "output", [value.name for value in model.graph.output])


def _numbered(folder: Path, kind: str, names: list[str]) -> Feeds:
    """Read KIND_0.pb and its like; inputs that need not be fed count after those that must."""
    result = {}
    for path in sorted(folder.glob(f"{kind}_*.pb")):
        number = re.fullmatch(rf"{kind}_(\d+)", path.stem)
        if number is None:
            continue
        position = int(number.group(1))
        if position >= len(names):
            hint = f"{kind}_0.pb is {names[0]!r}, and so on" if names else f"leave out {path.name}"
            raise BadInputs(f"{path}: the model has {len(names)} {kind}s", hint=hint)
        result[names[position]] = _tensor(path)
    return result


def _tensor(path: Path) -> Array:
    try:
        return to_array(onnx.TensorProto.FromString(read_file(path)), path.parent)
    except (DecodeError, OSError, InvalidModel, Unsupported, MemoryError) as error:
        raise BadInputs(f"{path}: not a readable tensor ({_reason(error)})", hint=HINT) from error


def _fed(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    defaults = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in defaults]


def _check(path: Path, model: onnx.ModelProto, feeds: Feeds, expected: Feeds) -> None:
    inputs, outputs = [v.name for v in model.graph.input], [v.name for v in model.graph.output]
    missing = [value.name for value in _fed(model) if value.name not in feeds]
    unknown = [name for name in feeds if name not in inputs] + [name for name in expected if name not in outputs]
    if missing:
        raise BadInputs(f"{path}: lacks the input {missing[0]!r}", hint=f"it needs {', '.join(inputs)}")
    if unknown:
        hint = f"inputs: {', '.join(inputs)}; outputs: {', '.join(outputs)}"
        raise BadInputs(f"{path}: the model has no input or output {unknown[0]!r}", hint=hint)
    try:
        fitted(model, feeds)
    except BadInputs as error:
        raise BadInputs(f"{path}: {error.message}", hint=str(error.hint)) from error
