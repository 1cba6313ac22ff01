"""``gru_lower.legalize``: rewrite GRU nodes for a target, and lower the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gru_lower import interop
from gru_lower.api.comparison_options import OneModel
from gru_lower.api.options import LegalizingOptions
from gru_lower.api.report_page import report_page
from gru_lower.api.rewriting_call import rewriting_call
from gru_lower.rewriting.assumed_lengths import promised_to_passes
from gru_lower.rewriting.pipelines import legalizing, naming_outputs
from gru_lower.rewriting.prefer import preferring
from gru_lower.rewriting.remaining_nodes import output_of, refuse_remaining
from gru_lower.rewriting.result import restore_kind
from gru_lower.rewriting.rewrite_model import rewrite_model
from gru_lower.rewriting.target_options import target_options
from gru_lower.targets import read_profile
from gru_lower.targets.accepted_forms import RUNS_RIGHT

if TYPE_CHECKING:
    from onnx import ModelProto

    from gru_lower.graph.model import Model
    from gru_lower.rewriting.result import Result
    from gru_lower.verification.sites.site import Site


class LegalizeArguments(LegalizingOptions, OneModel):
    """The arguments of :func:`legalize`."""


@rewriting_call(LegalizingOptions, LegalizeArguments)
def legalize(given: LegalizeArguments) -> Result[Any]:
    """Rewrite every GRU node into GRUs that a target runs right, lower what cannot be, and check the result.

    Returns:
        The model, which holds nothing the target does not take, and the report.

    Raises:
        Remaining: Something is left that the target does not take; the message names each node and the limit.
        InvalidModel: The model cannot be read, or a GRU in it breaks the operator's rules.
        Unsupported: An option's value is unknown, or what is given does not fit the model or the target.

    """
    with report_page(given) as write:
        source = interop.read(given.model)
        result = legalize_model(source.model, given)
        write(result.report)
    refuse_remaining(result.report, given.target)
    return restore_kind(result, source)


def legalize_model(model: Model, options: LegalizingOptions) -> Result[ModelProto]:
    """Do what :func:`legalize` does for a model that has been read already; what remains is in the report.

    Args:
        model: The model; edited in place.
        options: The options.

    """
    cast_to = read_profile.load(options.target).dtypes[0] if options.allow_cast else ""
    wanted = target_options(model, options.target, options.fix_dims, options.opset, options.set, options.assume)
    wanted = preferring(wanted, options.target, options.prefer or "node", options.precision)
    promised = promised_to_passes(options.assume)
    passes = legalizing(
        options.target, wanted, options.zero_length_state, options.opset, cast_to, options.max_nodes, **promised
    )
    result = rewrite_model(
        model,
        naming_outputs(passes, asked=options.name_outputs, wanted=wanted),
        options.how_to_verify(),
        options.progress,
        evidence=options.wants_evidence,
        fix_dims=options.fix_dims,
        inputs=options.set,
        assume=options.assume,
        target=options.target,
        command="legalize",
    )
    result.report.sites = _one_entry_per_gru(result.report.sites)
    return result


def _one_entry_per_gru(sites: list[Site]) -> list[Site]:
    """Return one entry for each GRU there was: passes before lower-gru move nodes, and so change their numbers.

    What lower-gru says of a GRU takes the place of "left alone"; what it says of those that came of a rewrite stays
    only where it had something to do.
    """
    found: dict[tuple[str, str], Site] = {}
    for site in sites:
        key = site.scope, output_of(site.site)
        before = found.get(key)
        if before is None:
            if not site.message.startswith(RUNS_RIGHT) or site.expected is not None:
                found[key] = site
        elif before.action == "kept":
            found[key] = replace(site, site=before.site)
    return list(found.values())
