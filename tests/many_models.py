"""Folders of many models for batches: drawn ones, real ones, and some that are broken, each in a way of its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from strategies import GruCase, random_case

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = 100_000
"""Bytes up to which a real model is small."""


def small_gru(seed: int = 0) -> onnx.ModelProto:
    """Return a GRU with constant weights of its own."""
    rng = np.random.default_rng(seed)
    constants = frozenset({"W", "R", "B"})
    while True:
        case = random_case(rng, opset=17, constants=constants)
        if case.dtype == np.float32 and case.constants == constants:
            return case.model()


def write_drawn(folder: Path, count: int) -> None:
    """Write models that are drawn, in folders of ten."""
    rng = np.random.default_rng(24)
    for number in range(count):
        place = folder / f"{number // 10:03}" / f"model{number:04}.onnx"
        place.parent.mkdir(parents=True, exist_ok=True)
        if number % 10 == 9:
            write_with_data(place, number)
        else:
            place.write_bytes(_steady_case(rng).model().SerializeToString())


def _steady_case(rng: np.random.Generator) -> GruCase:
    """Draw a case of which the command by itself says the same each time; of one that jumps, runs may differ."""
    while (case := random_case(rng)).jumps:
        pass
    return case


def write_with_data(place: Path, seed: int) -> None:
    """Write a model whose weights lie in a file beside it."""
    onnx.save_model(
        small_gru(seed), place, save_as_external_data=True, location=f"{place.stem}.weights", size_threshold=0
    )


def copy_real(shared: Path, folder: Path, most: int) -> int:
    """Copy real models that are small; return how many there were."""
    found = sorted(each for each in shared.glob("suites/**/*.onnx") if each.stat().st_size < SMALL)[:most]
    for each in found:
        place = folder / each.relative_to(shared)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(each, place)
    return len(found)


def write_broken(folder: Path) -> list[Path]:
    """Write a model for each way to be broken."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in BROKEN.items():
        write(folder / f"{name}.onnx")
    return sorted(folder.glob("*.onnx"))


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _raw(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: _write(path, change(small_gru().SerializeToString()))


def _changed(change: Callable[[onnx.ModelProto], object]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        model = small_gru()
        change(model)
        path.write_bytes(model.SerializeToString())

    return write


def _initializer(model: onnx.ModelProto, name: str) -> TensorProto:
    found: TensorProto = next(each for each in model.graph.initializer if each.name == name)
    return found


def _external(model: onnx.ModelProto, **entries: str) -> None:
    tensor = _initializer(model, "W")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)


def _wrong_shape(model: onnx.ModelProto) -> None:
    _initializer(model, "R").CopyFrom(numpy_helper.from_array(np.zeros((1, 5, 2), np.float32), "R"))


def _wrong_type(model: onnx.ModelProto) -> None:
    _initializer(model, "W").CopyFrom(numpy_helper.from_array(np.zeros((1, 3, 1), np.int64), "W"))


def _attribute(name: str, value: object) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        node = model.graph.node[0]
        kept = [each for each in node.attribute if each.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(name, value)])

    return change


def _short_data(path: Path) -> None:
    write_with_data(path, 1)
    data = path.with_name(f"{path.stem}.weights")
    data.write_bytes(data.read_bytes()[:8])


BROKEN: dict[str, Callable[[Path], None]] = {
    "empty": lambda path: _write(path, b""),
    "text": lambda path: _write(path, b"no model at all\n"),
    "cut_short": _raw(lambda raw: raw[: len(raw) // 2]),
    "zeros": _raw(lambda raw: bytes(len(raw))),
    "noise": lambda path: _write(path, np.random.default_rng(1).bytes(5000)),
    "zip": lambda path: _write(path, b"PK\x03\x04" + bytes(60)),
    "data_missing": _changed(lambda model: _external(model, location="nowhere.bin")),
    "data_outside": _changed(lambda model: _external(model, location="../../../etc/passwd")),
    "data_absolute": _changed(lambda model: _external(model, location="/etc/passwd")),
    "data_short": _short_data,
    "data_nonsense": _changed(lambda model: _external(model, location="x.bin", offset="-5")),
    "wrong_shape": _changed(_wrong_shape),
    "wrong_type": _changed(_wrong_type),
    "hidden_size": _changed(_attribute("hidden_size", 12345)),
    "direction": _changed(_attribute("direction", "sideways")),
    "layout": _changed(_attribute("layout", 7)),
    "activations": _changed(_attribute("activations", ["Relu"])),
    "no_opset": _changed(lambda model: model.ClearField("opset_import")),
    "future_opset": _changed(lambda model: setattr(model.opset_import[0], "version", 999)),
    "no_inputs": _changed(lambda model: model.graph.node[0].ClearField("input")),
    "unknown_value": _changed(lambda model: model.graph.node[0].input.__setitem__(0, "nobody")),
    "no_graph": _changed(lambda model: model.ClearField("graph")),
}
"""By name: what writes such a model."""
