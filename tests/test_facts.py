"""What is known of a value is right, as much as the model says, and never costs a copy of the weights or a crash."""

from __future__ import annotations

from itertools import pairwise
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

import zoo
from gru_lower.errors import InvalidModel
from gru_lower.graph import facts
from gru_lower.graph.facts import Facts
from gru_lower.graph.model import Model
from gru_lower.graph.scopes import walk
from gru_lower.graph.shape_inference import infer
from gru_lower.graph.tensor_types import is_static
from zoo import exact, from_text, scope_of

if TYPE_CHECKING:
    from pathlib import Path

    from gru_lower.graph.tensor_types import Dims


def shape(model: ModelProto, name: str, path: str = "main") -> Dims | None:
    """Return what is known of a value's shape."""
    return Facts(Model(model)).shape(scope_of(model, path), name)


def elem_type(model: ModelProto, name: str, path: str = "main") -> int:
    """Return what is known of a value's element type."""
    return Facts(Model(model)).elem_type(scope_of(model, path), name)


def values(model: ModelProto, name: str, path: str = "main") -> list[float] | None:
    """Return a constant's values."""
    array = Facts(Model(model)).array(scope_of(model, path), name)
    return None if array is None else [float(value) for value in array.reshape(-1)]


def open_dims(dims: Dims | None) -> Dims | None:
    """Return dims with None for every symbol: inference makes up symbols of its own."""
    return None if dims is None else tuple(dim if isinstance(dim, int) else None for dim in dims)


def graph_of(body: str, *, inputs: str = "float[2] x", head: str = "", functions: str = "") -> ModelProto:
    """Return a model of these nodes."""
    text = f"""
        <ir_version: 8, opset_import: ["" : 17, "d" : 1]>
        g ({inputs}) => (y) {head} {{ {body} }}
    """
    return from_text(dedent(text) + dedent(functions))


class TestConstants:
    MODEL = """
        <ir_version: 8, opset_import: ["" : 17, "d" : 1]>
        g (float[2] x, float[2] overridable, bool c) => (y) <float[2] overridable = {5, 6}, float[2] w = {1, 2}>
        {
          same = Identity (w)
          again = Identity (same)
          k = Constant <value: tensor = float[2] {3, 4}> ()
          k2 = Identity (k)
          given = Identity (x)
          maybe = Identity (overridable)
          computed = Add (w, w)
          text = Constant <value_string = "no number"> ()
          [b] y = If (c) <
            then_branch = t () => (a) <float[2] own = {7, 8}> {
              v = Identity (again)
              o = Identity (own)
              a = Add (v, o)
            },
            else_branch = e () => (a) { w2 = Identity (k2)  a = Identity (w2) }>
        }
        <domain: "d", opset_import: ["" : 17]>
        F <p: int = 3> (w) => (r) {
          k = Constant <value_float: float = 1.5> ()
          param = Constant <value_int: int = @p> ()
          formal = Identity (w)
          r = Add (formal, k)
        }
    """

    @pytest.mark.parametrize(
        ("path", "name", "expected"),
        [
            ("main", "w", [1, 2]),
            ("main", "same", [1, 2]),
            ("main", "again", [1, 2]),
            ("main", "k2", [3, 4]),
            ("main", "x", None),
            ("main", "given", None),
            ("main", "overridable", None),
            ("main", "maybe", None),
            ("main", "computed", None),
            ("main", "text", None),
            ("main", "", None),
            ("main", "nowhere", None),
            ("main", "own", None),
            ("main/b.then_branch", "v", [1, 2]),
            ("main/b.then_branch", "own", [7, 8]),
            ("main/b.then_branch", "o", [7, 8]),
            ("main/b.then_branch", "overridable", None),
            ("main/b.else_branch", "w2", [3, 4]),
            ("main/b.else_branch", "own", None),
            ("function d::F", "k", [1.5]),
            ("function d::F", "w", None),
            ("function d::F", "formal", None),
            ("function d::F", "param", None),
        ],
    )
    def test_a_constant_is_what_always_has_one_value(self, path: str, name: str, expected: list[float] | None) -> None:
        assert values(from_text(self.MODEL), name, path) == expected

    @pytest.mark.parametrize(("ir_version", "expected"), [(3, [5, 6]), (4, None)])
    def test_before_ir_4_an_initializer_is_a_constant_though_it_is_an_input(
        self, ir_version: int, expected: list[float] | None
    ) -> None:
        model = from_text(self.MODEL)
        model.ir_version = ir_version
        assert values(model, "overridable") == values(model, "maybe") == expected

    def test_an_input_of_a_body_hides_a_constant_around_it(self) -> None:
        model = graph_of(
            """
            [l] y = Loop (n, c, x) <body = b (int64 i, bool ci, float[2] w) => (bool co, float[2] w2) {
              co = Identity (ci)
              w2 = Identity (w)
            }>
            """,
            inputs="float[2] x, int64 n, bool c",
            head="<float[2] w = {1, 2}>",
        )
        assert values(model, "w", "main/l.body") is None
        assert values(model, "w2", "main/l.body") is None

    @pytest.mark.parametrize(
        ("attribute", "dtype", "expected"),
        [
            ({"value_float": 0.5}, "float32", 0.5),
            ({"value_floats": [0.5, 1.5]}, "float32", [0.5, 1.5]),
            ({"value_int": 2**40}, "int64", 2**40),
            ({"value_ints": [-1, 2]}, "int64", [-1, 2]),
            ({"value": numpy_helper.from_array(np.array([[1]], np.float16))}, "float16", [[1]]),
        ],
    )
    def test_a_constant_node_is_read_however_it_is_spelt(
        self, attribute: dict[str, Any], dtype: str, expected: Any
    ) -> None:
        model = graph_of("y = Identity (x)")
        model.graph.node.append(helper.make_node("Constant", [], ["k"], **attribute))
        facts, scope = Facts(Model(model)), scope_of(model)
        array = facts.array(scope, "k")
        assert array is not None
        assert array.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(array, expected)
        assert facts.shape(scope, "k") == np.shape(expected)
        assert facts.elem_type(scope, "k") == helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def test_an_identity_of_another_domain_is_no_identity(self) -> None:
        model = graph_of("t = d.Identity (w)  y = Neg (t)", head="<float[2] w = {1, 2}>")
        assert values(model, "t") is None

    def test_a_chain_of_identities_may_be_long(self) -> None:
        model = graph_of("y = Neg (x)", head="<float[2] w = {1, 2}>")
        names = ["w", *(f"w{i}" for i in range(3000))]
        model.graph.node.extend(helper.make_node("Identity", [a], [b]) for a, b in pairwise(names))
        assert values(model, names[-1]) == [1, 2]

    def test_identities_that_are_broken_are_no_constants(self) -> None:
        model = graph_of("y = Neg (x)")
        for inputs, output in (([], "none"), ([""], "empty"), (["b"], "a"), (["a"], "b"), (["self"], "self")):
            model.graph.node.append(helper.make_node("Identity", inputs, [output]))
        assert [values(model, name) for name in ("none", "empty", "a", "b", "self")] == [None] * 5

    def test_constant_nodes_that_are_broken_are_no_constants(self) -> None:
        model = graph_of("y = Neg (x)")
        model.graph.node.append(helper.make_node("Constant", [], ["nothing"]))
        broken = model.graph.node.add(op_type="Constant", output=["mistyped"])
        broken.attribute.add(name="value_floats", type=onnx.AttributeProto.STRING, s=b"0.5")
        sparse = model.graph.node.add(op_type="Constant", output=["sparse"])
        sparse.attribute.add(name="sparse_value", type=onnx.AttributeProto.SPARSE_TENSOR)
        empty = model.graph.node.add(op_type="Constant", output=["empty"])
        empty.attribute.add(name="value", type=onnx.AttributeProto.INT, i=3)
        assert [values(model, name) for name in ("nothing", "mistyped", "sparse", "empty")] == [None] * 4

    def test_external_values_are_read_beside_the_model(self, tmp_path: Path) -> None:
        (tmp_path / "w.bin").write_bytes(np.array([1, 2], np.float32).tobytes())
        model = graph_of("y = Add (x, w)")
        model.graph.initializer.append(zoo.external_tensor("w", [2], location="w.bin"))
        facts = Facts(Model(model, path=tmp_path / "model.onnx"))
        array = facts.array(scope_of(model), "w")
        assert array is not None
        assert array.tolist() == [1, 2]
        assert facts.shape(scope_of(model), "y") == (2,)


class TestTypes:
    def test_what_is_declared_is_known_without_inference(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(facts, "infer", None)
        model = graph_of("t = d.Op (x)  y = d.Op (t)", inputs="float[2, 3] x", head="<float16[4] t, double[5] w = {}>")
        del model.graph.initializer[:]
        assert (shape(model, "x"), elem_type(model, "x")) == ((2, 3), TensorProto.FLOAT)
        assert (shape(model, "t"), elem_type(model, "t")) == ((4,), TensorProto.FLOAT16)

    def test_what_is_not_declared_is_inferred(self) -> None:
        model = graph_of("t = Transpose <perm = [1, 0]> (x)  y = Shape (t)", inputs="float16[T, 3] x")
        assert (shape(model, "t"), elem_type(model, "t")) == ((3, "T"), TensorProto.FLOAT16)
        assert (shape(model, "y"), elem_type(model, "y")) == ((2,), TensorProto.INT64)

    def test_symbols_and_unknown_dims_are_told_apart(self) -> None:
        model = graph_of("y = d.Op (x)", inputs="float[T, ?, 3] x, float s, float[] u")
        model.graph.input.append(helper.make_tensor_value_info("scalar", TensorProto.FLOAT, []))
        model.graph.input.append(helper.make_tensor_value_info("any", TensorProto.FLOAT, None))
        assert shape(model, "x") == ("T", None, 3)
        assert shape(model, "scalar") == ()
        assert shape(model, "any") is None

    @pytest.mark.parametrize("dim", [-1, -2])
    def test_a_negative_dim_is_unknown_and_0_is_0(self, dim: int) -> None:
        model = graph_of("y = Identity (x)")
        model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, [dim, 0, 2]))
        assert shape(model, "x") == (None, 0, 2)
        inferred = shape(model, "y")
        assert inferred is None or inferred[1:] == (0, 2)

    def test_a_declared_symbol_gives_way_to_an_inferred_number(self) -> None:
        model = graph_of("t = Concat <axis = 0> (x, x)  y = Identity (t)", inputs="float[4] x", head="<float[N] t>")
        assert shape(model, "t") == (8,)

    def test_a_declared_number_does_not_give_way(self) -> None:
        model = graph_of("t = d.Op (x)  y = Neg (t)", head="<float[N, 5] t>")
        assert shape(model, "t") == ("N", 5)

    @pytest.mark.parametrize("head", ["<float[3] t>", "<float[2, 2] t>", "<int64[2] t>", "<string t, float[9] y>"])
    def test_declarations_that_contradict_the_operators_stand(self, head: str) -> None:
        model = graph_of("t = Neg (x)  u = Concat <axis = 0> (t, x)  y = Neg (u)", head=head)
        facts, scope = Facts(Model(model)), scope_of(model)
        assert facts.shape(scope, "t") == {"<f": (3,), "<i": (2,), "<s": ()}.get(head[:2]) or "2, 2" in head
        for name in ("x", "t", "u", "y"):
            facts.elem_type(scope, name)
        assert facts.shape(scope, "x") == (2,)

    def test_operators_that_contradict_their_inputs_cost_nothing_else(self) -> None:
        model = graph_of(
            "a = MatMul (x, z)  b = Neg (x)  y = Concat <axis = 7> (b, b)", inputs="float[2,3] x, float[2,3] z"
        )
        assert shape(model, "b") in ((2, 3), None)
        assert shape(model, "x") == (2, 3)
        assert elem_type(model, "x") == TensorProto.FLOAT

    def test_an_opset_nobody_knows_costs_only_inference(self) -> None:
        model = graph_of("t = Neg (x)  y = Neg (t)")
        model.opset_import[0].version = 9999
        assert shape(model, "x") == (2,)
        assert shape(model, "t") in ((2,), None)

    def test_what_is_no_tensor_has_no_tensors_type(self) -> None:
        model = graph_of("s = SequenceConstruct (x, x)  y = SequenceAt (s, i)", head="<int64 i = {0}>")
        assert (shape(model, "s"), elem_type(model, "s")) == (None, 0)
        assert elem_type(model, "y") == TensorProto.FLOAT

    def test_values_of_the_same_name_in_sibling_bodies_differ(self) -> None:
        model = graph_of(
            """
            [b] y = If (c) <
              then_branch = t () => (a) { v = Transpose (x)  a = ReduceSum <keepdims = 0> (v) },
              else_branch = e () => (a) { v = Shape (x)  a = Cast <to = 1> (n) }>
            """,
            inputs="float[2, 3] x, int64 n, bool c",
        )
        then, other = "main/b.then_branch", "main/b.else_branch"
        assert (shape(model, "v", then), elem_type(model, "v", then)) == ((3, 2), TensorProto.FLOAT)
        assert (shape(model, "v", other), elem_type(model, "v", other)) == ((2,), TensorProto.INT64)
        assert shape(model, "x", then) == (2, 3)
        assert shape(model, "v") is None

    def test_a_body_is_typed_though_the_nodes_that_hold_bodies_share_names(self) -> None:
        model = zoo.nested()
        for path in [scope.path for scope in walk(model)]:
            for name in scope_of(model, path).producers:
                assert elem_type(model, name, path) in (TensorProto.FLOAT, TensorProto.BOOL, 0)
        assert shape(model, "t", "main/pick.then_branch/walk.body/again.then_branch/scan#0.body") == (2,)
        assert shape(model, "a", "main/if#2.else_branch") == (2,)

    def test_an_overridable_initializer_has_the_shape_its_input_declares(self) -> None:
        model = graph_of(
            "t = Neg (w)  y = d.F (w)",
            inputs="float[2] x, float[N] w",
            head="<float[2] w = {1, 2}>",
            functions='<domain: "d", opset_import: ["" : 17]> F (p) => (r) { r = Neg (p) }',
        )
        assert shape(model, "w") == ("N",)
        assert shape(model, "t") in (("N",), (None,))
        assert open_dims(shape(model, "r", "function d::F")) == (None,)


class TestFunctions:
    F = """
        <domain: "d", opset_import: ["" : 17, "d" : 1]>
        F <k> (p, q) => (r) { t = Neg (p)  i = Identity (q)  r = Transpose <perm = [1, 0]> (t) }
    """

    def test_a_body_is_typed_by_its_call(self) -> None:
        model = graph_of("y = d.F (x, w)", inputs="float16[T, 3] x", head="<int64[2] w = {1, 2}>", functions=self.F)
        path = "function d::F"
        assert open_dims(shape(model, "t", path)) == (None, 3)
        assert open_dims(shape(model, "r", path)) == (3, None)
        assert [elem_type(model, name, path) for name in "prti"] == [TensorProto.FLOAT16] * 3 + [TensorProto.INT64]

    def test_shapes_on_which_calls_differ_are_unknown(self) -> None:
        model = graph_of("a = d.F (x, x)  y = d.F (z, z)", inputs="float[2, 3] x, float[2, 4] z", functions=self.F)
        assert open_dims(shape(model, "t", "function d::F")) == (2, None)
        assert elem_type(model, "t", "function d::F") == TensorProto.FLOAT

    def test_a_type_on_which_calls_differ_is_unknown(self) -> None:
        model = graph_of("a = d.F (x, x)  y = d.F (z, x)", inputs="float[2, 3] x, double[2, 3] z", functions=self.F)
        assert elem_type(model, "t", "function d::F") == 0
        assert elem_type(model, "i", "function d::F") == TensorProto.FLOAT

    @pytest.mark.parametrize("call", ["y = d.F (x)", "y = d.F (x, )", "y = d.F ()", "y = Neg (x)", "y = d.F (x, s)"])
    def test_arguments_that_are_absent_unknown_or_no_tensors_have_no_type(self, call: str) -> None:
        model = graph_of(f"s = SequenceConstruct (x, x)  {call}", inputs="float[2, 3] x, float[2] z", functions=self.F)
        assert elem_type(model, "i", "function d::F") == 0
        known = "(x" in call and "F" in call
        assert shape(model, "t", "function d::F") == ((2, 3) if known else None)

    def test_calls_inside_bodies_and_other_functions_are_followed(self) -> None:
        model = graph_of(
            """
            [b] y = If (c) <then_branch = t () => (a) { v = Transpose (x)  a = d.G (v) },
                            else_branch = e () => (a) { a = Identity (x) }>
            """,
            inputs="float[2, 3] x, bool c",
            functions="""
                <domain: "d", opset_import: ["" : 17, "d" : 1]>
                H (p) => (r) { r = Transpose (p) }
                <domain: "d", opset_import: ["" : 13, "d" : 1]>
                G (x) => (r) {
                  yes = Constant <value: tensor = bool {1}> ()
                  [n] r = If (yes) <then_branch = t () => (a) { w = Neg (x)  a = d.H (w) },
                                    else_branch = e () => (a) { a = Identity (x) }>
                }
            """,
        )
        assert shape(model, "w", "function d::G/n.then_branch") == (3, 2)
        assert shape(model, "r", "function d::H") == (2, 3)

    def test_overloads_are_told_apart_whatever_the_call_carries(self) -> None:
        model = graph_of("a = d.F (x, x)  y = d.F (z, z)", inputs="float[2, 3] x, double[4, 5] z", functions=self.F)
        model.functions.add().CopyFrom(model.functions[0])
        model.functions[1].overload = model.graph.node[1].overload = "double"
        model.graph.node[1].attribute.append(helper.make_attribute("k", [0.5] * 1000))
        assert elem_type(model, "t", "function d::F") == TensorProto.FLOAT
        assert shape(model, "t", "function d::F:double") == (4, 5)

    def test_parameters_are_followed_through_many_functions_each_called_twice(self) -> None:
        depth = 40  # twice as many ways to the last function with each one
        bodies = [f"a = d.F{i} <k: int = @k> (p)  r = d.F{i} <k: int = @k> (a)" for i in range(1, depth)]
        functions = [
            f'<domain: "d", opset_import: ["" : 17, "d" : 1]> F{i} <k> (p) => (r) {{ {body} }}\n'
            for i, body in enumerate([*bodies, "r = GRU <hidden_size: int = @k> (p, p, p)"])
        ]
        model = graph_of("y = d.F0 <k = 3> (x)", functions="".join(functions))
        node = Facts(Model(model)).node(scope_of(model, f"function d::F{depth - 1}"), 0)
        assert helper.get_node_attr_value(node, "hidden_size") == 3

    @pytest.mark.parametrize("name", ["F", "G"])
    def test_functions_that_call_themselves_are_refused(self, name: str) -> None:
        model = graph_of(
            "y = d.F <k = 1> (x)",
            functions=f"""
                <domain: "d", opset_import: ["" : 17, "d" : 1]>
                F <k> (p) => (r) {{ t = Neg (p)  r = d.{name} <k: int = @k> (t) }}
                <domain: "d", opset_import: ["" : 17, "d" : 1]>
                G <k> (p) => (r) {{ r = d.F <k: int = @k> (p) }}
            """,
        )
        facts, scope = Facts(Model(model)), scope_of(model, "function d::F")
        for ask in (lambda: facts.node(scope, 1), lambda: facts.shape(scope, "t")):
            with pytest.raises(InvalidModel, match=r"d::\w calls itself") as caught:
                ask()
            assert caught.value.code == "GL003"


class TestCost:
    BIG = np.zeros(50_000, np.float32)

    def big_model(self, folder: Path | None = None) -> ModelProto:
        """Return a model with large constants in every place that holds any."""
        model = graph_of(
            """
            [b] z = If (c) <then_branch = t () => (a) { v = Add (x, inner)  a = Neg (v) },
                            else_branch = e () => (a) { a = Identity (x) }>
            u = Add (z, big)
            y = d.F (u)
            """,
            inputs="float[50000] x, bool c",
            functions='<domain: "d", opset_import: ["" : 17]> F (p) => (r) { r = Add (p, k) }',
        )
        tensor = numpy_helper.from_array(self.BIG)
        for owner, name in ((scope_of(model, "main/b.then_branch").proto, "inner"), (model.graph, "big")):
            assert isinstance(owner, onnx.GraphProto)
            owner.initializer.add().CopyFrom(tensor)
            owner.initializer[-1].name = name
        constant = helper.make_node("Constant", [], ["k"], value=tensor)
        nodes = [constant, *model.functions[0].node]
        del model.functions[0].node[:]
        model.functions[0].node.extend(nodes)
        if folder is not None:
            onnx.save(model, folder / "model.onnx", save_as_external_data=True, convert_attribute=True)
            model = onnx.load(folder / "model.onnx", load_external_data=False)
        return model

    @pytest.mark.parametrize("external", [False, True])
    def test_shapes_are_inferred_without_the_weights(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, external: bool
    ) -> None:
        model = self.big_model(tmp_path if external else None)
        handed: list[int] = []
        real = onnx.shape_inference.infer_shapes

        def watched(proto: ModelProto, **options: bool) -> ModelProto:
            handed.append(proto.ByteSize())
            return real(proto, **options)

        monkeypatch.setattr(onnx.shape_inference, "infer_shapes", watched)
        before = exact(model)
        table = infer(model)
        assert exact(model) == before
        assert max(handed) < 10_000 < self.BIG.nbytes
        known = {path: {name for name, info in infos.items() if is_static(info)} for path, infos in table.items()}
        assert {"z", "u"} <= known["main"]
        assert {"v", "a"} <= known["main/b.then_branch"]
        assert {"p", "r"} <= known["function d::F"]

    def test_small_constants_still_say_what_shapes_are(self) -> None:
        model = graph_of("y = Reshape (x, s)", inputs="float[6] x", head="<int64[2] s = {2, -1}>")
        assert shape(model, "y") == (2, 3)

    def test_shapes_in_external_data_cost_only_what_depends_on_them(self, tmp_path: Path) -> None:
        model = graph_of("t = Reshape (x, s)  u = Neg (x)  y = Add (t, u)", inputs="float[6] x")
        model.graph.initializer.append(zoo.external_tensor("s", [2], TensorProto.INT64, location="s.bin"))
        (tmp_path / "s.bin").write_bytes(np.array([2, 3], np.int64).tobytes())
        facts = Facts(Model(model, path=tmp_path / "model.onnx"))
        assert facts.shape(scope_of(model), "u") == (6,)
        assert facts.shape(scope_of(model), "t") in ((2, 3), None)
