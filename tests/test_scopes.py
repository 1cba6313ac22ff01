"""Every scope is found once, under a path of its own, and knows what it defines, uses and sees."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import onnx
import pytest
from onnx import GraphProto, TensorProto, helper

import zoo
from gru_lower.graph.names import node_names, value_names
from gru_lower.graph.scopes import Scope, captures, is_onnx, node_uses, subgraphs, walk
from zoo import from_text, scope_of

if TYPE_CHECKING:
    from collections.abc import Sequence

NESTED = [
    "main",
    "main/pick.then_branch",
    "main/pick.then_branch/walk.body",
    "main/pick.then_branch/walk.body/again.then_branch",
    "main/pick.then_branch/walk.body/again.then_branch/scan#0.body",
    "main/pick.then_branch/walk.body/again.else_branch",
    "main/pick.else_branch",
    "main/if#1.then_branch",
    "main/if#1.else_branch",
    "main/if#2.then_branch",
    "main/if#2.else_branch",
    "main/scan#3.body",
]
FUNCTIONS = """
    <ir_version: 10, opset_import: ["" : 17, "d" : 3]>
    g (float[2] x, bool c) => (float[2] y) { w = Neg (x)  y = d.F (w) }
    <domain: "d", opset_import: ["" : 13, "d" : 3]>
    F (x) => (y) {
      w = Abs (x)
      c = Constant <value: tensor = bool {1}> ()
      [choose] y = If (c) <then_branch = t () => (a) { a = d.G (w) }, else_branch = e () => (a) { a = Identity (x) }>
    }
    <domain: "d", opset_import: ["" : 17]>
    G (p) => (w) { w = Exp (p) }
"""


def branch(*nodes: onnx.NodeProto, output: str = "a") -> GraphProto:
    """Return a body without inputs."""
    return helper.make_graph(nodes, "body", [], [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)])


def if_node(name: str, then: GraphProto | None = None, op_type: str = "If") -> onnx.NodeProto:
    """Return an If whose else branch is plain."""
    plain = branch(helper.make_node("Identity", ["x"], ["a"]))
    return helper.make_node(op_type, ["c"], [f"out_{name}"], name=name, then_branch=then or plain, else_branch=plain)


def model_of(nodes: Sequence[onnx.NodeProto]) -> onnx.ModelProto:
    """Return a model of such nodes."""
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [2]),
        helper.make_tensor_value_info("c", TensorProto.BOOL, []),
    ]
    return helper.make_model(helper.make_graph(nodes, "g", inputs, []), opset_imports=[helper.make_opsetid("", 17)])


class TestPaths:
    def test_every_body_is_found_after_the_scope_around_it(self) -> None:
        scopes = list(walk(zoo.nested()))
        assert [scope.path for scope in scopes] == NESTED
        seen: list[Scope | None] = [None]
        for scope in scopes:
            assert scope.parent in seen
            seen.append(scope)

    def test_functions_come_last_and_see_nothing_around_them(self) -> None:
        scopes = list(walk(from_text(FUNCTIONS)))
        assert [scope.path for scope in scopes] == [
            "main",
            "function d::F",
            "function d::F/choose.then_branch",
            "function d::F/choose.else_branch",
            "function d::G",
        ]
        main, f, then, _, g = scopes
        assert (main.function, f.parent, g.parent) == (None, None, None)
        assert f.function is f.proto
        assert then.function is f.proto
        assert g.find("w") is g
        assert g.find("x") is None

    def test_overloads_are_told_apart(self) -> None:
        model = from_text(FUNCTIONS)
        model.functions[1].name, model.functions[1].overload = "F", "float"
        assert [scope.path for scope in walk(model)][-1] == "function d::F:float"

    @pytest.mark.parametrize(
        "names",
        [
            ["a", "a"],
            ["", ""],
            ["if#1", ""],
            ["", "if#0"],
            ["if#1", "if#1", "if#0"],
            ["a.then_branch/b", "a"],
            ["a", "a.then_branch/b"],
        ],
    )
    def test_paths_differ_whatever_the_nodes_are_called(self, names: list[str]) -> None:
        inner = branch(if_node("b"), output="out_b")
        model = model_of([if_node(name, inner if name == "a" else None) for name in names])
        paths = [scope.path for scope in walk(model)]
        assert len(set(paths)) == len(paths) == 1 + sum(4 if name == "a" else 2 for name in names)
        assert [scope.path for scope in walk(model)] == paths, "and are the same each time"

    def test_lists_of_graphs_are_bodies_too(self) -> None:
        node = helper.make_node("Many", ["x"], ["y"], name="many", domain="d")
        node.attribute.append(helper.make_attribute("cases", [branch(), branch(if_node("b"))]))
        paths = [scope.path for scope in walk(model_of([node]))]
        assert paths == [
            "main",
            "main/many.cases[0]",
            "main/many.cases[1]",
            "main/many.cases[1]/b.else_branch",
            "main/many.cases[1]/b.then_branch",
        ]
        assert [name for name, _ in subgraphs(node)] == ["cases[0]", "cases[1]"]

    def test_a_site_is_told_by_its_first_output(self) -> None:
        scope = scope_of(model_of([helper.make_node("GRU", [], ["", "h"]), helper.make_node("GRU", [], [])]))
        assert [scope.site(0), scope.site(1)] == ["main#0:h", "main#1:"]
        assert scope_of(zoo.nested(), NESTED[4]).site(2) == f"{NESTED[4]}#2:out"


class TestOpsets:
    def test_a_function_has_its_own(self) -> None:
        opsets = {scope.path: (scope.opset, scope.opsets.get("d")) for scope in walk(from_text(FUNCTIONS))}
        assert opsets == {
            "main": (17, 3),
            "function d::F": (13, 3),
            "function d::F/choose.then_branch": (13, 3),
            "function d::F/choose.else_branch": (13, 3),
            "function d::G": (17, None),
        }

    def test_the_onnx_domain_has_two_spellings(self) -> None:
        model = model_of([helper.make_node("Neg", ["x"], ["y"], domain="ai.onnx")])
        model.opset_import[0].domain = "ai.onnx"
        assert scope_of(model).opset == 17
        assert is_onnx(model.graph.node[0], "Neg")
        assert is_onnx(model.graph.node[0])
        assert not is_onnx(model.graph.node[0], "Abs")
        model.graph.node[0].domain = "ai.onnx.ml"
        assert not is_onnx(model.graph.node[0], "Neg")

    def test_none_imported_is_0(self) -> None:
        model = model_of([])
        model.opset_import[0].domain = "com.example"
        assert scope_of(model).opset == 0

    @pytest.mark.parametrize(("ir_version", "where"), [(3, []), (4, ["main", "main/n.then_branch"]), (10, None)])
    def test_initializers_are_held_by_graphs_since_ir_4(self, ir_version: int, where: list[str] | None) -> None:
        model = from_text(FUNCTIONS)
        model.graph.node.append(if_node("n"))
        model.ir_version = ir_version
        holding = [scope.path for scope in walk(model) if scope.holds_initializers]
        bodies = [p for p in (scope.path for scope in walk(model)) if "branch" in p or p == "main"]
        if where is None:
            assert holding == bodies
        else:
            assert set(where) <= set(holding)
            assert bool(holding) == bool(where)


class TestValues:
    def test_uses_count_nodes_bodies_at_any_depth_and_outputs(self) -> None:
        main = scope_of(zoo.nested())
        assert main.uses == Counter(x=8, c=4, rows=2, w=3, ten=1, y=1, z=1, v=1, u=1)
        walked = scope_of(zoo.nested(), NESTED[2])
        assert walked.uses == Counter({"go": 2, "state": 3, "rows": 1, "w": 1, "q": 1, "go_on": 1, "next": 1, "row": 1})

    def test_captures_are_what_a_body_takes_from_around_it(self) -> None:
        model = zoo.nested()
        found = {scope.path: Counter(captures(scope.proto)) for scope in walk(model) if scope.path != "main"}
        assert found[NESTED[1]] == Counter(x=1, w=2, ten=1, c=1, rows=1)
        assert found[NESTED[4]] == Counter(w=1, q=1)
        assert found[NESTED[5]] == Counter(state=1)
        assert found[NESTED[6]] == Counter(x=2)
        assert found[NESTED[11]] == Counter(w=1)

    def test_a_body_that_hands_an_outer_value_through_uses_it(self) -> None:
        model = model_of([if_node("n", branch(output="x"))])
        assert Counter(captures(scope_of(model, "main/n.then_branch").proto)) == Counter(x=1)
        assert scope_of(model).uses == Counter(x=2, c=1)

    def test_an_initializer_of_a_body_hides_what_is_around_it(self) -> None:
        body = branch(helper.make_node("Add", ["x", "s"], ["a"]))
        body.initializer.append(helper.make_tensor("x", TensorProto.FLOAT, [2], [1, 2]))
        sparse = body.sparse_initializer.add(dims=[2])
        sparse.values.CopyFrom(helper.make_tensor("s", TensorProto.FLOAT, [1], [1]))
        model = model_of([if_node("n", body)])
        scope = scope_of(model, "main/n.then_branch")
        assert not list(captures(body))
        assert (scope.find("x"), scope.find("s")) == (scope, scope)
        assert scope.find("c") is scope.parent

    def test_a_value_is_found_in_the_innermost_scope_that_defines_it(self) -> None:
        model = zoo.nested()
        scan = scope_of(model, NESTED[4])
        homes = {name: home.path for name in ("r", "t", "state", "q", "w", "rows") if (home := scan.find(name))}
        assert homes == {
            "r": NESTED[4],
            "t": NESTED[4],
            "state": NESTED[2],
            "q": NESTED[1],
            "w": "main",
            "rows": "main",
        }
        assert scan.find("nowhere") is None
        outer = scan.find("s")
        assert outer is not None
        assert outer.path == NESTED[1]
        assert scope_of(model).find("q") is None, "what a body defines is not seen around it"

    def test_sibling_bodies_may_use_the_same_names(self) -> None:
        model = zoo.nested()
        one, other = scope_of(model, NESTED[1]), scope_of(model, NESTED[6])
        assert one.find("q") is one
        assert other.find("q") is other
        assert one.producers != other.producers

    def test_absent_values_are_no_values(self) -> None:
        scope = scope_of(model_of([helper.make_node("GRU", ["x", "", "c"], ["", "h"], name="n")]))
        assert list(node_uses(scope.nodes[0])) == ["x", "c"]
        assert scope.producers == {"h": 0}
        assert not scope.defines("")
        assert scope.find("") is None

    def test_inputs_outputs_and_initializers_are_those_of_the_proto(self) -> None:
        main = scope_of(zoo.everything())
        assert list(main.inputs) == ["x", "overridable"]
        assert main.outputs == ["y", "z", "s"]
        assert list(main.initializers) == ["overridable", "w_old", "w", "never_used"]
        function = scope_of(zoo.everything(), "function my.domain::Wrap")
        assert (list(function.inputs), function.outputs, function.initializers) == (["p", "q"], ["r"], {})

    def test_the_names_taken_are_those_of_every_scope(self) -> None:
        model = zoo.everything()
        model.functions[0].value_info.add(name="only_typed")
        model.graph.quantization_annotation.add(tensor_name="only_annotated")
        values, nodes = value_names(model), node_names(model)
        assert {"x", "y", "overridable", "sw", "dead", "p", "t", "i", "only_typed", "only_annotated"} <= values
        assert {"first", "old", "branch"} <= nodes
        assert not {"first", "old", "branch"} & values
