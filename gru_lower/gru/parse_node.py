"""Parsing a GRU node into a :class:`GruSpec`, with a check of every rule of the operator.

:func:`parse` understands all of a node, or reports what it does not understand with a code: GL1xx for what breaks a
rule, GL2xx for what is ambiguous.
"""

from __future__ import annotations

import math
from dataclasses import field
from typing import TYPE_CHECKING, Any

from onnx import AttributeProto, TensorProto, defs, helper

from gru_lower.diagnostics import Diagnostic, diagnostic
from gru_lower.graph.axis_lengths import axis_length
from gru_lower.gru.activations import KINDS, SIGMOID, TANH, Activation
from gru_lower.gru.spec import FLOAT_TYPES, INPUTS, VERSIONS, Direction, GruSpec
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.graph.tensor_types import Dims

LIST, STRINGS, NUMBER, WHOLE, TEXT = (
    AttributeProto.FLOATS,
    AttributeProto.STRINGS,
    AttributeProto.FLOAT,
    AttributeProto.INT,
    AttributeProto.STRING,
)
ATTRIBUTES: dict[str, tuple[Any, int, int]] = {
    "activation_alpha": (LIST, 1, 999),
    "activation_beta": (LIST, 1, 999),
    "activations": (STRINGS, 1, 999),
    "clip": (NUMBER, 1, 999),
    "direction": (TEXT, 1, 999),
    "hidden_size": (WHOLE, 1, 999),
    "layout": (WHOLE, 14, 999),
    "linear_before_reset": (WHOLE, 3, 999),
    "output_sequence": (WHOLE, 1, 6),
}
"""Attribute: its type, the first and the last operator version that have it."""
MAX_OUTPUTS = 2
NEWEST_OPSET = defs.onnx_opset_version()
REQUIRED = ("X", "W", "R")
BFLOAT16_VERSION = 22


@dataclass
class Parsed:
    """The result of parsing one GRU node.

    Attributes:
        site: The node's id.
        spec: The GRU, ``None`` where the node breaks a rule.
        diagnostics: Errors (then there is no spec), warnings and notes, in the order they were found.

    """

    site: str
    spec: GruSpec | None = None
    diagnostics: list[Diagnostic] = field(default_factory=list)


class _Broken(Exception):  # noqa: N818 - control flow within this module
    """The node breaks a rule."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def parse(scope: Scope, index: int, facts: Facts) -> Parsed:
    """Read the GRU node at an index of a scope.

    Args:
        scope: The scope of the node.
        index: Its index there.
        facts: What is known of the values of the same, unedited model.

    Returns:
        The spec, or the reasons why there is none.

    """
    site = scope.site(index)
    result = Parsed(site)
    reader = _Reader(scope, index, site, facts, result.diagnostics)
    try:
        result.spec = reader.read()
    except _Broken as broken:
        result.diagnostics.append(
            diagnostic(broken.code, broken.message, scope=scope.path, node=site, hint=broken.hint)
        )
    return result


class _Reader:
    """Reads one node; each method checks one group of rules."""

    def __init__(self, scope: Scope, index: int, site: str, facts: Facts, found: list[Diagnostic]) -> None:
        self.scope, self.node, self.facts, self.found = scope, facts.node(scope, index), facts, found
        self.site = site

    def read(self) -> GruSpec:
        if self.scope.opset < 1:
            raise _Broken("GL112", "the scope imports no opset of ONNX's own domain")
        if self.scope.opset > NEWEST_OPSET:
            raise _Broken("GL114", f"its opset is {self.scope.opset}; the newest known here is {NEWEST_OPSET}")
        version = max(v for v in VERSIONS if v <= self.scope.opset)
        inputs, outputs = self.names(version)
        values = self.attributes(version)
        layout = self.layout(values)
        names = self.direction(values)
        functions = self.activations(values, len(names))
        hidden_size = self.hidden_size(values, inputs)
        solved = self.sizes(inputs, len(names), hidden_size, layout)
        return GruSpec(
            version=version,
            elem_type=self.elem_type(inputs, version),
            directions=tuple(
                Direction(i, name == "reverse", functions[2 * i], functions[2 * i + 1]) for i, name in enumerate(names)
            ),
            linear_before_reset=bool(values.get("linear_before_reset", 0)),
            layout=layout,
            clip=self.clip(values),
            inputs=inputs,
            Y=outputs[0],
            Y_h=outputs[1],
            hidden_size=hidden_size,
            input_size=solved["I"],
            seq_length=solved["T"],
            batch_size=solved["B"],
        )

    def note(self, code: str, message: str) -> None:
        self.found.append(diagnostic(code, message, scope=self.scope.path, node=self.site))

    def names(self, version: int) -> tuple[dict[str, str], list[str]]:
        node = self.node
        if len(node.input) > len(INPUTS) or len(node.output) > MAX_OUTPUTS:
            raise _Broken("GL101", f"{len(node.input)} inputs and {len(node.output)} outputs; at most 6 and 2 exist")
        inputs = {key: name for key, name in zip(INPUTS, node.input, strict=False) if name}
        missing = [key for key in REQUIRED if key not in inputs]
        if missing:
            raise _Broken("GL101", f"the required input {missing[0]} is missing")
        outputs = [*node.output, "", ""][:2]
        if not any(outputs):
            raise _Broken("GL101", "it has no output")
        if version == 1 and not outputs[1]:
            raise _Broken("GL101", "opset 1 requires the output Y_h")
        return inputs, outputs

    def attributes(self, version: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for attribute in self.node.attribute:
            name = attribute.name
            if attribute.ref_attr_name:
                raise _Broken("GL111", f"attribute {name} refers to the function's parameter {attribute.ref_attr_name}")
            kind, first, last = ATTRIBUTES.get(name, (None, 0, 0))
            if not first <= version <= last:
                raise _Broken("GL102", f"attribute {name} is unknown to GRU of opset {version}")
            if attribute.type != kind:
                wanted = AttributeProto.AttributeType.Name(kind)
                raise _Broken("GL102", f"attribute {name} has to be of type {wanted}")
            value = helper.get_attribute_value(attribute)
            if kind == TEXT:
                value = value.decode("utf-8", "replace")
            elif kind == STRINGS:
                value = [entry.decode("utf-8", "replace") for entry in value]
            values[name] = value
        return values

    def layout(self, values: dict[str, Any]) -> int:
        layout = int(values.get("layout", 0))
        if layout not in (0, 1):
            raise _Broken("GL110", f"layout is {layout}; only 0 and 1 exist")
        return layout

    def direction(self, values: dict[str, Any]) -> tuple[str, ...]:
        name = str(values.get("direction", "forward"))
        if name == "foward":  # the default as the first schema of the operator spells it
            name = "forward"
        if name == "bidirectional":
            return ("forward", "reverse")
        if name not in ("forward", "reverse"):
            raise _Broken("GL103", f"direction is {values['direction']!r}")
        return (name,)

    def clip(self, values: dict[str, Any]) -> float | None:
        clip = values.get("clip")
        if clip is None:
            return None
        if not clip > 0 or math.isinf(clip):
            raise _Broken("GL106", f"clip is {clip:g}; it has to be a number above 0")
        return float(clip)

    def activations(self, values: dict[str, Any], directions: int) -> list[Activation]:
        alphas, betas = list(values.get("activation_alpha", ())), list(values.get("activation_beta", ()))
        for label, given in (("activation_alpha", alphas), ("activation_beta", betas)):
            odd = next((value for value in given if not math.isfinite(value)), None)
            if odd is not None:
                raise _Broken("GL113", f"{label} holds {odd:g}")
        names = values.get("activations") or []
        if not names:
            self.surplus(0, 0, alphas, betas)
            return [SIGMOID, TANH] * directions
        if len(names) != 2 * directions:
            raise _Broken("GL104", f"{len(names)} activations for {directions} direction(s); two each are needed")
        kinds = []
        for name in names:
            if name.lower() not in KINDS:
                raise _Broken(
                    "GL104", f"unknown activation {name!r}; known are {', '.join(k.name for k in KINDS.values())}"
                )
            kinds.append(KINDS[name.lower()])
        for label, given, taken in (
            ("activation_alpha", alphas, [kind.alpha is not None for kind in kinds]),
            ("activation_beta", betas, [kind.beta is not None for kind in kinds]),
        ):
            self.by_position(label, given, taken)
        next_alpha, next_beta = iter(alphas), iter(betas)
        result = []
        for kind in kinds:
            alpha = None if kind.alpha is None else next(next_alpha, None)
            beta = None if kind.beta is None else next(next_beta, None)
            lacking = (kind.alpha is not None and alpha is None) or (kind.beta is not None and beta is None)
            if kind.ambiguous and lacking:
                self.note("GL201", f"{kind.name} without explicit parameters: {kind.ambiguous}")
            result.append(
                Activation(kind.name, kind.alpha if alpha is None else alpha, kind.beta if beta is None else beta)
            )
        alpha_used, beta_used = (sum(kind.alpha is not None for kind in kinds), sum(k.beta is not None for k in kinds))
        self.surplus(alpha_used, beta_used, alphas, betas)
        return result

    def by_position(self, label: str, given: Sequence[float], taken: Sequence[bool]) -> None:
        """Note lists that a reader by position would understand differently."""
        in_order = list(given[: sum(taken)])
        by_index = [value for value, takes in zip(given, taken, strict=False) if takes]
        if given and in_order != by_index:
            self.note("GL202", f"{label} {list(given)} is consumed in order by the functions that take it")

    def surplus(self, alpha_used: int, beta_used: int, alphas: list[float], betas: list[float]) -> None:
        for label, used, given in (("activation_alpha", alpha_used, alphas), ("activation_beta", beta_used, betas)):
            if len(given) > used:
                self.note("GL105", f"{label} has {len(given)} values, of which {used} are used")

    def elem_type(self, inputs: dict[str, str], version: int) -> int:
        seen = {key: self.facts.elem_type(self.scope, name) for key, name in inputs.items()}
        for key, kind in seen.items():
            if not kind and self.facts.constant(self.scope, inputs[key]) is not None:
                raise _Broken("GL109", f"{key} is a constant of undefined type")
        lens_type = seen.pop("sequence_lens", 0)
        known = {key: kind for key, kind in seen.items() if kind}
        kinds = set(known.values())
        if len(kinds) > 1:
            listed = ", ".join(f"{key} {_type_name(kind)}" for key, kind in known.items())
            raise _Broken("GL109", f"the inputs' types differ: {listed}")
        elem_type = kinds.pop() if kinds else 0
        if elem_type and elem_type not in FLOAT_TYPES:
            raise _Broken("GL109", f"the inputs are of type {_type_name(elem_type)}, not a float type")
        if elem_type == TensorProto.BFLOAT16 and version < BFLOAT16_VERSION:
            self.note(
                "GL203", f"GRU takes bfloat16 from opset {BFLOAT16_VERSION}; this one is of opset {self.scope.opset}"
            )
        if lens_type not in (0, TensorProto.INT32):
            raise _Broken(
                "GL109",
                f"sequence_lens is {_type_name(lens_type)}, not int32",
                "cast the lengths to int32: gru-lower check MODEL --fix does",
            )
        return elem_type

    def hidden_size(self, values: dict[str, Any], inputs: dict[str, str]) -> int:
        given = int(values["hidden_size"]) if "hidden_size" in values else None
        if given is not None and given < 1:
            raise _Broken("GL107", f"hidden_size is {given}")
        r_shape = self.shape(inputs, "R", 3)
        hidden = given if given is not None else _fixed(r_shape, 2)
        if hidden is None and r_shape is not None and isinstance(r_shape[1], int):
            hidden = r_shape[1] // 3
        if hidden is None:
            raise _Broken("GL107", "hidden_size is not given, and R's shape is unknown")
        if hidden < 1:
            raise _Broken("GL107", f"R has shape {_spell(r_shape)}, which leaves no hidden unit")
        return hidden

    def sizes(self, inputs: dict[str, str], d: int, hidden: int, layout: int) -> dict[str, int | None]:
        """Solve for T, B and I over the shapes of all inputs, and find contradictions."""
        solved: dict[str, int | None] = {"T": None, "B": None, "I": None}
        data = ("B", "T", "I") if layout else ("T", "B", "I")
        state = ("B", d, hidden) if layout else (d, "B", hidden)
        expected: dict[str, tuple[int | str, ...]] = {
            "R": (d, 3 * hidden, hidden),
            "W": (d, 3 * hidden, "I"),
            "B": (d, 6 * hidden),
            "X": data,
            "sequence_lens": ("B",),
            "initial_h": state,
        }
        for key, wanted in expected.items():
            if key not in inputs:
                continue
            shape = self.shape(inputs, key, len(wanted))
            if key == "X":
                # A loop's body does not see the axes that its Unsqueezes take from around it.
                shape = tuple(
                    dim if isinstance(dim, int) else axis_length(self.scope, self.facts, inputs[key], axis, 3)
                    for axis, dim in enumerate(shape or [None] * 3)
                )
            for axis, (have, want) in enumerate(zip(shape or (), wanted, strict=False)):
                if not isinstance(have, int):
                    continue
                size = solved[want] if isinstance(want, str) else want
                if isinstance(want, str) and size is None:
                    solved[want] = have
                elif have != size:
                    code = "GL107" if key == "R" and axis else "GL108"
                    raise _Broken(code, f"{key} has shape {_spell(shape)}: axis {axis} should be {size}")
        return solved

    def shape(self, inputs: dict[str, str], key: str, rank: int) -> Dims | None:
        name = inputs.get(key)
        shape = None if name is None else self.facts.shape(self.scope, name)
        if shape is not None and len(shape) != rank:
            raise _Broken("GL108", f"{key} has shape {_spell(shape)}; {rank} axes are needed")
        return shape


def _fixed(shape: Dims | None, axis: int) -> int | None:
    size = None if shape is None else shape[axis]
    return size if isinstance(size, int) else None


def _type_name(elem_type: int) -> str:
    known = elem_type in TensorProto.DataType.values()
    return str(TensorProto.DataType.Name(elem_type)).lower() if known else f"number {elem_type}"


def _spell(shape: Dims | None) -> str:
    return str(["?" if dim is None else dim for dim in shape or ()]).replace("'", "")
