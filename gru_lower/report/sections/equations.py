"""The equations of a GRU of some variant, in the spelling of ONNX's operator, as lines of text.

``W_z``, ``H_{t-1}``, ``X_t^T``: what follows ``_`` is a subscript, what follows ``^`` a superscript, in braces where it
is longer than a letter. :mod:`gru_lower.report.html.mathml` turns such lines into MathML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.report.sections.blocks import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

SYMBOLS = {"Sigmoid": "σ", "Tanh": "tanh"}


def equations(spec: dict[str, Any]) -> list[str]:
    """Return the equations of a GRU.

    Args:
        spec: As the JSON report holds it.

    """
    lines: list[str] = []
    functions = spec["activations"]
    for place, way in enumerate(_ways(spec["direction"])):
        f, g = (SYMBOLS.get(str(each), str(each)) for each in functions[2 * place : 2 * place + 2] or functions[:2])
        if spec["direction"] == "bidirectional":
            lines.append(f"# {way}")
        lines += _step(f, g, spec, "t-1" if way == "forward" else "t+1")
    return [*lines, *_around(spec)]


def _ways(direction: str) -> tuple[str, ...]:
    return ("forward", "reverse") if direction == "bidirectional" else (direction,)


def _step(f: str, g: str, spec: dict[str, Any], other: str) -> Iterator[str]:
    biased = "B" in spec["inputs"]
    bias = {gate: f" + b_{{W{gate}}} + b_{{R{gate}}}" if biased else "" for gate in "zr"}
    state, open_, close = f"H_{{{other}}}", "(", ")"
    if spec["clip"] is not None:
        open_, close = "(clip(", "))"
    for gate in "zr":
        yield f"{gate}_t = {f}{open_}X_t W_{gate}^T + {state} R_{gate}^T{bias[gate]}{close}"
    inner, outer = (" + b_{Rh}", " + b_{Wh}") if biased else ("", "")
    if spec["linear_before_reset"]:
        recurrent = f"r_t ∘ ({state} R_h^T{inner})" if biased else f"r_t ∘ ({state} R_h^T)"
    else:
        recurrent = f"(r_t ∘ {state}) R_h^T{inner}"
    yield f"h_t = {g}{open_}X_t W_h^T + {recurrent}{outer}{close}"
    yield f"H_t = (1 - z_t) ∘ h_t + z_t ∘ {state}"


def _around(spec: dict[str, Any]) -> Iterator[str]:
    first = "initial_h" if "initial_h" in spec["inputs"] else "0"
    if spec["direction"] != "reverse":
        yield f"H_0 = {first}"
    if spec["direction"] != "forward":
        yield f"H_{{T+1}} = {first}"
    if spec["clip"] is not None:
        yield f"clip(a) = min(max(a, -{spec['clip']:g}), {spec['clip']:g})"


def variant(spec: dict[str, Any]) -> str:
    """Return the variant in words.

    Args:
        spec: As the JSON report holds it.

    """
    parts = [spec["direction"], counted(spec["hidden_size"], "unit")]
    parts.append("unknown width of inputs" if spec["input_size"] is None else counted(spec["input_size"], "input"))
    parts.append("any number of steps" if spec["seq_length"] is None else counted(spec["seq_length"], "step"))
    parts.append("any batch" if spec["batch_size"] is None else f"batch of {spec['batch_size']}")
    parts.append(f"reset {'after' if spec['linear_before_reset'] else 'before'} the product")
    chosen = list(dict.fromkeys(spec["activations"]))
    if chosen != ["Sigmoid", "Tanh"]:
        parts.append(f"functions {', '.join(spec['activations'])}")
    parts += [f"clipped at {spec['clip']:g}"] if spec["clip"] is not None else []
    parts += ["batch first"] if spec["layout"] else []
    parts += [f"with {each}" for each in ("sequence_lens", "initial_h") if each in spec["inputs"]]
    return ", ".join([*parts, spec["type"]])
