"""What users hand in besides the model - inputs, labels, shapes, odd numbers: it fits, or one line says why not."""

from __future__ import annotations

import json
import math
import pickle
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

import gru_lower
import zoo
from gru_lower.cli.main import run
from gru_lower.graph import model as graph_model
from gru_lower.verification.inputs import generate, given_files
from gru_lower.verification.inputs.errors import BadInputs
from gru_lower.verification.inputs.given_arrays import fitted
from gru_lower.verification.options import VerifyOptions
from gru_lower.verification.whole_models.verify_models import verify_models
from gru_lower.verification.worker.client import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.result import Verification

GRU = """
    <ir_version: 8, opset_import: ["": 17]>
    g (float[T, N, 2] X, float[1, N, 1] h0) => (float[T, 1, N, 1] Y)
      <float[1, 3, 2] W = {1, 2, 3, 4, 5, 6}, float[1, 3, 1] R = {1, 2, 3}>
    { Y = GRU <hidden_size = 1> (X, W, R, , , h0) }
"""
RESHAPE = "g (float[n] x) => (float[m, k] y) { s = Constant<value_ints = [2, -1]>()  y = Reshape(x, s) }"
SCORES = "g (float[n, 3] x) => (float[n, 3] y) { y = Identity(x) }"
NEGATED = "g (float[n, 3] x) => (float[n, 3] y) { y = Neg(x) }"
BF16 = np.dtype(ml_dtypes.bfloat16)


def parsed(graph: str) -> onnx.ModelProto:
    return zoo.from_text(f'<ir_version: 8, opset_import: ["": 17, "my": 1]> {graph}')


def takes(elem_type: int, shape: Any = ("n",), name: str = "x") -> onnx.ModelProto:
    """Return a model with one input."""
    model = parsed("g (float[n] x) => (float[n] y) { y = Identity(x) }")
    model.graph.input[0].CopyFrom(onnx.helper.make_tensor_value_info(name, elem_type, shape))
    return model


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(timeout=30, memory=2 << 30) as started:
        yield started


@pytest.fixture
def verify(worker: Worker) -> Callable[..., Verification]:
    """Verify one model text against another, or against itself."""

    def do(a: str, b: str | None = None, **options: Any) -> Verification:
        return verify_models(parsed(a), parsed(b or a), options=VerifyOptions(**options), worker=worker)

    return do


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    onnx.save(zoo.from_text(GRU), "gru.onnx")
    return tmp_path


def refused(call: Callable[[], Any], *words: str) -> BadInputs:
    """Check that a call is refused with GL009, in one line that holds the words, and a hint of one line."""
    with pytest.raises(gru_lower.Unsupported) as caught:
        call()
    error = caught.value
    assert isinstance(error, BadInputs)
    assert (error.code, error.exit_code) == ("GL009", 2)
    assert "\n" not in f"{error.message}{error.hint}"
    assert error.hint
    for word in words:
        assert word in error.message, error.message
    return error


def says(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """Run the command line; check that it exits 2 with one line of code GL009 and a hint, and wrote nothing."""
    before = sorted(Path().rglob("*"))
    assert run(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error GL009: ")
    assert err.splitlines()[1].startswith("  hint: ")
    assert len(err.splitlines()) == 2
    assert sorted(Path().rglob("*")) == before
    return err


# -- arrays that do not fit ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": np.zeros((5, 1))}, ["input 'X' takes shape [T, N, 2]", "the array given for it has [5, 1]"]),
        ({"X": np.zeros((5, 1, 3))}, ["[T, N, 2]", "[5, 1, 3]"]),
        ({"X": np.zeros((5, 1, 2)), "h0": np.zeros((2, 1, 1))}, ["'h0'", "[1, N, 1]", "[2, 1, 1]"]),
        ({"X": np.array("text")}, ["'X' are str", "takes float"]),
        ({"X": np.zeros((5, 1, 2), complex)}, ["'X' are complex128", "takes float"]),
        ({"X": np.full((5, 1, 2), 1e300)}, ["1e+300, given for 'X', is no value of its type float"]),
    ],
)
def test_arrays_that_do_not_fit_are_named_before_any_work(
    capsys: pytest.CaptureFixture[str], arrays: Feeds, words: list[str]
) -> None:
    named: dict[str, Any] = {"h0": np.zeros((1, 1, 1))} | arrays
    np.savez("cases.npz", **named)
    for args in (["gru.onnx"], ["verify", "gru.onnx", "gru.onnx"], ["gru.onnx", "--no-verify"]):
        err = says(capsys, *args, "--inputs", "cases.npz")
        assert all(word in err for word in ["cases.npz: ", *words])


@pytest.mark.parametrize(
    ("elem_type", "array"),
    [
        (TensorProto.FLOAT, np.ones(3)),
        (TensorProto.FLOAT, np.ones(3, np.float16)),
        (TensorProto.FLOAT, np.ones(3, ">f8")),
        (TensorProto.FLOAT, np.array([np.nan, np.inf, -np.inf])),
        (TensorProto.FLOAT, np.arange(3)),
        (TensorProto.FLOAT, np.array([True, False])),
        (TensorProto.FLOAT, [1, 2.5]),
        (TensorProto.BFLOAT16, np.ones(3)),
        (TensorProto.BFLOAT16, np.ones(3, BF16).view("V2")),
        (TensorProto.INT32, np.arange(3)),
        (TensorProto.INT64, np.ones(3, bool)),
        (TensorProto.STRING, np.array(["a", "b"])),
    ],
)
def test_arrays_are_cast_where_nothing_is_lost(elem_type: int, array: Any) -> None:
    found = fitted(takes(elem_type), {"x": array})["x"]
    assert found.dtype == onnx.helper.tensor_dtype_to_np_dtype(elem_type)
    same = np.asarray(array) if np.asarray(array).dtype != np.dtype("V2") else np.ones(3)
    np.testing.assert_array_equal(found.astype(same.dtype), same)


@pytest.mark.parametrize(
    ("elem_type", "array", "words"),
    [
        (TensorProto.INT32, np.ones(3), ["float64", "int32"]),
        (TensorProto.INT32, np.array([1, 2**40]), [str(2**40), "int32"]),
        (TensorProto.UINT8, np.arange(3), ["int64", "uint8"]),
        (TensorProto.INT4, np.array([3.5]), ["3.5", "int4"]),
        (TensorProto.BOOL, np.arange(3), ["int64", "bool"]),
        (TensorProto.FLOAT, np.array(["1"]), ["str", "float"]),
        (TensorProto.FLOAT, np.array([None]), ["object", "float"]),
        (TensorProto.FLOAT, np.zeros(3, "V4"), ["void", "float"]),
        (TensorProto.FLOAT, [[1], [1, 2]], ["no array"]),
        (TensorProto.FLOAT16, np.ones(3, BF16), ["bfloat16", "float16"]),
        (TensorProto.STRING, np.arange(3), ["int64", "string"]),
        (99, np.arange(3), ["element type 99"]),
    ],
)
def test_arrays_of_another_kind_are_refused(elem_type: int, array: Any, words: list[str]) -> None:
    refused(lambda: fitted(takes(elem_type), {"x": array}), "'x'", *words)


def test_no_array_goes_into_an_input_that_is_no_tensor() -> None:
    model = parsed("g (seq(float[n]) s) => (float[n] y) { y = ConcatFromSequence<axis = 0>(s) }")
    refused(lambda: fitted(model, {"s": np.zeros(2)}), "'s' takes no tensor")


def test_any_size_goes_into_a_dim_that_is_open() -> None:
    for dims in (["n"], [None], None, [-1]):
        assert fitted(takes(TensorProto.FLOAT, dims), {"x": np.ones(7)})["x"].shape == (7,)
    assert fitted(takes(TensorProto.FLOAT, None), {"x": np.ones((7, 2))})["x"].shape == (7, 2)
    refused(lambda: fitted(takes(TensorProto.FLOAT, [None, 3]), {"x": np.ones(7)}), "takes shape [?, 3]", "has [7]")
    refused(lambda: fitted(takes(TensorProto.FLOAT, []), {"x": np.ones(1)}), "takes shape []", "has [1]")


def test_dims_that_were_fixed_bind_the_inputs_too(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("cases.npz", X=np.zeros((5, 4, 2)), h0=np.zeros((1, 4, 1)))
    assert run(["gru.onnx", "--inputs", "cases.npz", "--fix-dim", "N=4", "--dry-run", "-q"]) == 0
    err = says(capsys, "gru.onnx", "--inputs", "cases.npz", "--fix-dim", "N=1")
    assert "of the other model takes shape" in err


@pytest.mark.parametrize(
    "inputs", [{"X": np.zeros((5, 1, 2))}, [], [{}], [np.zeros(3)], [{"X": [[1], [1, 2]], "h0": 0}]]
)
def test_the_library_refuses_inputs_likewise(inputs: Any) -> None:
    refused(lambda: gru_lower.verify("gru.onnx", "gru.onnx", inputs=inputs))


# -- inputs on which nothing runs ---------------------------------------------------------------------------


def test_inputs_on_which_the_original_does_not_run_prove_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("cases.npz", X=np.zeros((5, 3, 2)), h0=np.zeros((1, 4, 1)))
    err = says(capsys, "gru.onnx", "--inputs", "cases.npz")
    assert "the original runs on none of the given inputs. onnxruntime: " in err
    assert "initial_h must have shape {1,3,1}. Actual:{1,4,1}" in err


@pytest.mark.parametrize("x", [np.ones(3), np.array([np.nan, np.nan])])
def test_two_models_are_not_compared_on_them_either(verify: Callable[..., Verification], x: Any) -> None:
    error = refused(lambda: verify(RESHAPE, inputs=[{"x": x}]), "on none of the given inputs", "onnxruntime: ")
    assert "without given inputs" in str(error.hint)


def test_a_model_that_never_runs_is_not_blamed_on_generated_inputs(verify: Callable[..., Verification]) -> None:
    mystery = "g (float[n] x) => (float[n] y) { y = my.Mystery(x) }"
    assert verify(mystery).status == "inconclusive"
    refused(lambda: verify(mystery, inputs=[{"x": np.ones(2)}]), "Mystery")


# -- what is right ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (np.array([0, 1, 2]), ["'y' is int64 of shape [3]", "float32 of shape [2, 3]"]),
        (np.zeros((2, 1, 1), int), ["int64 of shape [2, 1, 1]"]),
        (np.zeros((3, 3)), ["float64 of shape [3, 3]"]),
        (np.zeros(2), ["float64 of shape [2]"]),
        (np.array(["a", "b"]), ["str"]),
        ([[1], [1, 2]], ["no array"]),
    ],
)
def test_what_is_neither_labels_nor_values_is_refused(
    verify: Callable[..., Verification], right: Any, words: list[str]
) -> None:
    inputs = [{"x": np.eye(2, 3)}]
    error = refused(lambda: verify(SCORES, inputs=inputs, expected=[{"y": right}]), *words)
    assert words == ["no array"] or "labels of shape [2]" in str(error.hint)


def test_outputs_that_are_not_there_and_cases_that_are_not_there(verify: Callable[..., Verification]) -> None:
    inputs = [{"x": np.eye(2, 3)}]
    refused(lambda: verify(SCORES, inputs=inputs, expected=[{"z": np.zeros(2)}]), "no such output")
    refused(lambda: verify(SCORES, inputs=inputs, expected=[{}, {}]), "1 inputs", "2 expected outputs")
    refused(lambda: verify(SCORES, expected=[{}]), "0 inputs", "1 expected outputs")


def test_labels_that_do_not_fit_from_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("cases.npz", X=np.zeros((5, 4, 2)), h0=np.zeros((1, 4, 1)), out__Y=np.zeros(4, int))
    assert "'Y' is int64 of shape [4]" in says(capsys, "gru.onnx", "--inputs", "cases.npz")


def test_whole_numbers_for_floats_of_the_same_shape_are_values(verify: Callable[..., Verification]) -> None:
    one_class = "g (float[n, 1] x) => (float[n, 1] y) { y = Identity(x) }"
    found = verify(one_class, inputs=[{"x": np.full((2, 1), 2.5)}], expected=[{"y": np.array([[2], [3]])}])
    assert not found.accuracy
    assert found.message == "error against the values given for 'y': original 0.5, rewrite 0.5"


@pytest.mark.parametrize(
    ("cast", "right"), [("to = 7", [1, 0, 1, 1]), ("to = 9", [True, False, True, True]), ("to = 9", [1, 0, 1, 1])]
)
def test_whole_outputs_are_right_or_wrong(verify: Callable[..., Verification], cast: str, right: list[Any]) -> None:
    kind = "int64" if cast == "to = 7" else "bool"
    same, other = (
        f"g (float[n] x) => ({kind}[n] y) {{ {op}  y = Cast<{cast}>(z) }}"
        for op in ("z = Identity(x)", "z = Sub(x, x)")
    )
    x = np.array([1.0, 1, 0, 1])
    (accuracy,) = verify(same, other, inputs=[{"x": x}], expected=[{"y": np.array(right)}]).accuracy
    assert (accuracy.before, accuracy.after, accuracy.count) == (0.5, 0.25, 4)


def test_a_rewrite_of_another_shape_is_different_and_has_no_accuracy(verify: Callable[..., Verification]) -> None:
    wider = "g (float[n, 3] x) => (float[n, m] y) { y = Concat<axis = 1>(x, x) }"
    longer = "g (float[n, 3] x) => (float[m, 3] y) { y = Concat<axis = 0>(x, x) }"
    for rewrite in (wider, longer):
        for right in (np.array([0, 1]), np.zeros((2, 3))):
            found = verify(SCORES, rewrite, inputs=[{"x": np.eye(2, 3)}], expected=[{"y": right}])
            assert found.status == "different"
            assert not found.accuracy


# -- files --------------------------------------------------------------------------------------------------


def npz(**arrays: Any) -> bytes:
    np.savez("whole.npz", **arrays)
    return Path("whole.npz").read_bytes()


def zipped(name: str, content: bytes) -> bytes:
    with zipfile.ZipFile("made.zip", "w") as archive:
        archive.writestr(name, content)
    return Path("made.zip").read_bytes()


def npy(array: Any, **how: Any) -> bytes:
    np.save("one.npy", array, **how)
    return Path("one.npy").read_bytes()


def huge() -> bytes:
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000), }".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00\x76\x00" + header.encode()


FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "one.npy": (lambda: npy(np.zeros(3)), "a single array (.npy)"),
    "empty.npz": (npz, "lacks the input 'X'"),
    "nothing.npz": (lambda: b"", "not an .npz file"),
    "text.npz": (lambda: b"X,h0\n1,2\n", "not an .npz file"),
    "pickle.npz": (lambda: pickle.dumps({"X": 1}), "not an .npz file"),
    "cut.npz": (lambda: npz(X=np.zeros((5, 1, 2)))[:-30], "an .npz file that is cut short"),
    "bad.npz": (lambda: npz(X=np.zeros((5, 1, 2))).replace(b"\x93NUMPY", b"\x93NUMPI"), "not a readable .npz file"),
    "objects.npz": (lambda: npz(X=np.array([None, {}])), "holds pickled objects, which are not loaded"),
    "torch.npz": (lambda: zipped("archive/data.pkl", b"\x80\x02."), "its entry 'archive/data.pkl' is no array"),
    "short.npz": (lambda: zipped("X.npy", npy(np.zeros(9))[:-8]), "not a readable .npz file"),
    "huge.npz": (lambda: zipped("X.npy", huge()), "not a readable .npz file (its entry 'X' is of shape"),
    "twice.npz": (lambda: npz(X=np.zeros(1), in__X=np.zeros(1)), "gives 'X' twice"),
    "long" * 99: (lambda: b"", "no such file or folder (File name too long)"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_holds_no_inputs(capsys: pytest.CaptureFixture[str], name: str) -> None:
    make, complaint = FILES[name]
    content = make()
    if len(name) < 200:
        Path(name).write_bytes(content)
    assert f"{name}: {complaint}" in says(capsys, "gru.onnx", "--inputs", name)


def test_no_damage_to_a_file_escapes() -> None:
    model = takes(TensorProto.FLOAT, ["n", 3])
    raw, rng = npz(x=np.arange(12.0).reshape(4, 3), out__y=np.zeros((4, 3))), np.random.default_rng(0)
    tensor = numpy_helper.from_array(np.zeros((4, 3), np.float32), "x").SerializeToString()
    Path("set").mkdir()
    count = 0
    for path, whole in ((Path("damaged.npz"), raw), (Path("set/input_0.pb"), tensor)):
        for _ in range(150):
            damaged = np.frombuffer(whole, np.uint8).copy()
            damaged[rng.integers(0, len(whole), rng.integers(1, 4))] = rng.integers(0, 256)
            path.write_bytes(damaged.tobytes()[: len(whole) - int(rng.integers(0, 2) * rng.integers(0, len(whole)))])
            try:
                given_files.read(path if path.suffix == ".npz" else path.parent, model)
            except BadInputs:
                count += 1
    assert 100 < count < 300


def test_bfloat16_comes_back_from_a_file() -> None:
    np.savez("cases.npz", x=np.array([1.5, -2], BF16))
    ((found,), _) = given_files.read(Path("cases.npz"), takes(TensorProto.BFLOAT16))
    assert fitted(takes(TensorProto.BFLOAT16), found)["x"].tolist() == [1.5, -2.0]


# -- folders in the form of ONNX's own test data ------------------------------------------------------------


def data_set(folder: str, **arrays: Any) -> Path:
    """Write arrays as KIND_NUMBER.pb; bytes as they are."""
    path = Path(folder)
    path.mkdir(parents=True)
    for name, array in arrays.items():
        raw = array if isinstance(array, bytes) else numpy_helper.from_array(array, "any").SerializeToString()
        (path / f"{name}.pb").write_bytes(raw)
    return path


X, H0, Y = np.zeros((5, 1, 2), np.float32), np.zeros((1, 1, 1), np.float32), np.zeros((5, 1, 1, 1), np.float32)


def test_a_folder_of_several_sets_is_several_cases_in_their_order() -> None:
    for number in (0, 2, 10):
        data_set(f"sets/test_data_set_{number}", input_0=X + number, input_1=H0, output_0=Y + number)
    Path("sets/test_data_set_0.tar.gz").write_bytes(b"")
    inputs, expected = given_files.read(Path("sets"), zoo.from_text(GRU))
    assert [int(case["X"].max()) for case in inputs] == [0, 2, 10]
    assert [int(case["Y"].max()) for case in expected] == [0, 2, 10]
    assert run(["gru.onnx", "--inputs", "sets", "--dry-run", "-q"]) == 0


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, "bad: holds no input_0.pb"),
        ({"output_0": Y}, "bad: holds no input_0.pb"),
        ({"input_0": X}, "bad: lacks the input 'h0'"),
        ({"input_1": H0}, "bad: lacks the input 'X'"),
        ({"input_0": X, "input_1": H0, "input_2": H0}, "input_2.pb: the model has 2 inputs"),
        ({"input_0": X, "input_1": H0, "output_1": H0}, "output_1.pb: the model has 1 outputs"),
        ({"input_0": X[0], "input_1": H0}, "bad: input 'X' takes shape [T, N, 2]"),
        ({"input_0": b"junk", "input_1": H0}, "input_0.pb: not a readable tensor"),
        ({"input_0": b"", "input_1": H0}, "input_0.pb: not a readable tensor"),
        (
            {"input_0": TensorProto(dims=[5, 1, 2], data_type=1, raw_data=b"0000").SerializeToString()},
            "input_0.pb: not a readable tensor",
        ),
        ({"input_0": TensorProto(dims=[1], data_type=99).SerializeToString()}, "input_0.pb: not a readable tensor"),
        (
            {"input_0": zoo.external_tensor("X", [5, 1, 2], location="x.bin").SerializeToString()},
            "its external data sets/test_data_set_bad/x.bin is missing",
        ),
    ],
)
def test_a_folder_that_holds_no_inputs(
    capsys: pytest.CaptureFixture[str], files: dict[str, Any], complaint: str
) -> None:
    data_set("sets/test_data_set_0", input_0=X, input_1=H0)
    data_set("sets/test_data_set_bad", **files)
    assert complaint in says(capsys, "gru.onnx", "--inputs", "sets")


# -- shapes -------------------------------------------------------------------------------------------------

SHAPES = {
    "X=-1,1,2": "'X' is (-1, 1, 2)",
    "X=5,1": "'X' has 2 dims, its input 3",
    "X=5,1,3": "axis 2 of input 'X' is 2 in one place and 3 in another",
    "Z=5,1,2": "'Z', but the model has no such input",
    "X=": "'X' has 0 dims",
    "X=1000000000,1000000000,2": "input 'X' of shape [1000000000, 1000000000, 2] does not fit into memory",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_that_does_not_fit(capsys: pytest.CaptureFixture[str], shape: str) -> None:
    assert SHAPES[shape] in says(capsys, "gru.onnx", "--shape", shape)


@pytest.mark.parametrize("shape", [(10**40, 1, 2), (0, 10**40, 2)])
def test_a_size_beyond_what_onnx_can_hold(capsys: pytest.CaptureFixture[str], shape: tuple[int, ...]) -> None:
    assert run(["gru.onnx", "--shape", f"X={','.join(map(str, shape))}"]) == 2
    assert capsys.readouterr().err.startswith("error GL008: Invalid value for '--shape'")
    with pytest.raises(gru_lower.GruLowerError, match="does not fit into memory"):
        gru_lower.lower("gru.onnx", shapes={"X": shape})


def test_shapes_that_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert "axis 1 of input 'h0'" in says(capsys, "gru.onnx", "--shape", "X=5,2,2", "--shape", "h0=1,3,1")
    assert "axis 1 of input 'X'" in says(capsys, "gru.onnx", "--shape", "X=5,2,2", "--fix-dim", "N=1")


@pytest.mark.parametrize("shape", [(5.0, 1, 2), ("5", 1, 2), "512", 5, None, (None, 1, 2), (10**7, 10**7, 2)])
def test_the_library_refuses_shapes_likewise(shape: Any) -> None:
    refused(lambda: gru_lower.lower("gru.onnx", shapes={"X": shape}), "'X'")
    refused(lambda: gru_lower.verify("gru.onnx", "gru.onnx", shapes={"X": shape}), "'X'")


def test_numpys_own_integers_are_sizes(verify: Callable[..., Verification]) -> None:
    found = verify(SCORES, NEGATED, shapes={"x": np.array([4, 3])})
    assert found.worst is not None
    assert found.worst.index[0] < 4


def test_a_model_of_huge_inputs_is_not_the_users_fault(verify: Callable[..., Verification]) -> None:
    found = verify("g (float[1000000, 1000000] x) => (float[1000000, 1000000] y) { y = Neg(x) }")
    assert found.status == "inconclusive"
    assert "input 'x' of shape [1000000, 1000000] does not fit into memory" in found.message


@pytest.mark.parametrize("where", ["inputs.generate.draw_values", "whole_models.model_pair.compare"])
def test_memory_that_runs_out_halfway(
    verify: Callable[..., Verification], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(f"gru_lower.verification.{where}", full)
    found = verify(SCORES)
    assert found.status == "inconclusive"
    assert "fit into memory" in found.message
    if where == "inputs.generate.draw_values":
        refused(lambda: verify(SCORES, shapes={"x": (2, 3)}), "'x' of shape [2, 3]", "memory")


def test_how_much_fits_depends_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "default_memory", lambda: 24 * 30)
    model = parsed(SCORES)
    assert next(generate.candidate_feeds(model, shapes={"x": (10, 3)}))["x"].shape == (10, 3)
    refused(lambda: next(generate.candidate_feeds(model, shapes={"x": (11, 3)})), "[11, 3]", "memory")


def test_an_element_type_of_the_future_is_inconclusive() -> None:
    future = takes(99)
    assert "element type 99" in gru_lower.verify(future, future).message


# -- numbers in a GRU that are none -------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("label", ["activation_alpha", "activation_beta"])
def test_an_activation_parameter_that_is_no_number(label: str, value: float) -> None:
    odd: dict[str, Any] = {label: [value]}
    model = zoo.gru_model(activations=["HardSigmoid", "Tanh"], **odd)
    with pytest.raises(gru_lower.InvalidModel) as caught:
        gru_lower.lower(model)
    error = caught.value
    assert (error.code, error.message, error.node) == ("GL113", f"{label} holds {value:g}", "main#0:Y")
    assert "finite" in str(error.hint)
    report = gru_lower.inspect(model).to_dict()
    assert [site["code"] for site in report["sites"]] == ["GL113"]
    json.dumps(report, allow_nan=False)
    assert zoo.read_gru(zoo.gru_model(**odd)).spec is None, "nor where nothing takes it"


# -- how much is said ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "step"),
    [
        (["gru.onnx", "--dry-run"], "verifying the whole model"),
        (["verify", "gru.onnx", "gru.onnx", "--search", "0"], "rewrite in onnxruntime, case 1 of 3"),
        (["inspect", "gru.onnx"], ""),
    ],
)
def test_verbose_adds_versions_and_times_then_steps(
    capsys: pytest.CaptureFixture[str], args: list[str], step: str
) -> None:
    plain, once, twice = ((run([*args, *more]), capsys.readouterr()) for more in ([], ["-v"], ["-vv"]))
    assert plain[0] == once[0] == twice[0] == 0
    # How long the long case is, and so the largest error, depends on how quick the machine is at the moment.
    shown = [re.sub(r"\d[\d.e+-]*", "0", each[1].out) for each in (plain, once, twice)]
    assert shown[0] == shown[1] == shown[2]
    assert plain[1].err == ""
    first, last = once[1].err.splitlines()
    assert first.startswith(f"gru-lower {gru_lower.__version__}, onnx {onnx.__version__}, onnxruntime ")
    assert last.startswith("took ")
    said = twice[1].err.splitlines()
    assert said[0] == first
    assert len(said) > 2 if step else len(said) == 2
    assert any(line.endswith(f" s  {step}") for line in said[1:-1]) or not step


def test_a_file_of_inputs_makes_no_model_be_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    load = graph_model.load

    def counted(path: Path, *, whole: bool = False) -> graph_model.Model:
        read.append(path)
        return load(path, whole=whole)

    monkeypatch.setattr(graph_model, "load", counted)
    digits = Path(__file__).resolve().parents[1] / "fixtures" / "digits_gru.onnx"
    (rows,) = onnx.load(digits).graph.input
    dims = [dim.dim_value or 1 for dim in rows.type.tensor_type.shape.dim]
    arrays: dict[str, Any] = {rows.name: np.zeros(dims, np.float32)}
    np.savez(tmp_path / "x.npz", **arrays)
    gru_lower.lower(digits, inputs=tmp_path / "x.npz")
    assert read == [digits]
    assert gru_lower.verify(digits, digits, inputs=tmp_path / "x.npz").holds
    assert read == [digits] * 3
