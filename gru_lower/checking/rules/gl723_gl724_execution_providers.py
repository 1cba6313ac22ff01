"""GL723 and GL724: GRUs that onnxruntime's other execution providers compute wrongly or not at all.

Notes only: the CPU provider computes them right.

====== ================================================================
GL723  CUDA and DirectML drop attributes: clip, activations, linear_before_reset
GL724  GRU of opset 22, where a provider's kernel is registered up to opset 14 or 21
====== ================================================================

What the providers take is in their profiles, gru_lower/targets/profiles/onnxruntime-*.toml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import diagnostic
from gru_lower.targets import read_profile
from gru_lower.targets.gru_options import options_at
from gru_lower.targets.judge_gru import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic

PROVIDERS = {"onnxruntime-cuda": "CUDA", "onnxruntime-directml": "DirectML"}
UNREGISTERED = 22
"""The operator version for which CUDA and DirectML have no kernel: theirs are those of 7 and 14."""


def drops(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find what a provider would drop in silence, by its profile."""
    for gru in checked.grus:
        spec = gru.parsed.spec
        if spec is None or spec.version >= UNREGISTERED:  # these run on the CPU, see GL724
            continue
        options = options_at(gru.scope, gru.index, spec, checked.facts)
        for name, label in PROVIDERS.items():
            wrong = [fault.why for fault in faults(read_profile.load(name), "gru", options) if fault.verdict == "wrong"]
            if wrong:
                words = ", ".join(why.partition(" is wrong ")[0].partition(" are wrong ")[0] for why in wrong)
                yield diagnostic(
                    "GL723",
                    f"onnxruntime's {label} provider drops what this GRU asks for: {words}",
                    scope=gru.scope.path,
                    node=gru.site,
                    hint=f"run it on the CPU provider, or lower it: gru-lower --target {name}",
                )


def unregistered(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find GRUs of an operator version that some providers have no kernel for."""
    labels = " and ".join(PROVIDERS.values())
    for gru in checked.grus:
        if gru.parsed.spec is not None and gru.parsed.spec.version >= UNREGISTERED:
            yield diagnostic(
                "GL724",
                f"onnxruntime's {labels} providers have no kernel for GRU-{UNREGISTERED}, only up to GRU-14: "
                "the node runs on the CPU",
                scope=gru.scope.path,
                node=gru.site,
            )


RULES = (Rule(("GL723",), drops), Rule(("GL724",), unregistered))
