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
    from click.shell_completion import CompletionItem

    from gru_lower.api.declared_options import Option

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

O = TypeVar("O", bound=Options)

VERIFICATION = ("inputs", "shapes", "rtol", "atol", "cases", "seed")
"""How to verify, in the order of --help."""


def completed_by(name: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return what completes an option's words: a function of complete_words.py, imported when a shell asks."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from gru_lower.cli import complete_words

        found: list[CompletionItem] = getattr(complete_words, name)(ctx, parameter, incomplete)
        return found

    return complete


CODES = {"multiple": True, "metavar": "CODE", "callback": parse_values.codes, "shell_complete": completed_by("codes")}
TEXT_FORMS: dict[str, dict[str, Any]] = {
    "do": {"metavar": "LINE", "shell_complete": completed_by("commands")},
    "out": {"metavar": "DIR"},
    "cluster": {"metavar": "WHERE"},
    "baseline": {"metavar": "FILE", "type": click.Path(path_type=Path)},
    "workers": {"metavar": "N"},
    "time_limit": {"metavar": "SECONDS"},
    "journal": {"metavar": "FILE"},
    "batch_hint": {"metavar": "N", "show_default": False},
    "fix_dims": {"flag": "--fix-dim", "multiple": True, "metavar": "NAME=N", "callback": parse_values.fixed_dims},
    "forbid": {"multiple": True, "metavar": "OP+OP", "callback": parse_values.operators},
    "ignore": CODES,
    "inputs": {"type": click.Path(path_type=Path), "metavar": "NPZ|DIR"},
    "chunk": {"metavar": "K"},
    "context": {"metavar": "N"},
    "max_nodes": {"metavar": "N", "show_default": False},
    "memory": {"metavar": "SIZE", "type": str, "callback": parse_values.size},
    "opset": {"metavar": "N"},
    "passes": {"metavar": "SPEC", "shell_complete": completed_by("passes")},
    "providers": {"flag": "--provider", "multiple": True, "metavar": "NAME"},
    "report": {"metavar": "FILE", "type": click.Path(allow_dash=True)},
    "require": {"metavar": "N"},
    "search": {"metavar": "SECONDS"},
    "select": CODES,
    "set": {"multiple": True, "metavar": "NAME=VALUE", "callback": parse_values.set_inputs},
    "shapes": {"flag": "--shape", "multiple": True, "metavar": "NAME=2,7,64", "callback": parse_values.shapes},
    "target": {"metavar": "NAME|FILE", "shell_complete": completed_by("targets")},
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
    default = doc.default or (f"{option.default:g}" if isinstance(option.default, float) else "")
    settings: dict[str, Any] = {"help": f"{text}  [default: {default}]" if default else text}
    if option.required:
        settings["required"] = True
    elif not form.get("multiple"):
        settings["default"] = option.default
        settings["show_default"] = not default and option.default is not False and option.default not in (None, ())
    kind = option.given_type
    if option.choices:
        settings["type"] = parse_values.Word(option.choices)
    elif kind is bool:
        settings["is_flag"] = True
    elif kind in (int, float):
        settings |= {"type": _number(option), "metavar": "N" if kind is int else "X"}
    return click.option(spelled, option.name, **settings | form)


def _number(option: Option) -> WholeNumber | Number:
    least, above = option.doc.least, option.doc.above
    if option.given_type is int:
        return WholeNumber(least)
    return Number(least if above is None else above, min_open=above is not None)


def _in_words(least: float | None, *, above: bool) -> str:
    """Return what --help says of the least number; nothing of 0, below which nobody would look for one."""
    if least is None or (least == 0 and not above):
        return ""
    return f"{'more than' if above else 'at least'} {least:g}"


class WholeNumber(click.IntRange):
    """A whole number."""

    def _describe_range(self) -> str:
        return _in_words(self.min, above=False)


class Number(click.FloatRange):
    """A number; what is none (NaN) is neither below nor above any bound, and refused."""

    def _describe_range(self) -> str:
        return _in_words(self.min, above=self.min_open)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's
        """Read it."""
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
        from gru_lower.verification.inputs.bind_dims import check_shapes

        check_shapes(model, given["shapes"])
        if given["inputs"] is not None:
            from gru_lower.verification.inputs import given_files

            given["inputs"], expected = given_files.read(given["inputs"], model)
            given |= {"expected": expected} if "expected" in names else {}
    return options(**given | more)
