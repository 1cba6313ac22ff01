"""What lowering does not touch stays, to the byte: in every model at hand, and in one that holds all there is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import FunctionProto, GraphProto, NodeProto, TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph.model import load
from gru_lower.graph.scopes import is_onnx, subgraphs
from lowering import holds_gru, lower
from zoo import everything, exact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.api.shared_options import Form

ROOT = Path(__file__).resolve().parents[1]


def check_untouched(before: onnx.ModelProto, after: onnx.ModelProto) -> None:
    """Hold everything but GRUs, what replaced them, and what they alone used, to what it was."""
    shells = []
    for model in (before, after):
        shell = onnx.ModelProto()
        shell.CopyFrom(model)
        shell.graph.Clear()
        shell.ClearField("functions")
        shells.append(exact(shell))
    assert shells[0] == shells[1]
    check_scope(before.graph, after.graph)
    assert len(before.functions) <= len(after.functions)
    for old, new in zip(before.functions, after.functions, strict=False):
        check_scope(old, new)


def check_scope(before: GraphProto | FunctionProto, after: GraphProto | FunctionProto) -> None:
    """Hold one graph or function, and the bodies in it."""
    left = {exact(node) for node in after.node}
    old = list(before.node)
    kept = [node for node in old if not is_onnx(node, "GRU") and exact(node) in left]
    order = [exact(node) for node in after.node if exact(node) in {exact(each) for each in kept}]
    assert order == [exact(node) for node in kept], "nodes that stay keep their bytes and their order"
    produced = {name: node for node in after.node for name in node.output if name}
    for node in old:
        if is_onnx(node, "GRU") or exact(node) in left:
            continue
        names = [name for name in node.output if name]
        if any(name in produced for name in names):  # only a body inside it may differ
            twin = next(produced[name] for name in names if name in produced)
            assert shell_of(node) == shell_of(twin), node.name
            for (_, inner), (_, other) in zip(subgraphs(node), subgraphs(twin), strict=True):
                check_scope(inner, other)
        else:
            assert not any(holds(node_inside) for node_inside in [node]), "a node that went held a GRU only"
    if isinstance(before, GraphProto) and isinstance(after, GraphProto):
        check_values(before, after)


def holds(node: NodeProto) -> bool:
    """Whether a node holds a body with anything in it: such a node never goes with a GRU."""
    return any(body.node for _, body in subgraphs(node))


def shell_of(node: NodeProto) -> bytes:
    """Return a node's bytes without its bodies and its operator, which a cloned function changes."""
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.op_type = ""
    for attribute in copy.attribute:
        attribute.ClearField("g")
        attribute.ClearField("graphs")
    return exact(copy)


def check_values(before: GraphProto, after: GraphProto) -> None:
    """Hold initializers, types, annotations and everything else of a graph."""
    assert before.name == after.name
    assert before.doc_string == after.doc_string
    assert [exact(v) for v in before.output] == [exact(v) for v in after.output]
    assert [exact(v) for v in before.sparse_initializer] == [exact(v) for v in after.sparse_initializer]
    assert [exact(v) for v in before.metadata_props] == [exact(v) for v in after.metadata_props]
    for field in ("initializer", "value_info", "quantization_annotation", "input"):
        new = [exact(item) for item in getattr(after, field)]
        old = [exact(item) for item in getattr(before, field)]
        stayed = [item for item in old if item in set(new)]
        assert [item for item in new if item in set(old)] == stayed, f"{field}: order"
        gone = [item for item in getattr(before, field) if exact(item) not in set(new)]
        used = {name for node in after.node for name in all_uses(node)} | {v.name for v in after.output}
        left = {exact(node) for node in after.node}
        touched = {name for node in before.node if exact(node) not in left for name in (*all_uses(node), *node.output)}
        for item in gone:
            name = getattr(item, "name", "") or getattr(item, "tensor_name", "")
            assert name not in used, f"{field}: {name} went and is used"
            assert name in touched, f"{field}: {name} went and has nothing to do with a GRU"


def all_uses(node: NodeProto) -> Iterator[str]:
    """Yield what a node and its bodies use."""
    yield from node.input
    for _, body in subgraphs(node):
        for inner in body.node:
            yield from all_uses(inner)
        yield from (value.name for value in body.output)


def check_model(path: Path, form: Form) -> bool:
    """Lower a file; return whether it had a GRU."""
    raw = path.read_bytes()
    before = onnx.ModelProto.FromString(raw)
    result = gru_lower.lower(path, form=form, verify=False)
    if not result.held.modified:
        assert result.held.to_bytes() == raw
        return False
    check_untouched(before, onnx.ModelProto.FromString(result.held.to_bytes()))
    return True


@pytest.mark.parametrize("form", ["auto", "scan"])
def test_every_fixture(form: Form) -> None:
    assert sum(check_model(path, form) for path in sorted((ROOT / "fixtures").glob("*.onnx")))


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["models", "exports", "suites"])
def test_every_model_of_others(shared: Path, folder: str) -> None:
    """In what has no GRU not a byte changes; in the rest, only what has to."""
    paths = sorted((shared / folder).rglob("*.onnx"))
    assert sum(check_model(path, "scan") for path in paths) >= 4


def the_lot() -> onnx.ModelProto:
    """Return the zoo's model of everything with a GRU in it, and types and tensors of every rare kind beside."""
    model = everything()
    graph = model.graph
    rng = np.random.default_rng(0)
    for name, shape in (("gru_W", (1, 6, 2)), ("gru_R", (1, 6, 2))):
        graph.initializer.append(numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name))
    graph.input.append(helper.make_tensor_value_info("X", TensorProto.FLOAT, [3, 1, 2]))
    graph.output.append(helper.make_tensor_value_info("gru_Y", TensorProto.FLOAT, [3, 1, 1, 2]))
    graph.node.insert(3, helper.make_node("GRU", ["X", "gru_W", "gru_R"], ["gru_Y"], name="rnn", hidden_size=2))
    sizes = {
        "INT4": 1,
        "UINT4": 1,
        "FLOAT8E4M3FN": 2,
        "FLOAT8E4M3FNUZ": 2,
        "FLOAT8E5M2": 2,
        "BFLOAT16": 4,
        "FLOAT16": 4,
    }
    for kind, size in (sizes | {"COMPLEX64": 16}).items():
        raw, data_type = bytes(range(1, size + 1)), getattr(TensorProto, kind)
        graph.initializer.append(TensorProto(name=f"rare_{kind}", data_type=data_type, dims=[2], raw_data=raw))
    graph.initializer.append(
        TensorProto(name="words", data_type=TensorProto.STRING, dims=[2], string_data=[b"a", b"\xff"])
    )
    typed = TensorProto(name="typed", data_type=TensorProto.FLOAT, dims=[2], float_data=[1, 2], doc_string="typed data")
    graph.initializer.append(typed)
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, [None])
    for name, kind in (
        ("maybe", helper.make_optional_type_proto(tensor)),
        ("many", helper.make_sequence_type_proto(tensor)),
        ("lookup", helper.make_map_type_proto(TensorProto.INT64, tensor)),
    ):
        graph.input.append(helper.make_value_info(name, kind))
    overloaded = model.functions.add()
    overloaded.CopyFrom(model.functions[0])
    overloaded.overload = "second"
    overloaded.value_info.append(helper.make_tensor_value_info("t", TensorProto.FLOAT, None))
    model.opset_import.append(helper.make_opsetid("com.other", 3))
    unnamed = helper.make_node("Custom", ["x"], ["custom"], domain="com.other")
    unnamed.attribute.append(helper.make_attribute("graphs", [onnx.GraphProto(name="g1"), onnx.GraphProto(name="g2")]))
    unnamed.attribute.append(helper.make_attribute("tensors", [numpy_helper.from_array(np.ones(1))]))
    graph.node.append(unnamed)
    return model


@pytest.mark.parametrize("form", ["scan", "loop", "unroll"])
def test_a_model_of_everything(form: Form) -> None:
    before = the_lot()
    after, result = lower(before, f"lower-gru{{form={form}}}")
    assert [site.action for site in result.sites] == ["lowered"]
    assert not holds_gru(after)
    check_untouched(before, after)
    assert {t.name for t in before.graph.initializer} - {t.name for t in after.graph.initializer} == {"gru_W", "gru_R"}


def test_a_model_of_everything_without_a_gru(tmp_path: Path) -> None:
    """Nothing to do: the file that is written is the file that was read."""
    model = the_lot()
    del model.graph.node[3]
    model.graph.output.remove(next(each for each in model.graph.output if each.name == "gru_Y"))
    source, target = tmp_path / "a.onnx", tmp_path / "b.onnx"
    source.write_bytes(model.SerializeToString())
    from gru_lower.graph.write_model import save

    result: Any = gru_lower.lower(source)
    save(result.held, target)
    assert target.read_bytes() == source.read_bytes()
    assert load(target).to_bytes() == source.read_bytes()


@pytest.mark.parametrize("opset", [7, 8])
def test_old_models_keep_their_inputs(opset: int) -> None:
    """IR version 3: an initializer that goes takes its input along, and no input is left without a value."""
    rng = np.random.default_rng(0)
    names = {"W": (1, 6, 2), "R": (1, 6, 2)}
    initializers = [numpy_helper.from_array(rng.standard_normal(s).astype(np.float32), n) for n, s in names.items()]
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in {"X": (3, 1, 2), **names}.items()]
    graph = helper.make_graph(
        [helper.make_node("GRU", ["X", "W", "R"], ["Y"], hidden_size=2)],
        "g",
        inputs,
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [3, 1, 1, 2])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=3)
    lowered, _ = lower(model, "lower-gru")
    assert [value.name for value in lowered.graph.input] == ["X"]
    assert not lowered.graph.initializer
    onnx.checker.check_model(lowered, full_check=True)
