"""The language of ``--passes``, and running passes in a row over one model.

normalize-gru,lower-gru{form=scan zero_length_state=initial}
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from gru_lower.errors import Unsupported
from gru_lower.garbage_collection import without_garbage_collection
from gru_lower.graph import budget
from gru_lower.nearest_word import did_you_mean, nearest
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.passes.registry import PASSES, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.graph.model import Model
    from gru_lower.verification.sites.site import Site


_SPEC = re.compile(r"\s*([a-z][a-z-]*)\s*(?:\{([^{}]*)\})?\s*(?:,|$)")

MOST_PASSES = 100
MOST_DIGITS = 19
"""How many digits a whole number of ONNX may have."""


def parse(spec: str) -> list[Pass]:
    """Read a pipeline such as ``"normalize-gru,lower-gru{form=scan}"``.

    Raises:
        Unsupported: The text is no pipeline, or names an unknown pass, option or value.

    """
    passes: list[Pass] = []
    position = 0
    while position < len(spec):
        match = _SPEC.match(spec, position)
        if match is None:
            raise Unsupported(
                f"cannot read the pipeline from {spec[position:]!r} on",
                code="GL008",
                hint='write it like "normalize-gru,lower-gru{form=scan}"',
            )
        kind = load(match.group(1))
        passes.append(kind(_options(kind, match.group(2) or "")))
        position = match.end()
        if len(passes) > MOST_PASSES:
            raise Unsupported(
                f"the pipeline has more than {MOST_PASSES} passes", code="GL008", hint="none does more the second time"
            )
    if not passes:
        raise Unsupported("the pipeline is empty", code="GL008", hint=f"known passes: {', '.join(PASSES)}")
    return passes


def _value(kind: type[Pass], key: str, wanted: Any, value: str) -> Any:  # noqa: ANN401 - a field's type and value
    if wanted not in (int, "int"):
        return value
    if not value.removeprefix("-").isdecimal() or len(value) > MOST_DIGITS:
        raise Unsupported(f"{kind.name}: {key} cannot be {value!r}", code="GL008", hint="a whole number is wanted")
    return int(value)


def _options(kind: type[Pass], text: str) -> Any:  # noqa: ANN401 - each pass has its own options type
    fields = {field.name: field for field in dataclasses.fields(kind.Options)}
    values: dict[str, Any] = {}
    for word in re.split(r"[\s,]+", text.strip()) if text.strip() else []:
        key, equals, value = word.partition("=")
        key = key.replace("-", "_")
        if key not in fields or not equals:
            known = ", ".join(fields) or "none"
            found = None if key in fields else nearest(key, fields)
            hint = (f"did you mean {found}? " if found else "") + f"its options: {known}"
            raise Unsupported(f"{kind.name} has no option {word!r}", code="GL008", hint=hint)
        allowed = fields[key].metadata.get("choices")
        if allowed and value not in allowed:
            hint = did_you_mean(value, allowed, f"one of {', '.join(allowed)}")
            raise Unsupported(f"{kind.name}: {key} cannot be {value!r}", code="GL008", hint=hint)
        values[key] = _value(kind, key, fields[key].type, value)
    return kind.Options(**values)


def run(passes: Sequence[Pass], model: Model, ctx: Context | None = None) -> PassResult:
    """Run passes one after the other, checking what each requires and ensures.

    Args:
        passes: What to run.
        model: Edited in place.
        ctx: What the passes share.

    Returns:
        The results put together: a site's entries are those of the last pass that did something to it.

    """
    ctx = ctx or Context()
    total = PassResult(modified=False)
    for each in passes:
        each.requires(model)
        try:
            with without_garbage_collection():
                result = each.run(model, ctx)
        except budget.OverBudgetError as error:
            raise budget.over_budget(error) from error
        each.ensures(model, result)
        total.modified |= result.modified
        total.diagnostics += [found for found in result.diagnostics if found not in total.diagnostics]
        total.sites = _put_together(total.sites, result.sites)
    return total


def _put_together(before: Sequence[Site], after: Sequence[Site]) -> list[Site]:
    """Return the entries of all sites; a loop that held several GRUs has one for each."""
    old = {site.site for site in before}
    told = {site.site for site in after if site.site not in old or site.action != "kept"}
    places: dict[str, list[Site]] = {site.site: [] for site in [*before, *after]}
    for site in before:
        places[site.site] += [] if site.site in told else [site]
    for site in after:
        places[site.site] += [site] if site.site in told else []
    return [site for sites in places.values() for site in sites]
