"""Lower the models in fixtures/golden and write what comes out beside them, as text a person can read.

    python tests/update_golden.py             # rewrite every expectation, and name those that changed
    git diff fixtures/golden                  # is each change meant?

``NAME.onnxtxt`` is a model, ``NAME.FORM.onnxtxt`` what it is lowered to with that form. A new expectation
starts as an empty file of the right name.
"""

from __future__ import annotations

import re
from pathlib import Path

import onnx
from onnx import parser, printer

import gru_lower
from gru_lower.passes.lower_gru.choose_packing import PACKINGS

GOLDEN = Path(__file__).resolve().parents[1] / "fixtures" / "golden"

_QUOTED_NAME = re.compile(r'"([^"\s]*/[^"\s]*)"')
_ATTRIBUTE_TYPE = re.compile(r"(\w): (?:int|float|string|tensor|graph)s? = ")


def cases() -> list[tuple[str, str]]:
    """Return the name of each model with each form it is expected in."""
    expected = [path.name.split(".") for path in GOLDEN.glob("*.*.onnxtxt")]
    return sorted((name, form) for name, form, _ in expected)


def source(name: str) -> onnx.ModelProto:
    """Return a model of the collection."""
    return parser.parse_model((GOLDEN / f"{name}.onnxtxt").read_text(encoding="utf-8"))


def expectation(name: str, form: str) -> Path:
    """Return where the lowered text of a model stands."""
    return GOLDEN / f"{name}.{form}.onnxtxt"


def lowered(name: str, form: str) -> onnx.ModelProto:
    """Lower a model of the collection, with a form or with a packing of form scan."""
    options = f"form=scan,packing={form}" if form in PACKINGS else f"form={form},packing=none"
    model: onnx.ModelProto = gru_lower.lower(source(name), passes=f"lower-gru{{{options}}}", verify=False).model
    return model


def readable(model: onnx.ModelProto) -> str:
    """Return onnx's own text of a model, laid out for reading.

    One initializer or type to a line, bodies on lines of their own; no quotes around names and no attribute types,
    which releases of onnx print differently.
    """
    text = _ATTRIBUTE_TYPE.sub(r"\1 = ", _QUOTED_NAME.sub(r"\1", printer.to_text(model))).replace("=  {", "= {")
    lines: list[str] = []
    outer = ""
    for line in map(str.rstrip, text.splitlines()):
        indent = line[: len(line) - len(line.lstrip())]
        if line.lstrip().startswith("<"):
            lines += line.replace(", ", f",\n{indent} ").splitlines()
            outer = indent[3:]
        else:
            lines += (outer + line if line == "{" else line.replace(" <body = ", f"\n{indent}   <body = ")).splitlines()
    return "\n".join(lines) + "\n"


def main() -> None:
    """Rewrite every expectation."""
    for name, form in cases():
        path, text = expectation(name, form), readable(lowered(name, form))
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(GOLDEN.parents[1]))  # noqa: T201 - a script


if __name__ == "__main__":
    main()
