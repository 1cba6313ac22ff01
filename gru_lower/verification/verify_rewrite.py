"""Verify a rewritten model: every site by itself, then the whole model, and combine the verdicts.

1. A site that differs decides: the rewrite is different, and the site is named.
2. A whole model that agrees makes it equivalent, at scope "model".
3. A whole model that differs is different, unless the original is itself chaotic and every site agrees.
4. A whole model that cannot be run, with sites that all agree, is equivalent at scope "site".
5. Otherwise nothing could be told: inconclusive.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.diagnostics import Diagnostic, diagnostic
from gru_lower.verification.inputs.mask_inputs import paddings
from gru_lower.verification.sites.begun_sites import begun_sites
from gru_lower.verification.sites.verify_site import combined
from gru_lower.verification.whole_models.begun_models import BegunModels
from gru_lower.verification.whole_models.verify_models import verify_models

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gru_lower.graph.model import Model
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.result import Verification
    from gru_lower.verification.sites.begun_sites import BegunSites
    from gru_lower.verification.sites.site import Site

AHEAD = 2
"""How many sites begin to run before the one that is compared is done: some take longer to load than to compare."""


def verify_rewrite(
    original: Model,
    rewritten: Model,
    sites: Sequence[Site],
    options: VerifyOptions,
    progress: Callable[[str, int, int], None],
    begun: BegunSites | None = None,
) -> Verification:
    """Verify every rewritten site and the whole model.

    Args:
        original: The model as it was.
        rewritten: The model as it is.
        sites: What the passes did.
        options: Tolerances, cases, limits.
        progress: Called with ``(what, done, total)``.
        begun: The sites, where their models may be loaded already.

    """
    models, base_dir = (original.proto, rewritten.proto), original.base_dir
    own = begun_sites(sites, original.ir_version, base_dir, options) if begun is None else nullcontext(begun)
    with own as verified:
        worker = verified.worker
        whole_begun = BegunModels(worker, *models, base_dir, base_dir, options, original.as_read() or b"")
        by_site = _verify_sites(verified, progress, whole_begun)
        different = next(((s, v) for s, v in by_site if v.status == "different"), None)
        if different is not None:
            site, found = different
            return replace(found, message=f"at {site.site}: {found.message}")
        whole_model = "verifying the whole model"
        progress(whole_model, 0, 1)
        whole = verify_models(
            *models,
            base_dir_a=base_dir,
            base_dir_b=base_dir,
            options=options,
            worker=worker,
            begun=whole_begun,
            steps=lambda what, done, total: progress(f"{whole_model}: {what}", done, total),
        )
    return _combine(by_site, whole)


def _verify_sites(
    sites: BegunSites, progress: Callable[[str, int, int], None], whole: BegunModels
) -> list[tuple[Site, Verification]]:
    """Return the verdicts on sites; while one is compared, the next ones' models run already, and the whole ones."""
    whole.load_ahead()
    whole.begin_original()
    for _ in range(AHEAD):
        sites.begin_next()
    whole.go_on()
    for place in range(len(sites.changed)):
        progress("verifying sites", place + 1, len(sites.changed))
        if not sites.begin_next():
            whole.begin_rewrite()
        sites.verify(place)
    whole.load_for_empty()
    return [(site, site.verified) for site in sites.changed if site.verified is not None]


def _combine(by_site: Sequence[tuple[Site, Verification]], whole: Verification) -> Verification:
    """Return the verdict by rules 2 to 5."""
    if whole.status in ("equivalent", "different"):
        return whole
    unsure = [(site, found) for site, found in by_site if found.status != "equivalent"]
    if not by_site or unsure:
        site_text = f"; site {unsure[0][0].site}: {unsure[0][1].message}" if unsure else ""
        return replace(whole, status="inconclusive", message=whole.message + site_text)
    message = f"verified per site; whole model not decided: {whole.message}"
    found = combined([found for _, found in by_site], message, chaotic=whole.chaotic)
    return replace(found, findings=whole.findings)


def left_padding_diagnostics(original: Model, rewritten: Model, options: VerifyOptions) -> list[Diagnostic]:
    """Report how far off the rewrite is if sequences are padded at their beginning, against the promise (GL807).

    Args:
        original: The model as it was.
        rewritten: The model as it is.
        options: How it was verified.

    """
    if not paddings(rewritten.proto):
        return []
    left = verify_models(
        original.proto,
        rewritten.proto,
        base_dir_a=original.base_dir,
        base_dir_b=original.base_dir,
        options=replace(options, padding="left", corners=False, seconds=0.0),
    )
    error = left.max_abs_error
    how = f"outputs differ by up to {error:.2g}" if error is not None else f"nothing could be compared: {left.message}"
    return [diagnostic("GL807", f"where sequences are padded at their beginning instead, {how}")]


def verdict_diagnostics(verification: Verification, *, given: bool = False) -> list[Diagnostic]:
    """Return what the verdict adds to the report's diagnostics.

    Args:
        verification: The verdict.
        given: Whether inputs were handed in, so that no hint asks for some.

    """
    found = list(verification.findings)
    if verification.status == "inconclusive":
        hint = "see the reason" if given else None
        message = f"the rewritten model could not be verified: {verification.message}"
        found.append(diagnostic("GL501", message, hint=hint))
    elif verification.scope == "site" and verification.status == "equivalent":
        found.append(diagnostic("GL502", verification.message))
    return found
