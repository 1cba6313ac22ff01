"""Whole models: layers over an input, their outputs, and what they stand in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from spelling.cell import Cell
from spelling.draw import Draw
from spelling.emit import Emit, Target
from spelling.layers import Layer
from spelling.sequences import Seq, flip
from spelling.truth import Input, Spelled, Truth, draw_truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from spelling.truth import Array, Floats

OPSETS = {
    7: 0.6,
    8: 0.6,
    9: 1,
    10: 0.7,
    11: 1.5,
    12: 1,
    13: 2,
    14: 1,
    15: 2,
    16: 1,
    17: 3,
    18: 3,
    19: 1,
    20: 2,
    21: 1.5,
    22: 1,
    23: 2,
    24: 1,
}


@dataclass
class Output:
    """One output of the model: its value, its shape, and what it means."""

    name: str
    shape: list[int | str]
    meaning: Callable[[Mapping[str, Array]], Floats]


class Writer:
    """Writes one model from a seed.

    Args:
        seed: Any integer from 0.
        container: "unrolled", "scan" or "loop".
        fixed: Knobs not left to chance.
        cell_type: The class of the cells.

    """

    def __init__(
        self,
        seed: int,
        container: str,
        fixed: Mapping[str, Any] | None = None,
        cell_type: type[Cell] = Cell,
    ) -> None:
        self.seed, self.container, self.cell_type = seed, container, cell_type
        self.draw = draw = Draw(seed, fixed)
        draw.choices["container"] = container
        least = max(cell_type.least_opset, 9 if container == "scan" else 7)
        opset = draw("opset", {opset: weight for opset, weight in OPSETS.items() if opset >= least})
        dtype = np.dtype(
            draw("dtype", {"float32": 16} if cell_type.float32_only else {"float32": 16, "float64": 2, "float16": 1})
        )
        # What has no kernel in onnxruntime for float64, and what loses itself in float16, is drawn in float32.
        self.wrapper: str = draw("wrapper", {"none": 12, "if": 1} | ({"function": 1} if opset >= 13 else {}))
        old = opset < 9 and self.wrapper == "none"
        first = 3 if old else max(helper.find_min_ir_version_for([helper.make_opsetid("", opset)]), 4)
        first = max(first, 8) if self.wrapper == "function" else first
        ir_version = draw("ir_version", range(first, max(first, 10) + 1) if not old else [3, 4, 6])
        self.target = Target(draw, opset, ir_version, dtype)
        kinds = {"initializer": 6, "node": 1, "body": 1, "identity": 0.7, "copies": 1, "input": 0.7}
        if container != "unrolled":
            kinds["carried"] = 1.5
        self.target.weights = draw("weights", kinds)
        self.target.constants = draw("constants", {"here": 3, "node": 1, "root": 1})
        self.target.scalars = draw("scalars", {(): 3, (1,): 1})
        self.target.noise = draw("noise", {0.0: 3, 0.25: 1})
        self.inputs: dict[str, Input] = {}
        self.infos: list[onnx.ValueInfoProto] = []
        self.outputs: list[Output] = []
        self.truths: list[Truth] = []
        self.reading: Truth | None = None
        symbols = {"B"} if opset >= 8 and draw.flag("symbolic B", 0.4) else set()
        if container != "unrolled" and opset >= 10 and draw.flag("symbolic T", 0.4):
            symbols.add("T")
        self.symbols = frozenset(symbols)
        self.sizes = {
            "T": draw.number("T", 2 if cell_type is Cell else 3, 6),
            "B": draw.number("B", 1 if cell_type is Cell else 2, 4),
        }

    def size(self, which: str) -> int | str:
        """Return T or B as the model's inputs have it."""
        return which if which in self.symbols else self.sizes[which]

    def features(self, knob: str) -> int:
        """Draw a number of features; 1 is rare, and hides what near misses do over the features."""
        rare = {1: 0.3} if self.cell_type is Cell else {}
        return int(self.draw(knob, rare | {2: 1, 3: 1, 4: 1, 5: 1, 6: 0.7}))

    def input(self, name: str, shape: list[int | str], given: Input | None = None, kind: int | None = None) -> str:
        """Declare an input and return it."""
        self.inputs[name] = given or Input(tuple(shape))
        kind = kind or helper.np_dtype_to_tensor_dtype(self.target.dtype)
        self.infos.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def truth(self, knob: str, I: int, H: int, *, reverse: bool) -> Truth:
        """Draw a cell, and what its state starts from."""
        draw = self.draw.under(knob)
        kinds = {"none": 3.0, "input": 3, "shared": 0.5} | ({"constant": 1} if "B" not in self.symbols else {})
        kinds = {k: v for k, v in kinds.items() if self.cell_type.h0 is None or (k != "none") == self.cell_type.h0}
        where = draw("h0", kinds)
        h0: Floats | str | None = None
        if where == "input":
            h0 = self.input(f"{knob}_h0", [self.size("B"), H])
        elif where != "none":
            rows = 1 if where == "shared" else self.sizes["B"]
            h0 = np.round(draw.rng("h0 numbers").normal(size=(rows, H)), 3)
        truth = replace(draw_truth(draw, I, H, reverse=reverse), h0=h0)
        if self.target.dtype != np.float32:  # onnxruntime has few kernels for others, and float16 few digits
            truth = replace(truth, f="Sigmoid", g="Tanh", clip=None)
            draw.choices |= {f"{knob}/f": "Sigmoid", f"{knob}/g": "Tanh"}
        truth = self.cell_type.meant(truth, draw)
        self.truths.append(truth)
        return truth

    def write(self) -> Spelled:
        """Write the model."""
        draw = self.draw
        structures = {"single": 8, "stacked": 1.2, "two in a body": 1, "bidirectional": 1.3}
        structure = draw("structure", structures) if self.cell_type is Cell else "single"
        x_axis = draw("axis of time", {0: 6, 1: 4, 2: 0.5})
        I, H = self.features("I"), self.features("H")
        x = Seq("x", x_axis, I, self.size("T"), self.size("B"))
        self.input("x", x.shape)
        reverse = (
            structure != "bidirectional" and not self.cell_type.forward_only and draw.flag("reverse direction", 0.35)
        )
        main = Emit(self.target)
        scope = main.child("branch") if self.wrapper == "if" else main
        if self.wrapper == "function":
            scope = main.child("function")
        chain = self._prepare(structure, I, H, reverse=reverse)
        scoped = replace(x, name=self._scoped(scope, "x"))
        runs = self._layers(scope, structure, scoped, chain)
        self._outputs(scope, runs)
        return self._finish(main, scope)

    def _prepare(self, structure: str, I: int, H: int, *, reverse: bool) -> list[list[Truth]]:
        """Return the cells of each layer."""
        if structure == "bidirectional":
            return [[self.truth("fw", I, H, reverse=False)], [self.truth("bw", I, H, reverse=True)]]
        first = self.truth("a", I, H, reverse=reverse)
        if structure == "single":
            return [[first]]
        second_reverse = reverse if structure == "two in a body" else self.draw.flag("reverse second", 0.3)
        second = self.truth("b", H, self.features("H2"), reverse=second_reverse)
        return [[first, second]] if structure == "two in a body" else [[first], [second]]

    def _scoped(self, scope: Emit, name: str) -> str:
        """Return an input as the scope sees it: a function has its own name for it."""
        if scope.kind != "function":
            return name
        inner = scope.name(name)
        scope.parameters.append((inner, name))
        return inner

    def _layers(self, e: Emit, structure: str, x: Seq, chain: list[list[Truth]]) -> list[tuple[Any, ...]]:
        """Write the layers; return (sequence, last state or None, meaning of both) for each thing to give out."""
        lens = None
        masked = "lengths" in self.cell_type.asks
        plain = structure == "single" and chain[0][0].h0 is None and not chain[0][0].reverse and self.target.opset >= 9
        if masked or (plain and self.cell_type is Cell and self.draw.flag("lengths", 0.08)):
            self.input("lens", [self.size("B")], Input((self.size("B"),), lens=True), TensorProto.INT64)
            lens = self._scoped(e, "lens")

        def meaning(upto: list[Truth]) -> Callable[[Mapping[str, Array]], tuple[Floats, Floats]]:
            def of(feeds: Mapping[str, Array]) -> tuple[Floats, Floats]:
                Y = np.moveaxis(feeds["x"].astype(np.float64), x.axis, 0)
                last = Y[0]
                for truth in [self.reading] if self.reading is not None else upto:
                    Y, last = truth.run(Y, feeds, feeds.get("lens"))
                return Y, last

            return of

        found, source, before = list[tuple[Any, ...]](), x, list[Truth]()
        for n, truths in enumerate(chain):
            inner = [replace(t, h0=self._scoped(e, t.h0)) if isinstance(t.h0, str) else t for t in truths]
            layer = Layer(self.draw.under(f"layer{n}"), self.container, inner, self.cell_type, lens)
            ran = layer.run(e, source)
            if structure == "bidirectional":
                found.append((ran.Y[0], ran.last[0], meaning(truths), truths[0].reverse))
                continue
            before = [*before, *truths]
            if n + 1 < len(chain):
                source = flip(e, self.draw, f"between {n}", ran.Y[0]) if ran.Y[0].backwards else ran.Y[0]
                if self.draw.flag("give out inner", 0.2):
                    found.append((ran.Y[0], ran.last[0], meaning(before), truths[0].reverse))
                continue
            found.append((ran.Y[0], ran.last[len(truths) - 1], meaning(before), truths[0].reverse))
            if len(ran.Y) == 2:
                inner_upto = before[:-1] if structure == "two in a body" else before
                found.append((ran.Y[1], None, meaning(inner_upto), truths[0].reverse))
        return self._both_ways(e, found) if structure == "bidirectional" else found

    def _both_ways(self, e: Emit, found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Join two directions on the features, or leave them apart."""
        if self.draw("directions", {"joined": 4, "apart": 1}) == "apart":
            return found
        (fw, fw_last, fw_means, _), (bw, bw_last, bw_means, _) = found
        forth = flip(e, self.draw, "fw", fw) if fw.backwards else fw
        back = flip(e, self.draw, "bw", bw) if bw.backwards else bw
        if forth.axis != back.axis:
            forth, back = forth.time_major(e), back.time_major(e)
        name = e.op("Concat", forth.name, back.name, axis=2)
        Y = replace(forth, name=name, features=forth.features + back.features)
        last = e.op("Concat", fw_last, bw_last, axis=1)

        def means(feeds: Mapping[str, Array]) -> tuple[Floats, Floats]:
            (a, b), (c, d) = fw_means(feeds), bw_means(feeds)
            return np.concatenate([a, c], axis=2), np.concatenate([b, d], axis=1)

        return [(Y, last, means, False)]

    def _outputs(self, e: Emit, found: list[tuple[Any, ...]]) -> None:
        """Settle what the model gives out."""
        draw = self.draw
        give = draw(
            "outputs", self.cell_type.outputs or {"Y": 2, "last": 2.5, "both": 3, "last of Y": 1, "step of Y": 0.5}
        )
        for n, (Y, last, means, reverse) in enumerate(found):
            joined = last is not None and "bidirectional" in str(draw.choices.get("structure"))
            wanted = give if last is not None else "Y"
            if wanted in {"last of Y", "step of Y"} and (joined or "lens" in self.inputs):
                wanted = "both"
            if wanted in {"Y", "both", "step of Y"}:
                self._give(e, f"Y{n}", Y.name, Y.shape, _sequence(means, Y))
            if wanted in {"last", "both"}:
                self._give(e, f"last{n}", last, [Y.B, Y.features], lambda feeds, m=means: m(feeds)[1])
            if wanted == "last of Y":
                self._give(
                    e,
                    f"last{n}",
                    self._last_of(e, Y, n, reverse=reverse),
                    [Y.B, Y.features],
                    lambda feeds, m=means: m(feeds)[1],
                )
            if wanted == "step of Y":
                step = e.op("Gather", Y.name, e.ints(1, scalar=True), axis=Y.axis)
                whole = _sequence(means, Y)
                of = lambda feeds, w=whole, a=Y.axis: w(feeds).take(1, axis=a)  # noqa: E731
                self._give(e, f"step{n}", step, [Y.B, Y.features], of)

    def _last_of(self, e: Emit, Y: Seq, n: int, *, reverse: bool) -> str:
        """Read the last state from the sequence."""
        first = reverse != Y.backwards
        if self.draw(f"last read {n}", ("gather", "slice")) == "gather" and (first or e.opset >= 11):
            return e.op("Gather", Y.name, e.ints(0 if first else -1, scalar=True), axis=Y.axis)
        return e.squeeze(e.slice(Y.name, 0 if first else -1, 1 if first else 2**31 - 1, Y.axis), Y.axis)

    def _give(self, e: Emit, name: str, value: str, shape: list[int | str], means: Callable[..., Floats]) -> None:
        """Make a value an output, perhaps after something was done to it."""
        if self.draw.flag(f"used {name}", 0.2):
            value = e.op("Mul", value, e.scalar(-2))
            plain = means
            means = lambda feeds: -2 * plain(feeds)  # noqa: E731
        else:
            value = e.op("Identity", value)
        self.outputs.append(Output(value, shape, means))

    def _finish(self, main: Emit, scope: Emit) -> Spelled:
        """Close the scopes and make the model."""
        if self.cell_type is not Cell or not self.draw.flag("dead nodes", 0.1):
            drop_dead(scope, {o.name for o in self.outputs})
        kind = helper.np_dtype_to_tensor_dtype(self.target.dtype)
        infos = [helper.make_tensor_value_info(o.name, kind, o.shape) for o in self.outputs]
        functions = []
        opsets = [helper.make_opsetid("", self.target.opset)]
        if self.wrapper == "if":
            names = self._branches(main, scope)
            for info, name in zip(infos, names, strict=True):
                info.name = name
        if self.wrapper == "function":
            functions.append(self._function(main, scope, opsets))
            opsets.append(helper.make_opsetid("local", 1))
        for feed, values in self.target.feeds.items():
            self.inputs[feed] = Input(values=values)
        graph = helper.make_graph(main.nodes, "spelled", [*self.infos, *main.inputs], infos, main.initializers)
        model = helper.make_model(graph, opset_imports=opsets, ir_version=self.target.ir_version, functions=functions)
        self.meanings = dict(zip([info.name for info in infos], [o.meaning for o in self.outputs], strict=True))
        return Spelled(
            seed=self.seed,
            kind="gru",
            why="",
            model=model,
            truths=tuple(self.truths),
            sizes=self.sizes,
            inputs=self.inputs,
            meaning=lambda feeds: {name: means(feeds) for name, means in self.meanings.items()},
            choices=self.draw.choices,
            grus=len(self.truths),
            dtype=self.target.dtype,
            symbols=self.symbols,
            readings=self._readings,
        )

    def _readings(self, feeds: Mapping[str, Array]) -> Iterator[dict[str, Floats]]:
        """Yield what the outputs would be if the one cell's numbers were meant in each other way."""
        for reading in self.truths[0].readings():
            self.reading = reading
            yield {name: means(feeds) for name, means in self.meanings.items()}
        self.reading = None

    def _branches(self, main: Emit, scope: Emit) -> list[str]:
        """Put the scope into a branch of an If, and something else into the other."""
        condition = self.input("condition", [], Input(values=np.array(self.draw.flag("then", 0.5))), TensorProto.BOOL)
        kind = helper.np_dtype_to_tensor_dtype(self.target.dtype)
        other = main.child("branch")
        zero = [
            other.op(
                "Identity",
                other.tensor(
                    np.zeros([d if isinstance(d, int) else self.sizes[d] for d in o.shape], self.target.dtype)
                ),
            )
            for o in self.outputs
        ]

        def graph(e: Emit, names: list[str], title: str) -> onnx.GraphProto:
            infos = [helper.make_tensor_value_info(name, kind, None) for name in names]
            return helper.make_graph(e.nodes, title, [], infos, e.initializers)

        ours, theirs = graph(scope, [o.name for o in self.outputs], "ours"), graph(other, zero, "theirs")
        taken = self.draw.choices["then"]
        then, otherwise = (ours, theirs) if taken else (theirs, ours)
        return main.ops("If", condition, outputs=len(self.outputs), then_branch=then, else_branch=otherwise)

    def _function(self, main: Emit, scope: Emit, opsets: list[onnx.OperatorSetIdProto]) -> onnx.FunctionProto:
        """Make a local function of the scope, and call it."""
        inner, outer = [p[0] for p in scope.parameters], [p[1] for p in scope.parameters]
        results = [o.name for o in self.outputs]
        function = helper.make_function("local", "Recurrence", inner, results, scope.nodes, opsets)
        main.nodes.append(helper.make_node("Recurrence", outer, results, name="call", domain="local"))
        return function


def drop_dead(e: Emit, wanted: set[str]) -> None:
    """Drop the nodes of a scope that nothing reads, as exporters do."""
    kept = []
    for node in reversed(e.nodes):
        if wanted.isdisjoint(node.output):
            continue
        kept.append(node)
        wanted |= set(node.input) | captured(node)
    e.nodes = kept[::-1]


def captured(node: onnx.NodeProto) -> set[str]:
    """Return every name that the bodies of a node read."""
    names = set[str]()
    for attribute in node.attribute:
        for inner in attribute.g.node if attribute.type == onnx.AttributeProto.GRAPH else ():
            names |= set(inner.input) | captured(inner)
        if attribute.type == onnx.AttributeProto.GRAPH:
            names |= {value.name for value in attribute.g.output}
    return names


def _sequence(means: Callable[..., tuple[Floats, Floats]], Y: Seq) -> Callable[..., Floats]:
    """Return the meaning of a collected sequence in its own form."""

    def of(feeds: Mapping[str, Array]) -> Floats:
        value = means(feeds)[0][::-1] if Y.backwards else means(feeds)[0]
        return np.moveaxis(value, 0, Y.axis)

    return of
