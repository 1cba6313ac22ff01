"""Pages of the library, from the docstrings of its public names; Sphinx reads them, with their source."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

import gru_lower
from docs_site.pages.markdown import table, toctree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

MODULES = (
    "gru_lower.frameworks",
    "gru_lower.frameworks.pytorch",
    "gru_lower.frameworks.keras",
    "gru_lower.frameworks.tensorflow",
    "gru_lower.frameworks.mlx",
    "gru_lower.streaming",
    "gru_lower.reference",
    "gru_lower.testing",
)
"""Public modules beside the package itself, in the order of the navigation."""
HANDED_BACK = {
    "gru_lower.report.run_report": ("Report", "File"),
    "gru_lower.diagnostics": ("Diagnostic",),
    "gru_lower.verification.sites.site": ("Site",),
    "gru_lower.verification.result": ("Verification",),
    "gru_lower.streaming.frame_stream": ("FrameStream",),
}
"""What calls give back, and what that is made of."""
INDEX = """# The library: Python API

Whatever the command does, the library does, with the same options. A model is handed in as a path, bytes, a ModelProto,
an onnx_graphsurgeon Graph, an onnx_ir Model or torch's ONNXProgram, and comes back as the same kind. X is [T,B,I],
states are [D,B,H] and weights [D,3H,·], with T steps, B sequences, I inputs, H hidden units and D directions; times are
seconds, sizes bytes. Errors derive from `GruLowerError`, and carry a [code](../../docs/diagnostics/index.md) and a
hint.

"""


def public_names() -> list[str]:
    """Return every public name, spelled in full."""
    own = [*(f"gru_lower.{name}" for name in gru_lower.__all__), *MODULES]
    return own + [f"{module}.{name}" for module in MODULES for name in _names(_module(module))]


def pages() -> Iterator[tuple[str, str]]:
    """Yield the pages."""
    calls, classes = [], []
    for name in gru_lower.__all__:
        value = getattr(gru_lower, name)
        if inspect.isfunction(value):
            calls.append(name)
        elif inspect.isclass(value):
            classes.append(name)
    for name in calls:
        yield (
            f"reference/api/{name}.md",
            f"# `gru_lower.{name}` in Python\n\n{_directive('autofunction', f'gru_lower.{name}')}",
        )
    for module in MODULES:
        yield f"reference/api/{_file(module)}.md", _module_page(module)
    errors = [name for name in classes if issubclass(getattr(gru_lower, name), Exception)]
    yield "reference/api/errors.md", "# Errors\n\n" + _classes(f"gru_lower.{name}" for name in errors)
    results = [f"gru_lower.{name}" for name in classes if name not in errors]
    results += [f"{module}.{name}" for module, names in HANDED_BACK.items() for name in names]
    yield "reference/api/results.md", "# What calls give back\n\n" + _classes(results)
    rows = [[f"[`gru_lower.{name}`]({name}.md)", _first_line(getattr(gru_lower, name))] for name in calls]
    rows += [[f"[`{module}`]({_file(module)}.md)", _first_line(_module(module))] for module in MODULES]
    rows += [
        ["[errors](errors.md)", ", ".join(errors)],
        ["[results](results.md)", "Result, Report, and what is in them"],
    ]
    below = [*calls, *map(_file, MODULES), "errors", "results"]
    yield "reference/api/index.md", INDEX + table(["", ""], rows) + VERSION + toctree(below)


VERSION = """
```{eval-rst}
.. data:: gru_lower.__version__

   The version, as ``gru-lower --version`` prints it.
```
"""


def _module(name: str) -> Any:  # noqa: ANN401 - a module, which an attribute may be anything to type checkers
    """Return a public module, whose name may be one of the package's attributes."""
    parent, _, last = name.rpartition(".")
    above = importlib.import_module(parent)
    return getattr(above, last) if last in dir(above) else importlib.import_module(name)


def _file(module: str) -> str:
    return module.removeprefix("gru_lower.").replace(".", "-")


def _first_line(value: Any) -> str:  # noqa: ANN401 - a function or a module
    return inspect.cleandoc(value.__doc__ or "").partition("\n")[0].replace("``", "`")


def _names(module: ModuleType) -> list[str]:
    """Return a module's public names: those it lists, or the functions and classes that it defines."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return [name for name in listed if not inspect.ismodule(getattr(module, name))]
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return [name for name in own if not name.startswith("_")]


def _module_page(name: str) -> str:
    module = _module(name)
    parts = [f"# `{name}` in Python\n\n{_directive('automodule', module.__name__)}"]
    for each in _names(module):
        kind = "autoclass" if inspect.isclass(getattr(module, each)) else "autofunction"
        parts.append(f"## {each}\n\n{_directive(kind, f'{name}.{each}')}")
    return "\n".join(parts)


def _classes(names: Any) -> str:  # noqa: ANN401 - strings
    return "\n".join(f"## {name.rpartition('.')[2]}\n\n{_directive('autoclass', name)}" for name in names)


def _directive(kind: str, name: str) -> str:
    options = {"autoclass": ("   :members:", "   :show-inheritance:"), "automodule": ("   :no-index:",)}.get(kind, ())
    return "\n".join(["```{eval-rst}", f".. {kind}:: {name}", *options, "```", ""])
