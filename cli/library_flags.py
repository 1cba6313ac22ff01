"""Flags made of the options that the library declares: type, default and help are those of gru_lower/api/options.py."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gru_lower.api.declared_options import Options, declared_options
from gru_lower.cli import parse_values

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx

    from gru_lower.api.declared_options import Option

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

O = TypeVar("O", bound=Options)

VERIFICATION = ("inputs", "shapes", "rtol", "atol", "cases", "seed")
"""How to verify, in the order of --help."""
TEXT_FORMS: dict[str, dict[str, Any]] = {
    "do": {"metavar": "LINE"},
    "out": {"metavar": "DIR"},
    "cluster": {"metavar": "WHERE"},
    "baseline": {"metavar": "FILE", "type": click.Path(path_type=Path)},
    "workers": {"metavar": "N"},
    "time_limit": {"metavar": "SECONDS"},
    "journal": {"metavar": "FILE"},
    "batch_hint": {"metavar": "N", "show_default": False},
    "fix_dims": {"flag": "--fix-dim", "multiple": True, "metavar": "NAME=N", "callback": parse_values.fixed_dims},
    "forbid": {"multiple": True, "metavar": "OP+OP", "callback": parse_values.operators},
    "ignore": {"multiple": True, "metavar": "CODE", "callback": parse_values.codes},
    "inputs": {"type": click.Path(path_type=Path), "metavar": "NPZ|DIR"},
    "chunk": {"metavar": "K"},
    "context": {"metavar": "N"},
    "max_nodes": {"metavar": "N", "show_default": False},
    "memory": {"metavar": "SIZE", "type": str, "callback": parse_values.size},
    "opset": {"metavar": "N"},
    "passes": {"metavar": "SPEC"},
    "providers": {"flag": "--provider", "multiple": True, "metavar": "NAME"},
    "report": {"metavar": "FILE", "type": str},
    "require": {"metavar": "N"},
    "search": {"metavar": "SECONDS"},
    "select": {"multiple": True, "metavar": "CODE", "callback": parse_values.codes},
    "set": {"multiple": True, "metavar": "NAME=VALUE", "callback": parse_values.set_inputs},
    "shapes": {"flag": "--shape", "multiple": True, "metavar": "NAME=2,7,64", "callback": parse_values.shapes},
    "target": {"metavar": "NAME|FILE"},
    "time": {"multiple": True, "metavar": "NAME:AXIS", "callback": parse_values.axes},
    "static": {"type": click.Path(path_type=Path), "metavar": "NPZ|DIR"},
    "reduce_range": {"flag": "--reduce-range/--no-reduce-range"},
    "verify": {"flag": "--verify/--no-verify"},
}
"""How the command line spells an option, where that does not follow from its type."""


def library_flags(options: type, *names: str) -> Decorator:
    """Add flags to a command.

    Args:
        options: The class that declares them.
        names: Which of them, in the order of --help.

    """
    by_name = {option.name: option for option in declared_options(options)}

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(names):
            command = _flag(by_name[name])(command)
        return command

    return add


def _flag(option: Option) -> Decorator:
    doc, form = option.doc, {**TEXT_FORMS.get(option.name, {})}
    spelled = form.pop("flag", f"--{option.name.replace('_', '-')}")
    text = doc.flag or doc.text
    settings: dict[str, Any] = {"help": f"{text}  [default: {doc.default}]" if doc.default else text}
    if option.required:
        settings["required"] = True
    elif not form.get("multiple"):
        settings["default"] = option.default
        settings["show_default"] = option.default is not False and option.default not in (None, ())
    kind = option.given_type
    if option.choices:
        settings["type"] = parse_values.Word(option.choices)
    elif kind is bool:
        settings["is_flag"] = True
    elif kind in (int, float):
        settings["type"] = _number(option)
    return click.option(spelled, option.name, **settings | form)


def _number(option: Option) -> click.IntRange | click.FloatRange | type[int | float]:
    least, above = option.doc.least, option.doc.above
    if option.given_type is int:
        return int if least is None else click.IntRange(least)
    return _Number(least if above is None else above, min_open=above is not None)


class _Number(click.FloatRange):
    """A number; what is none (NaN) is neither below nor above any bound, and refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is no number.", param, ctx)
        return found


def library_options(
    options: type[O],
    o: dict[str, Any],
    model: onnx.ModelProto | None = None,
    **more: Any,  # noqa: ANN401 - click's values
) -> O:
    """Return the library's options with the values that the command line gives.

    Args:
        options: Their class.
        o: The command's option values.
        model: What inputs and shapes have to fit, if they are among the options.
        more: Further values.

    Raises:
        BadInputs: Inputs or shapes do not fit the model.

    """
    names = {option.name for option in declared_options(options)}
    given = {name: value for name, value in o.items() if name in names}
    if model is not None:
        from gru_lower.verification.inputs import given_files
        from gru_lower.verification.inputs.bind_dims import check_shapes

        check_shapes(model, given["shapes"])
        if given["inputs"] is not None:
            given["inputs"], expected = given_files.read(given["inputs"], model)
            given |= {"expected": expected} if "expected" in names else {}
    return options(**given | more)
