"""An edit changes what it says and nothing else: every untouched message keeps its bytes and its place."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import zoo
from gru_lower.graph import splice
from gru_lower.graph.model import Model
from gru_lower.graph.names import Names, node_names, value_names
from gru_lower.graph.scopes import walk
from gru_lower.graph.splice import Edit
from zoo import exact, from_text, node_named, scope_of

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence


def replace(
    model: ModelProto,
    path: str,
    outputs: Sequence[str],
    nodes: Sequence[NodeProto],
    initializers: Sequence[TensorProto] = (),
    value_info: Sequence[onnx.ValueInfoProto] = (),
) -> Model:
    """Replace the nodes that produce these values."""
    held = Model(model)
    scope = scope_of(model, path)
    removed = [scope.producers[name] for name in outputs]
    assert splice.apply(held, [Edit(scope, removed, list(nodes), list(initializers), list(value_info))])
    return held


def node(op_type: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> NodeProto:
    """Return a node named after its first output."""
    return helper.make_node(op_type, inputs, outputs, name=f"new_{outputs[0]}", **attributes)


def produced(owner: GraphProto | FunctionProto) -> list[str]:
    """Return the first output of every node, in order."""
    return [each.output[0] for each in owner.node]


def messages(container: Any) -> list[bytes]:
    """Return the bytes of every message."""
    return [exact(message) for message in container]


class TestUntouched:
    def test_all_that_was_not_named_keeps_its_bytes_and_its_place(self) -> None:
        before, after = zoo.everything(), zoo.everything()
        assert exact(before).count(zoo.UNKNOWN_FIELD) == 6
        held = replace(after, "main", ["b"], [node("Neg", ["a"], ["b/t"]), node("Abs", ["b/t"], ["b"])])
        assert held.modified
        assert held.proto is after
        onnx.checker.check_model(after)
        old, new = before.graph, after.graph
        assert messages(new.node)[:2] == messages(old.node)[:2]
        assert messages(new.node)[4:] == messages(old.node)[3:]
        assert messages(new.initializer) == [exact(t) for t in old.initializer if t.name != "w_old"]
        assert messages(new.quantization_annotation) == [
            exact(a) for a in old.quantization_annotation if a.tensor_name != "w_old"
        ]
        for model in (before, after):
            for field in ("node", "initializer", "quantization_annotation"):
                model.graph.ClearField(field)
        assert exact(after) == exact(before)
        assert exact(after).count(zoo.UNKNOWN_FIELD) == 3

    def test_an_edit_in_a_body_leaves_the_node_around_it_alone(self) -> None:
        before, after = zoo.everything(), zoo.everything()
        replace(after, "main/branch.then_branch", ["i"], [node("Add", ["a", "w"], ["i"])])
        for model in (before, after):
            branch = node_named(model.graph, "branch")
            (body,) = (attribute.g for attribute in branch.attribute if attribute.name == "then_branch")
            body.ClearField("node")
        assert exact(after) == exact(before)

    def test_an_edit_in_a_function_leaves_everything_else_alone(self) -> None:
        before, after = zoo.everything(), zoo.everything()
        replace(after, "function my.domain::Wrap", ["t"], [node("Add", ["p", "c"], ["t"])])
        assert [each.op_type for each in after.functions[0].node] == ["Constant", "Add", "Add"]
        for model in (before, after):
            del model.functions[0].node[1]
        assert exact(after) == exact(before)

    def test_no_edit_is_no_change(self) -> None:
        model = zoo.everything()
        raw = exact(model)
        held = Model(model)
        assert not splice.apply(held, [])
        assert not held.modified
        assert exact(model) == raw

    def test_messages_are_moved_and_not_rebuilt(self) -> None:
        model = zoo.everything()
        last = node_named(model.graph, "last")
        replace(model, "main", ["b"], [node("Neg", ["a"], ["b"])])
        last.name = "renamed"
        assert model.graph.node[5].name == "renamed"


class TestDeadCode:
    CHAIN = """
        <ir_version: 8, opset_import: ["" : 17]>
        g (float[2] x, float[2] given) => (float[2] y)
          <float[2] given = {0, 0}, float[2] w = {1, 2}, float[2] v = {3, 4}, float[2] shared = {5, 6},
           float[2] unused = {7, 8}, float[2] t, float[2] q, float[2] kept>
        {
          q = Add (w, v)
          t = Mul (q, shared)
          one, other = Split <axis = 0> (t)
          old = Concat <axis = 0> (one, given)
          dead = Neg (unused)
          kept = Add (x, shared)
          y = Add (kept, old)
        }
    """

    def test_what_the_edit_made_dead_goes_and_nothing_else(self) -> None:
        model = from_text(self.CHAIN)
        replace(model, "main", ["old"], [node("Neg", ["x"], ["old"])])
        onnx.checker.check_model(model)
        assert produced(model.graph) == ["old", "dead", "kept", "y"]
        assert [t.name for t in model.graph.initializer] == ["given", "shared", "unused"]
        assert [v.name for v in model.graph.value_info] == ["kept"]
        assert [v.name for v in model.graph.input] == ["x", "given"], "what a user may override is the interface"

    def test_a_producer_of_something_still_used_stays(self) -> None:
        model = from_text(self.CHAIN)
        model.graph.node[6].input[0] = "other"
        replace(model, "main", ["old"], [node("Neg", ["x"], ["old"])])
        assert produced(model.graph)[:3] == ["q", "t", "one"]
        assert [t.name for t in model.graph.initializer] == ["given", "w", "v", "shared", "unused"]

    def test_a_producer_of_an_output_stays(self) -> None:
        model = from_text(self.CHAIN)
        model.graph.output.add(name="t").type.tensor_type.elem_type = TensorProto.FLOAT
        replace(model, "main", ["old"], [node("Neg", ["x"], ["old"])])
        assert produced(model.graph)[:3] == ["q", "t", "old"]

    def test_what_was_dead_before_keeps_what_it_uses(self) -> None:
        model = from_text(self.CHAIN)
        model.graph.node[4].input[0] = "t"
        replace(model, "main", ["old"], [node("Neg", ["x"], ["old"])])
        assert produced(model.graph) == ["q", "t", "old", "dead", "kept", "y"]

    def test_what_the_replacement_uses_stays(self) -> None:
        model = from_text(self.CHAIN)
        replace(model, "main", ["old"], [node("Identity", ["v"], ["old"])])
        assert [t.name for t in model.graph.initializer] == ["given", "v", "shared", "unused"]

    def test_what_training_uses_stays(self) -> None:
        model = from_text(self.CHAIN)
        training = model.training_info.add()
        training.algorithm.node.add(op_type="Neg", input=["w"], output=["step"])
        training.update_binding.add(key="shared", value="step")
        training.initialization_binding.add(key="v", value="fresh")
        replace(model, "main", ["old"], [node("Neg", ["x"], ["old"])])
        replace(model, "main", ["kept"], [node("Neg", ["x"], ["kept"])])
        assert [t.name for t in model.graph.initializer] == ["given", "w", "v", "shared", "unused"]
        assert produced(model.graph) == ["old", "dead", "kept", "y"]

    def test_sparse_initializers_go_with_their_last_user(self) -> None:
        model = zoo.everything()
        replace(model, "main", ["s"], [node("Neg", ["x"], ["s"])])
        assert not model.graph.sparse_initializer

    def test_an_annotation_keeps_the_tensors_it_names(self) -> None:
        model = from_text(self.CHAIN)
        for name, scale in (("x", "w"), ("t", "v"), ("kept", "shared")):
            annotation = model.graph.quantization_annotation.add(tensor_name=name)
            annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value=scale)
        replace(model, "main", ["old"], [node("Neg", ["x"], ["old"])])
        assert [t.name for t in model.graph.initializer] == ["given", "w", "shared", "unused"]
        assert [a.tensor_name for a in model.graph.quantization_annotation] == ["x", "kept"]

    @pytest.mark.parametrize("ir_version", [3, 4])
    def test_before_ir_4_an_initializer_goes_with_its_input(self, ir_version: int) -> None:
        model = from_text(f"""
            <ir_version: {ir_version}, opset_import: ["" : 8]>
            g (float[2] x, float[2] w, float[2] unused, float[2] no_default) => (float[2] y)
              <float[2] w = {{1, 2}}, float[2] unused = {{3, 4}}>
            {{ t = Add (x, w)  u = Add (t, no_default)  y = Identity (u) }}
        """)
        replace(model, "main", ["u"], [node("Neg", ["x"], ["u"])])
        old = ir_version < 4
        assert produced(model.graph) == ["u", "y"]
        assert [t.name for t in model.graph.initializer] == ["unused"] if old else ["w", "unused"]
        names = [v.name for v in model.graph.input]
        assert names == (["x", "unused", "no_default"] if old else ["x", "w", "unused", "no_default"])
        onnx.checker.check_model(model)

    def test_what_only_a_removed_body_captured_goes_from_the_scope_around(self) -> None:
        model = zoo.nested()
        replace(model, "main/pick.then_branch", ["s"], [node("Identity", ["q"], ["s"]), node("Neg", ["x"], ["a_all"])])
        onnx.checker.check_model(model)
        assert [t.name for t in model.graph.initializer] == ["w"], "ten was the Loop's alone"
        assert [v.name for v in model.graph.input] == ["x", "c", "rows"], "inputs are the interface"

    def test_a_body_made_dead_frees_what_it_captured_through_every_scope(self) -> None:
        model = from_text("""
            <ir_version: 8, opset_import: ["" : 17]>
            g (float[2] x, bool c) => (float[2] y) <float[2] w = {1, 2}>
            {
              p = Neg (w)
              y = If (c) <
                then_branch = t () => (a) {
                  q = Neg (p)
                  inner = If (c) <
                    then_branch = t2 () => (b) { b = Add (q, p) },
                    else_branch = e2 () => (b) { b = Neg (q) }>
                  r = Abs (inner)
                  a = Add (r, x)
                },
                else_branch = e () => (a) { a = Identity (x) }>
            }
        """)
        scope = next(scope for scope in walk(model) if scope.path.endswith(".then_branch"))
        replace(model, scope.path, ["a"], [node("Neg", ["x"], ["a"])])
        assert produced(scope.proto) == ["a"]
        assert produced(model.graph) == ["y"]
        assert not model.graph.initializer

    def test_a_sibling_with_the_same_names_is_not_touched(self) -> None:
        before, after = zoo.nested(), zoo.nested()
        replace(after, "main/pick.then_branch", ["s"], [node("Neg", ["x"], ["s"]), node("Abs", ["x"], ["a_all"])])
        assert produced(scope_of(after, "main/pick.then_branch").proto) == ["s", "a"], "a_all and q were used by nobody"
        path = "main/pick.else_branch"
        assert exact(scope_of(after, path).proto) == exact(scope_of(before, path).proto)

    def test_a_function_forgets_the_types_of_vanished_values(self) -> None:
        model = zoo.everything()
        for name in ("c", "t", "r"):
            model.functions[0].value_info.add(name=name)
        replace(model, "function my.domain::Wrap", ["t"], [node("Neg", ["p"], ["t"])])
        assert produced(model.functions[0]) == ["t", "r"]
        assert [v.name for v in model.functions[0].value_info] == ["t", "r"]


class TestSeveral:
    def test_edits_in_one_scope_and_in_nested_ones_are_made_at_once(self) -> None:
        model = zoo.nested()
        scopes = {scope.path: scope for scope in walk(model)}
        deep = "main/pick.then_branch/walk.body/again.then_branch/scan#0.body"

        def edit(path: str, output: str, *nodes: NodeProto) -> Edit:
            return Edit(scopes[path], [scopes[path].producers[output]], list(nodes))

        edits = [
            edit(deep, "out", node("Sub", ["t", "q"], ["out"])),
            edit("main", "u", node("Neg", ["rows"], ["u"]), node("Neg", ["x"], ["final"])),
            edit("main/pick.then_branch", "q", node("Neg", ["w"], ["q/1"]), node("Abs", ["q/1"], ["q"])),
            edit("main/pick.else_branch", "q", node("Sub", ["x", "w"], ["q"])),
            edit(deep, "t", node("Neg", ["r"], ["t"])),
            edit("main", "z", node("Exp", ["x"], ["z"])),
        ]
        held = Model(model)
        assert splice.apply(held, edits)
        onnx.checker.check_model(model)
        assert produced(model.graph) == ["y", "z", "v", "u"], "final, which nobody uses, went again"
        assert [scopes[deep].proto.node[i].op_type for i in range(3)] == ["Add", "Neg", "Sub"]
        assert produced(scopes["main/pick.then_branch"].proto) == ["q/1", "q", "s", "a"]
        assert produced(scopes["main/pick.else_branch"].proto) == ["q", "a"]

    def test_several_nodes_are_replaced_where_the_last_of_them_stood(self) -> None:
        model = from_text("""
            <ir_version: 8, opset_import: ["" : 17]>
            g (float[2] x) => (float[2] y) { a = Neg (x)  b = Abs (x)  c = Add (a, b)  d = Exp (x)  y = Add (c, d) }
        """)
        replace(model, "main", ["a", "c"], [node("Sub", ["x", "b"], ["c"])])
        assert produced(model.graph) == ["b", "c", "d", "y"]

    def test_a_replacement_by_nothing_is_a_removal(self) -> None:
        model = from_text("""
            <ir_version: 8, opset_import: ["" : 17]>
            g (float[2] x) => (float[2] y) { a = Neg (x)  b = Abs (a)  y = Exp (x) }
        """)
        replace(model, "main", ["b"], [])
        assert produced(model.graph) == ["y"]

    @given(st.randoms(use_true_random=False))
    def test_any_edits_of_any_graph_leave_exactly_what_is_alive_or_was_dead(self, rng: random.Random) -> None:
        model = random_model(rng)
        onnx.checker.check_model(model)
        expected = ModelProto()
        expected.CopyFrom(model)
        choice = rng.getrandbits(64)
        edits = random_edits(model, choice)
        splice.apply(Model(model), edits)
        by_hand(expected, random_edits(expected, choice))
        assert exact(model) == exact(expected)
        onnx.checker.check_model(model)


def random_model(rng: random.Random) -> ModelProto:
    """Return a model of operators of a domain of its own, and Ifs, whose values all have names of their own."""
    count = iter(range(10**6))

    def graph(outer: list[str], depth: int) -> GraphProto:
        result = GraphProto(name=f"g{next(count)}")
        for _ in range(rng.randrange(3)):
            name = f"w{next(count)}"
            result.initializer.append(numpy_helper.from_array(np.array(next(count), np.float32), name))
            outer = [*outer, name]
        for _ in range(rng.randrange(1, 6 if depth else 9)):
            outputs = [f"v{next(count)}" for _ in range(rng.choice((1, 1, 2)))]
            inputs = [rng.choice(outer) for _ in range(rng.randrange(4))]
            if depth < 3 and rng.random() < 0.25:
                bodies = {name: graph(outer, depth + 1) for name in ("then_branch", "else_branch")}
                result.node.append(helper.make_node("If", ["c"], outputs[:1], **bodies))
                outputs = outputs[:1]
            else:
                result.node.append(helper.make_node("Op", inputs, outputs, domain="d"))
            for name in outputs:
                result.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, []))
            outer = [*outer, *outputs]
        for name in [outer[-1]] if depth else rng.sample(outer[1:], min(2, len(outer) - 1)):
            result.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, []))
        return result

    made = graph(["c"], 0)
    made.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("d", 1)]
    return helper.make_model(made, opset_imports=imports, ir_version=8)


def random_edits(model: ModelProto, seed: int) -> list[Edit]:
    """Choose nodes without bodies, and give each one node in its place that uses some of its inputs."""
    rng = np.random.default_rng(seed)
    edits = []
    for scope in walk(model):
        for index, each in enumerate(scope.nodes):
            if each.op_type == "Op" and rng.random() < 0.3:
                inputs = [name for name in each.input if rng.random() < 0.4]
                fresh = helper.make_node("New", inputs, each.output, domain="d")
                edits.append(Edit(scope, [index], [fresh]))
    return edits


def graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """Yield a graph and every body in it."""
    yield graph
    for each in graph.node:
        for attribute in each.attribute:
            yield from graphs(attribute.g)


def used(model: ModelProto) -> set[str]:
    """Return every value that a node or an output uses, wherever."""
    return {
        name
        for graph in graphs(model.graph)
        for name in [*(v.name for v in graph.output), *(name for each in graph.node for name in each.input)]
    }


def by_hand(model: ModelProto, edits: list[Edit]) -> None:
    """Do what :func:`splice.apply` does, by going over the whole model again and again."""
    before = used(model)
    for edit in edits:
        replaced = edit.scope.nodes[edit.removed[0]]
        replaced.CopyFrom(edit.nodes[0])
    changed = True
    while changed:
        changed = False
        now = used(model)
        for graph in graphs(model.graph):
            for each in list(graph.node):
                if not now & set(each.output) and (before & set(each.output) or each.op_type == "New"):
                    graph.node.remove(each)
                    for value in [v for v in graph.value_info if v.name in each.output]:
                        graph.value_info.remove(value)
                    changed = True
    now = used(model)
    for graph in graphs(model.graph):
        for tensor in [t for t in graph.initializer if t.name in before - now]:
            graph.initializer.remove(tensor)


class TestConstants:
    FUNCTION = """
        <ir_version: 8, opset_import: ["" : 17, "d" : 1]>
        g (float[2] x) => (y) { y = d.F (x) }
        <domain: "d", opset_import: ["" : 17]>
        F (x) => (y) { y = Neg (x) }
    """

    def test_where_the_scope_holds_initializers_they_are_added_to_them(self) -> None:
        model = zoo.everything()
        k = numpy_helper.from_array(np.array([1, 2], np.float32), "k")
        typed = helper.make_tensor_value_info("b/t", TensorProto.FLOAT, [2])
        nodes = [node("Add", ["a", "k"], ["b/t"]), node("Neg", ["b/t"], ["b"])]
        replace(model, "main", ["b"], nodes, [k], [typed])
        assert exact(model.graph.initializer[-1]) == exact(k)
        assert exact(model.graph.value_info[-1]) == exact(typed)
        k2 = numpy_helper.from_array(np.array([1, 2], np.float32), "k2")
        path = "main/branch.then_branch"
        replace(model, path, ["i"], [node("Add", ["a", "k2"], ["i"])], [k2])
        assert [t.name for t in scope_of(model, path).proto.initializer] == ["k2"]
        onnx.checker.check_model(model)

    def test_in_a_function_they_are_nodes(self) -> None:
        model = from_text(self.FUNCTION)
        k = numpy_helper.from_array(np.array([1, 2], np.int64), "k")
        nodes = [node("Cast", ["k"], ["kf"], to=TensorProto.FLOAT), node("Add", ["x", "kf"], ["y"])]
        typed = helper.make_tensor_value_info("kf", TensorProto.FLOAT, [2])
        replace(model, "function d::F", ["y"], nodes, [k], [typed])
        assert [each.op_type for each in model.functions[0].node] == ["Constant", "Cast", "Add"]
        (value,) = ReferenceEvaluator(model).run(None, {"x": np.array([5, 5], np.float32)})
        np.testing.assert_array_equal(value, np.array([6, 7], np.float32))

    @pytest.mark.parametrize("opset", [7, 8, 9, 13])
    @pytest.mark.parametrize("dtype", ["int64", "int32", "bool", "float16", "float32", "float64"])
    def test_before_ir_4_they_are_nodes_of_types_the_opset_has(self, opset: int, dtype: str) -> None:
        values = np.array([2**53 - 1, -3, 0] if dtype == "int64" else [1, 0, 1]).astype(dtype)
        elem_type = helper.np_dtype_to_tensor_dtype(values.dtype)
        graph = helper.make_graph(
            [helper.make_node("Identity", ["x"], ["y"])],
            "g",
            [helper.make_tensor_value_info("x", elem_type, [3])],
            [helper.make_tensor_value_info("y", elem_type, [3])],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=3)
        k = numpy_helper.from_array(values, "k")
        replace(model, "main", ["y"], [node("Identity", ["k"], ["y"])], [k])
        assert not model.graph.initializer
        onnx.checker.check_model(model, full_check=True)
        kinds = {
            attribute.t.data_type
            for each in model.graph.node
            for attribute in each.attribute
            if each.op_type == "Constant"
        }
        floats = {TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE}
        assert kinds <= (floats if opset < 9 else floats | {elem_type})
        (found,) = ReferenceEvaluator(model).run(None, {"x": values})
        np.testing.assert_array_equal(found, values)
        assert np.asarray(found).dtype == values.dtype


class TestDocumentation:
    TWO = """
        <ir_version: 10, opset_import: ["" : 17]>
        g (float[2] x) => (float[1] a, float[1] b) { a, b = Split <axis = 0> (x) }
    """

    def documented(self, ir_version: int = 10, name: str = "old") -> ModelProto:
        model = from_text(self.TWO)
        model.ir_version = ir_version
        old = model.graph.node[0]
        old.name, old.doc_string = name, "what it is for"
        if ir_version >= 10:
            old.metadata_props.add(key="author", value="me")
        return model

    def metadata(self, model: ModelProto) -> dict[str, dict[str, str]]:
        return {each.output[0]: {p.key: p.value for p in each.metadata_props} for each in model.graph.node}

    def test_it_goes_to_the_producer_of_the_first_output_and_the_others_name_the_source(self) -> None:
        model = self.documented()
        replace(model, "main", ["a"], [node("Neg", ["x"], ["t"]), node("Neg", ["t"], ["b"]), node("Abs", ["t"], ["a"])])
        assert [each.doc_string for each in model.graph.node] == ["", "", "what it is for"]
        source = {"gru_lower.source": "old"}
        assert self.metadata(model) == {"t": source, "b": source, "a": {"author": "me"}}

    def test_a_node_without_a_first_output_has_a_second_one(self) -> None:
        model = self.documented()
        del model.graph.output[0]
        model.graph.node[0].output[0] = ""
        replace(model, "main", ["b"], [node("Neg", ["x"], ["t"]), node("Abs", ["t"], ["b"])])
        assert [each.doc_string for each in model.graph.node] == ["", "what it is for"]

    def test_a_node_without_a_name_is_named_by_its_output(self) -> None:
        model = self.documented(name="")
        replace(model, "main", ["a"], [node("Neg", ["x"], ["b"]), node("Abs", ["x"], ["a"])])
        assert self.metadata(model)["b"] == {"gru_lower.source": "a"}

    def test_before_ir_10_nodes_have_no_metadata(self) -> None:
        model = self.documented(9)
        replace(model, "main", ["a"], [node("Neg", ["x"], ["b"]), node("Abs", ["x"], ["a"])])
        assert self.metadata(model) == {"a": {}, "b": {}}
        assert model.graph.node[1].doc_string == "what it is for"

    def test_no_documentation_is_not_turned_into_an_empty_one(self) -> None:
        model = self.documented()
        model.graph.node[0].ClearField("doc_string")
        replace(model, "main", ["a"], [node("Split", ["x"], ["a", "b"], axis=0)])
        assert not model.graph.node[0].HasField("doc_string")

    def test_documentation_that_is_no_text_is_handed_on_as_it_is(self) -> None:
        raw = self.documented().SerializeToString().replace(b"what it is", b"wh\xe4t \xfct is").replace(b"me", b"m\xe9")
        model = ModelProto.FromString(raw)
        replace(model, "main", ["a"], [node("Split", ["x"], ["a", "b"], axis=0)])
        assert b"wh\xe4t \xfct is for" in exact(model.graph.node[0])
        assert b"m\xe9" in exact(model.graph.node[0])


@pytest.mark.parametrize("kind", ["value", "node"])
class TestNames:
    def test_a_name_is_never_one_that_is_there(self, kind: str) -> None:
        for model in (zoo.everything(), zoo.nested()):
            taken = value_names(model) if kind == "value" else node_names(model)
            give = getattr(Names(model), kind)
            fresh = [give(name) for name in sorted(taken)]
            assert not set(fresh) & taken
            assert len(set(fresh)) == len(fresh)

    @given(wanted=st.lists(st.sampled_from(["x", "x_1", "x_2", "x_1_1", "n", "n_1", ""]), max_size=20))
    def test_a_name_is_given_once(self, kind: str, wanted: list[str]) -> None:
        model = from_text("""
            <ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] x_1) { [n] x_1 = Neg (x) }
        """)
        give = getattr(Names(model), kind)
        counts = Counter(give(name) for name in wanted)
        assert all(count == 1 for count in counts.values())
        assert not ({"x", "x_1", ""} if kind == "value" else {"n", ""}) & counts.keys()

    def test_a_free_name_is_given_as_it_is_wanted(self, kind: str) -> None:
        give = getattr(Names(zoo.nested()), kind)
        taken = "q" if kind == "value" else "walk"
        assert [give("gru/Zt"), give("gru/Zt"), give(taken)] == ["gru/Zt", "gru/Zt_1", f"{taken}_1"]

    def test_a_prefix_is_given_once(self, kind: str) -> None:
        names = Names(zoo.nested())
        assert [names.prefix("gru"), names.prefix("gru"), names.prefix("gru_1")] == ["gru", "gru_1", "gru_1_1"]
        assert getattr(names, kind)("gru") == "gru", "a prefix is no name"
