"""The model of a GRU with some options in one column of a profile: the node itself, or one lowered form of it."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from gru_lower.graph.model import Model
from gru_lower.probing import gru_models
from gru_lower.rewriting.pipelines import lowering
from gru_lower.rewriting.rewrite_model import rewrite_model
from gru_lower.targets.option_axes import AXIS_OF, PLAIN, band, with_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import ModelProto

    from gru_lower.probing.probe_model import ProbeModel
    from gru_lower.targets.profile import Profile

Options = frozenset[str]
NO_SPELLING: Mapping[str, str] = MappingProxyType({})


def plain_options(column: str, opset: int, *extra: str) -> Options:
    """Return the plain options of a column, with some others in place of those on the same axes."""
    steps = "one_step" if column == "step" else "many_steps"
    return with_options(PLAIN | {"lbr1", "float32", band(opset)}, steps, *extra)


def model_of(
    column: str, options: Options, profile: Profile, opset: int, seed: int, factor: float = 1.0
) -> ProbeModel | None:
    """Build the model of a column, ``None`` where there is none with these options.

    Args:
        column: ``"gru"`` for the node itself, or the form it is lowered to.
        options: The options of the GRU.
        profile: The target, as far as it is known: its opsets, and what a lowering for it writes.
        opset: The opset that is probed where the options name its band.
        seed: Of weights and inputs.
        factor: What X is multiplied by.

    """
    wanted = next(option for option in options if AXIS_OF[option] == "opset")
    if wanted != band(opset):
        found = gru_models.opset_in(wanted, *profile.opset)
        if found is None:
            return None
        opset = found
    if "in_body" in options and not profile.control_flow.scan:  # the body is that of a Scan
        return None
    made = gru_models.gru_model(options, opset, seed, factor)
    if column == "gru":
        return made
    lowered = lowered_model(made.model, column, profile, opset)
    return None if lowered is None else replace(made, model=lowered)


def lowered_model(
    model: ModelProto, form: str, profile: Profile, opset: int, spelling: Mapping[str, str] = NO_SPELLING
) -> ModelProto | None:
    """Return a model whose GRUs are lowered to a form as a target wants it, ``None`` where they are not.

    Args:
        model: The model; it is not changed.
        form: The form.
        profile: The target.
        opset: The model's opset.
        spelling: Further options of ``lower-gru``, before the target's own.

    """
    held = Model(model).copy()
    spelled: dict[str, str | int] = {
        "forms": form,
        "vocabulary": profile.vocabulary,
        "mask": profile.mask,
        "state_rank": profile.state_rank,
        "steps": profile.steps,
        "functions": profile.functions,
        "axes": profile.axes,
        "forbid": "+".join(sorted(profile.unwritten(opset))),
        "packing": "plain",
        **spelling,
    }
    passes = lowering(form, "zero", None, None, **spelled)
    passes += f",respell-nodes{{target={profile.name}}}" if profile.not_of_constants else ""
    passes += ",part-constants" if profile.own_constants else ""
    sites = rewrite_model(held, passes, None).report.sites
    lowered = sites and all(site.action == "lowered" and site.form == form for site in sites)
    return held.proto if lowered else None
