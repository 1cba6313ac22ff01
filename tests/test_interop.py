"""Whatever holds a model goes in, the same kind comes out, and what was handed in stays as it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest
from onnx import numpy_helper

import gru_lower
from gru_lower import interop
from gru_lower.errors import InvalidModel, Unsupported
from strategies import random_case

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / "fixtures" / "digits_gru.onnx"


@pytest.fixture
def model() -> onnx.ModelProto:
    """A model with documentation and metadata, which not every kind can hold."""
    proto = random_case(
        np.random.default_rng(5),
        opset=17,
        dtype=np.float32,
        T=4,
        hidden_size=3,
        H=3,
        layout=None,
        sequence_lens=None,
        activations=None,
        constants=frozenset({"W", "R", "B"}),
    ).model()
    proto.doc_string = "kept"
    proto.metadata_props.add(key="author", value="someone")
    return proto


def ops(proto: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in proto.graph.node}


def contents(graph: gs.Graph) -> list[Any]:
    """Describe a graphsurgeon graph by what it holds: exporting it would edit it."""
    nodes = [
        [node.op, node.name, node.domain, *(tensor(each) for each in (*node.inputs, *node.outputs)), attributes(node)]
        for node in graph.nodes
    ]
    return [graph.name, graph.opset, *(tensor(each) for each in (*graph.inputs, *graph.outputs)), *nodes]


def attributes(node: gs.Node) -> dict[str, Any]:
    return {name: contents(value) if isinstance(value, gs.Graph) else repr(value) for name, value in node.attrs.items()}


def tensor(each: gs.Tensor) -> tuple[Any, ...]:
    held = each.values.tobytes() if isinstance(each, gs.Constant) else None
    return type(each), each.name, str(each.dtype), str(each.shape), held


def test_a_path_gives_a_proto(tmp_path: Path, model: onnx.ModelProto) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    raw = path.read_bytes()
    for source in (path, str(path)):
        result = gru_lower.lower(source)
        assert isinstance(result.model, onnx.ModelProto)
        assert "GRU" not in ops(result.model)
        assert result.report.input.path == str(path)
        assert result.report.verification.status == "equivalent"
    assert path.read_bytes() == raw
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_give_a_proto(model: onnx.ModelProto, kind: Callable[[bytes], Any]) -> None:
    raw = model.SerializeToString()
    source = kind(raw)
    result = gru_lower.lower(source, verify=False)
    assert isinstance(result.model, onnx.ModelProto)
    assert "GRU" not in ops(result.model)
    assert bytes(source) == raw
    assert result.report.input.path is None


def test_a_proto_gives_another(model: onnx.ModelProto) -> None:
    before = model.SerializeToString(deterministic=True)
    result = gru_lower.lower(model)
    assert isinstance(result.model, onnx.ModelProto)
    assert result.model is not model
    assert "GRU" not in ops(result.model)
    assert result.model.doc_string == "kept"
    assert [entry.key for entry in result.model.metadata_props] == ["author"]
    assert result.report.diagnostics == []
    assert model.SerializeToString(deterministic=True) == before


def test_editing_the_result_leaves_the_source_alone(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "example"
    before = model.SerializeToString(deterministic=True)
    result = gru_lower.lower(model)
    result.model.graph.node[0].op_type = "Neg"
    assert model.SerializeToString(deterministic=True) == before


def test_a_graphsurgeon_graph_gives_another_and_a_note(model: onnx.ModelProto) -> None:
    graph = gs.import_onnx(model)
    raw, before = model.SerializeToString(deterministic=True), contents(graph)
    nodes, tensors = list(graph.nodes), graph.tensors()
    result = gru_lower.lower(graph)
    assert isinstance(result.model, gs.Graph)
    assert "GRU" not in {node.op for node in result.model.nodes}
    assert "GRU" not in ops(gs.export_onnx(result.model))
    assert result.report.verification.status == "equivalent"
    assert [found.code for found in result.report.diagnostics] == ["GL010"]
    assert "metadata_props" in result.report.diagnostics[0].message
    assert [id(node) for node in graph.nodes] == [id(node) for node in nodes]
    assert {name: id(tensor) for name, tensor in graph.tensors().items()} == {n: id(t) for n, t in tensors.items()}
    assert contents(graph) == before
    assert model.SerializeToString(deterministic=True) == raw
    assert [found.code for found in gru_lower.inspect(graph).diagnostics] == ["GL010"]


def test_a_graphsurgeon_graph_keeps_its_bodies() -> None:
    text = (ROOT / "fixtures" / "golden" / "in_if.onnxtxt").read_text(encoding="utf-8")
    graph = gs.import_onnx(onnx.parser.parse_model(text))
    before = contents(graph)
    result = gru_lower.lower(graph, form="scan")
    assert [site.scope for site in result.report.sites] == ["main/choose.then_branch"]
    assert result.report.verification.status == "equivalent"
    assert contents(graph) == before


def test_a_kind_of_ones_own_is_taken_for_what_it_is(model: onnx.ModelProto) -> None:
    class Graph(gs.Graph):  # type: ignore[misc]
        """As tools built on graphsurgeon have them."""

    graph = gs.import_onnx(model)
    graph.__class__ = Graph
    result = gru_lower.lower(graph, verify=False)
    assert isinstance(result.model, gs.Graph)
    assert "GRU" not in {node.op for node in result.model.nodes}


def written_by_hand(**output: Any) -> gs.Graph:
    """Return a graph of one GRU as a person builds it, without a model to start from."""
    X, Y = gs.Variable("X", np.float32, ("T", 2, 3)), gs.Variable("Y", **output)
    weights = [gs.Constant("W", np.ones((1, 6, 3), np.float32)), gs.Constant("R", np.ones((1, 6, 2), np.float32))]
    node = gs.Node("GRU", attrs={"hidden_size": 2}, inputs=[X, *weights], outputs=[Y])
    return gs.Graph(nodes=[node], inputs=[X], outputs=[Y], opset=17)


def test_a_graph_without_ir_version_gets_one_that_runtimes_know() -> None:
    result = gru_lower.lower(written_by_hand(dtype=np.float32))
    assert result.report.verification.status == "equivalent"
    assert result.report.verification.message == ""  # it ran in onnxruntime, which does not know onnx's newest version


def test_a_graph_that_cannot_be_exported_is_an_invalid_model() -> None:
    with pytest.raises(InvalidModel, match="Y") as caught:
        gru_lower.lower(written_by_hand())
    assert caught.value.code == "GL003"
    assert caught.value.hint


def test_an_ir_model_gives_another(model: onnx.ModelProto) -> None:
    ir = pytest.importorskip("onnx_ir")
    source = ir.from_proto(model)
    before = ir.to_proto(source).SerializeToString(deterministic=True)
    nodes = list(source.graph)
    result = gru_lower.lower(source)
    assert isinstance(result.model, ir.Model)
    assert result.model is not source
    assert "GRU" not in {node.op_type for node in result.model.graph}
    assert result.model.metadata_props == {"author": "someone"}
    assert result.report.verification.status == "equivalent"
    assert result.report.diagnostics == []
    assert all(a is b for a, b in zip(source.graph, nodes, strict=True))
    assert ir.to_proto(source).SerializeToString(deterministic=True) == before


def test_a_part_of_an_ir_model_is_none(model: onnx.ModelProto) -> None:
    ir = pytest.importorskip("onnx_ir")
    with pytest.raises(InvalidModel, match="Graph") as caught:
        gru_lower.lower(ir.from_proto(model).graph)
    assert caught.value.code == "GL002"


def test_an_old_torch_program_gives_a_proto(model: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch) -> None:
    # torch is a gigabyte; what counts is the class's module and the one attribute that is read.
    module = ModuleType("torch.onnx._internal.exporter")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    class ONNXProgram:
        def __init__(self, proto: onnx.ModelProto) -> None:
            self.model_proto = proto

    ONNXProgram.__module__ = module.__name__
    before = model.SerializeToString(deterministic=True)
    result = gru_lower.lower(ONNXProgram(model))
    assert isinstance(result.model, onnx.ModelProto)
    assert "GRU" not in ops(result.model)
    assert model.SerializeToString(deterministic=True) == before


@pytest.mark.slow
def test_the_example_of_every_kind_runs() -> None:
    words = [
        sys.executable,
        str(ROOT / "examples" / "kinds.py"),
        "path",
        "bytes",
        "ModelProto",
        "gs.Graph",
        "onnx_ir.Model",
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kinds = {"path": "onnx.ModelProto", "bytes": "onnx.ModelProto", "ModelProto": "onnx.ModelProto"}
    kinds |= {"gs.Graph": "onnx_graphsurgeon.Graph", "onnx_ir.Model": "onnx_ir.Model"}
    assert [line.split(";")[0] for line in done.stdout.splitlines()] == [
        f"{name}: {kind} came out, equivalent" for name, kind in kinds.items()
    ]


def test_a_torch_program_gives_another_that_runs_its_own_model(
    model: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    ir = pytest.importorskip("onnx_ir")
    module = ModuleType("torch.onnx._internal.exporter")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    class ONNXProgram:  # what of torch's own is touched
        def __init__(self, proto: onnx.ModelProto) -> None:
            self.model = ir.from_proto(proto)
            self._inference_session: str | None = "running"
            self._tempdir: str | None = "in use"

        @property
        def model_proto(self) -> onnx.ModelProto:
            return ir.to_proto(self.model)  # type: ignore[no-any-return]

    ONNXProgram.__module__ = module.__name__
    program = ONNXProgram(model)
    lowered = gru_lower.lower(program).model
    assert type(lowered) is ONNXProgram
    assert "GRU" not in ops(lowered.model_proto)
    assert "GRU" in ops(program.model_proto)
    assert lowered._inference_session is lowered._tempdir is None
    assert [program._inference_session, program._tempdir] == ["running", "in use"]


def test_a_result_is_saved_and_given_as_bytes(tmp_path: Path, model: onnx.ModelProto) -> None:
    result = gru_lower.lower(model.SerializeToString(), verify=False)
    result.save(tmp_path / "lowered.onnx")
    assert (tmp_path / "lowered.onnx").read_bytes() == result.to_bytes() == result.model.SerializeToString()
    with pytest.raises(Unsupported, match="already exists"):
        result.save(tmp_path / "lowered.onnx")
    result.save(str(tmp_path / "lowered.onnx"), overwrite=True)


@pytest.mark.parametrize("source", [None, 17, {"model": 1}, np.zeros(3), onnx.GraphProto(), gs.Node("GRU"), gs.Graph])
def test_anything_else_is_refused_by_name(source: Any) -> None:
    with pytest.raises(InvalidModel, match=type(source).__qualname__) as caught:
        gru_lower.lower(source)
    assert caught.value.code == "GL002"
    assert "ModelProto" in (caught.value.hint or "")


def test_kinds_may_be_mixed(model: onnx.ModelProto) -> None:
    assert interop.read(gs.import_onnx(model)).model.notes[0].code == "GL010"
    lowered = gru_lower.lower(gs.import_onnx(model), verify=False).model
    assert gru_lower.verify(model, lowered).status == "equivalent"
    assert gru_lower.verify(model.SerializeToString(), gs.import_onnx(model)).status == "equivalent"


def test_a_model_in_memory_with_data_elsewhere_says_what_is_missing(tmp_path: Path) -> None:
    model = onnx.load(DIGITS)
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="model.data", size_threshold=0, convert_attribute=False)
    half_loaded = onnx.load(path, load_external_data=False)
    with pytest.raises(InvalidModel, match="came without a folder") as caught:
        gru_lower.lower(half_loaded)
    assert caught.value.code == "GL006"
    assert gru_lower.lower(path).report.verification.status == "equivalent"


def test_the_packages_of_other_kinds_are_not_imported_for_a_path() -> None:
    code = (
        f"import gru_lower, sys; gru_lower.inspect({str(DIGITS)!r}); print({{'onnx_ir', 'torch'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_weights_survive_every_kind(model: onnx.ModelProto) -> None:
    ir = pytest.importorskip("onnx_ir")
    expected = gru_lower.lower(model, verify=False).model
    for source in (gs.import_onnx(model), ir.from_proto(model)):
        held = gru_lower.lower(source, verify=False).held.proto
        assert values(held) == values(expected)


def values(proto: onnx.ModelProto) -> dict[str, bytes]:
    return {tensor.name: numpy_helper.to_array(tensor).tobytes() for tensor in proto.graph.initializer}
