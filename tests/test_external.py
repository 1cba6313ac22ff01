"""Tensors are read and cut wherever their bytes are, without reading a file to cut it, and never from elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import zoo
from gru_lower.errors import InvalidModel
from gru_lower.graph import external_data
from gru_lower.graph.external_data import View, is_external, resolve, set_view, view
from gru_lower.graph.tensor_values import cut, to_array

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DTYPES = ["float16", "bfloat16", "float32", "float64"]
HOLDS = ["raw", "typed", "external", "external without a length"]


def array_of(dtype: str, shape: tuple[int, ...] = (2, 3, 4)) -> np.ndarray[Any, np.dtype[Any]]:
    """Return distinct values, a NaN with a payload and a negative zero among them."""
    array = np.arange(np.prod(shape)).reshape(shape).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    bits = array.reshape(-1).view(f"u{array.itemsize}")
    bits[1] = np.iinfo(bits.dtype).max - 1
    array.reshape(-1)[2] = -0.0
    return array


def held_as(how: str, array: np.ndarray[Any, np.dtype[Any]], folder: Path) -> TensorProto:
    """Return the array as a tensor named ``W`` that holds its bytes in this way."""
    elem_type = helper.np_dtype_to_tensor_dtype(array.dtype)
    if how == "raw":
        return numpy_helper.from_array(array, "W")
    if how == "typed":
        tensor = TensorProto(name="W", data_type=elem_type, dims=array.shape)
        if array.itemsize == 2:
            tensor.int32_data.extend(array.reshape(-1).view(np.uint16).tolist())
        else:
            (tensor.float_data if array.itemsize == 4 else tensor.double_data).extend(array.reshape(-1).tolist())
        return tensor
    (folder / "w.bin").write_bytes(b"\xee" * 12 + array.tobytes() + b"\xee" * 12)
    entries: dict[str, int] = {"length": array.nbytes} if how == "external" else {}
    return zoo.external_tensor("W", array.shape, elem_type, location="w.bin", offset=12, **entries)


@contextmanager
def refused(code: str, *says: str) -> Iterator[None]:
    """Expect an InvalidModel with a code that says all of this."""
    with pytest.raises(InvalidModel) as caught:
        yield
    assert caught.value.code == code, caught.value.message
    assert all(text in caught.value.message for text in says), caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("how", HOLDS)
@pytest.mark.parametrize("dtype", DTYPES)
class TestBytes:
    def test_a_tensor_is_read_bit_by_bit(self, how: str, dtype: str, tmp_path: Path) -> None:
        array = array_of(dtype)
        assert to_array(held_as(how, array, tmp_path), tmp_path).tobytes() == array.tobytes()

    def test_pieces_are_those_of_the_array(self, how: str, dtype: str, tmp_path: Path) -> None:
        array = array_of(dtype)
        tensor = held_as(how, array, tmp_path)
        for count, shape in ((6, (4,)), (2, (3, 4)), (1, (24,)), (3, (2, 4))):
            pieces = cut(tensor, count, shape)
            assert len(pieces) == count
            for piece, part in zip(pieces, array.reshape(count, *shape), strict=True):
                assert list(piece.dims) == list(shape)
                assert piece.data_type == tensor.data_type
                assert is_external(piece) == is_external(tensor)
                assert to_array(piece, tmp_path).tobytes() == part.tobytes()
        assert to_array(tensor, tmp_path).tobytes() == array.tobytes(), "the tensor itself is as it was"

    def test_no_elements_are_no_bytes(self, how: str, dtype: str, tmp_path: Path) -> None:
        array = np.zeros((2, 0, 4), ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
        tensor = held_as(how, array, tmp_path)
        assert to_array(tensor, tmp_path).shape == (2, 0, 4)
        assert to_array(cut(tensor, 1, (0, 4))[0], tmp_path).shape == (0, 4)


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.data())
def test_the_gates_of_a_weight_are_together_all_of_it(d: int, h: int, i: int, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, 100)) * 4
    tensor = zoo.external_tensor("W", [d, 3 * h, i], location="a/w.bin", offset=offset)
    parts = [view(piece) for piece in cut(tensor, 3 * d, (h, i))]
    assert parts[0].offset == offset
    assert all(part.location == "a/w.bin" for part in parts)
    assert all(one.offset + one.length == other.offset for one, other in pairwise(parts))
    assert sum(part.length for part in parts) == view(tensor).length == d * 3 * h * i * 4


def test_cutting_an_external_tensor_reads_nothing() -> None:
    tensor = zoo.external_tensor("W", [2**20, 2**10], location="is/nowhere.bin", offset=2**40)
    assert view(cut(tensor, 2, (2**19, 2**10))[1]) == View("is/nowhere.bin", 2**40 + 2**31, 2**31)


@pytest.mark.parametrize("by", [-4, -1, 1, 4])
def test_a_tensor_of_too_few_or_too_many_bytes_is_not_cut(by: int) -> None:
    raw = TensorProto(name="W", data_type=TensorProto.FLOAT, dims=[3, 2], raw_data=b"\0" * (24 + by))
    with refused("GL007", "'W'", "[3, 2]", "24", str(24 + by)):
        cut(raw, 3, (2,))
    outside = zoo.external_tensor("W", [3, 2], location="w.bin", length=24 + by)
    with refused("GL007", "'W'", "[3, 2]", "24", str(24 + by)):
        cut(outside, 3, (2,))


@pytest.mark.parametrize("values", [[], [1.0] * 5, [1.0] * 7])
def test_a_tensor_of_too_few_or_too_many_values_is_refused(values: list[float]) -> None:
    tensor = TensorProto(name="W", data_type=TensorProto.FLOAT, dims=[3, 2], float_data=values)
    with refused("GL007", "'W'", "[3, 2]"):
        to_array(tensor, None)
    with refused("GL007", "'W'", "[3, 2]"):
        cut(tensor, 3, (2,))


@pytest.mark.parametrize("elem_type", [TensorProto.UNDEFINED, 99])
@pytest.mark.parametrize("how", ["raw", "external"])
def test_a_tensor_of_no_type_is_refused(elem_type: int, how: str, tmp_path: Path) -> None:
    if how == "raw":
        tensor = TensorProto(name="W", data_type=elem_type, dims=[2], raw_data=b"\0" * 8)
    else:
        tensor = zoo.external_tensor("W", [2], elem_type, location="w.bin", length=8)
        (tmp_path / "w.bin").write_bytes(b"\0" * 8)
    for read in (lambda: to_array(tensor, tmp_path), lambda: cut(tensor, 2, ())):
        with refused("GL007"):
            read()


def test_external_data_that_is_missing_or_too_short_is_refused(tmp_path: Path) -> None:
    tensor = zoo.external_tensor("W", [4], location="w.bin", offset=8)
    with refused("GL006", "'W'", "w.bin", "missing"):
        to_array(tensor, tmp_path)
    (tmp_path / "w.bin").write_bytes(b"\0" * 20)
    with refused("GL006", "'W'", "too short", "16 bytes wanted at 8, 12 there"):
        to_array(tensor, tmp_path)
    with refused("GL006", "'W'", "w.bin", "without a folder"):
        to_array(tensor, None)


def test_external_data_that_cannot_be_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path), mode)

    (tmp_path / "w.bin").write_bytes(b"\0" * 8)
    monkeypatch.setattr(type(tmp_path), "open", deny)
    with refused("GL006", "w.bin", "Permission denied"):
        to_array(zoo.external_tensor("W", [2], location="w.bin"), tmp_path)


@pytest.mark.parametrize(
    "location",
    ["/etc/passwd", "../w.bin", "a/../../w.bin", "a/..", "..", "..\\w.bin", "a\\..\\..\\w.bin", "C:/w.bin", "\\\\h\\w"],
)
def test_a_location_outside_the_folder_is_refused(tmp_path: Path, location: str) -> None:
    with refused("GL006", "'W'", repr(location), "outside"):
        resolve(location, tmp_path, "W")


@pytest.mark.parametrize("location", ["w.bin", "./w.bin", "a/b/w.bin", "a.b..c/w..bin", "W \N{SNOWMAN}.bin"])
def test_a_location_inside_the_folder_is_found(tmp_path: Path, location: str) -> None:
    (tmp_path / location).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / location).write_bytes(b"")
    assert resolve(location, tmp_path, "W") == tmp_path / location


@pytest.mark.parametrize("location", ["", ".", "a", "w.bin/", "w.bin/x", "nul\0"])
def test_a_location_that_is_no_file_is_missing(tmp_path: Path, location: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "w.bin").write_bytes(b"") if location == "w.bin/x" else None
    with refused("GL006", "missing"):
        resolve(location, tmp_path, "W")


def test_a_view_is_what_was_set() -> None:
    tensor = zoo.external_tensor("W", [2], location="old.bin", offset=1, length=8, checksum="abc")
    set_view(tensor, View("new.bin", 0, 8))
    assert view(tensor) == View("new.bin", 0, 8)
    assert [entry.key for entry in tensor.external_data] == ["location", "offset", "length"]
    assert is_external(tensor)


@pytest.mark.parametrize(
    "entries", [{"offset": "x"}, {"offset": -1}, {"length": -1}, {"length": "0x8"}, {"offset": "1e3"}]
)
def test_a_view_that_makes_no_sense_is_refused(entries: dict[str, Any]) -> None:
    with refused("GL006", "'W'"):
        view(zoo.external_tensor("W", [2], location="w.bin", **entries))


def test_a_view_without_a_location_is_refused() -> None:
    with refused("GL006", "'W'"):
        view(zoo.external_tensor("W", [2], length=8))


def test_a_length_of_0_is_that_of_the_shape_as_onnx_has_it(tmp_path: Path) -> None:
    array = array_of("float32")
    tensor = held_as("external", array, tmp_path)
    set_view(tensor, View("w.bin", 12, 0))
    assert view(tensor).length == array.nbytes


@pytest.mark.parametrize("kind", ["INT4", "UINT4", "FLOAT4E2M1"])
def test_elements_that_share_bytes_are_read(kind: str, tmp_path: Path) -> None:
    elem_type = TensorProto.DataType.Value(kind)
    inline = helper.make_tensor("W", elem_type, [5], [1, 2, 3, 4, 1])
    array = numpy_helper.to_array(inline)
    raw = numpy_helper.from_array(array, "W").raw_data
    assert len(raw) == 3
    (tmp_path / "w.bin").write_bytes(raw)
    tensor = zoo.external_tensor("W", [5], elem_type, location="w.bin")
    np.testing.assert_array_equal(to_array(tensor, tmp_path).astype(np.float32), array.astype(np.float32))


def test_all_external_data_of_a_model_is_checked_without_reading_it(tmp_path: Path) -> None:
    model = zoo.gru_model(inputs=["X", "W"])
    tensors = [zoo.external_tensor(name, [2], location="w.bin", offset=8 * i) for i, name in enumerate("WV")]
    model.graph.initializer.extend(tensors)
    with refused("GL006", "'W'", "missing"):
        external_data.check(model, tmp_path)
    (tmp_path / "w.bin").write_bytes(b"\0" * 15)
    with refused("GL006", "'V'", "too short"):
        external_data.check(model, tmp_path)
    (tmp_path / "w.bin").write_bytes(b"\0" * 16)
    external_data.check(model, tmp_path)
