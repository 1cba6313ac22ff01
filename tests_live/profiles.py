"""Write a target's profile anew by probing its engine: ``python -m tests_live.profiles ENGINE [-o FILE]``.

What was chosen stays: the vocabulary, the mask, which operators take no constants alone, and that shapes have to be
static.

A target that has none yet gets one in the portable spelling. It is ``gru-lower probe`` with a runner that stays up,
which is several times quicker.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.probing.probe import ProbeOptions, probe
from gru_lower.probing.runner import Outcome
from gru_lower.targets import read_profile
from gru_lower.targets.profile import COLUMNS, FOLDER
from gru_lower.targets.write_profile import to_toml
from tests_live.engines import KINDS, start

if TYPE_CHECKING:
    import onnx

    from gru_lower.targets.profile import Profile
    from tests_live.engine import Arrays


def _held(target: str) -> Profile:
    """Return the profile that ships, or for a new target one that asks for the portable spelling."""
    if target in read_profile.names():
        return read_profile.load(target)
    return replace(read_profile.load("portable"), name=target, summary="", version="", static=False)


def _with_rest(found: Profile, held: Profile) -> Profile:
    """Return a profile of some columns with the others, and what was found of single operators, as they were."""
    return replace(held, version=found.version, columns={**held.columns, **found.columns})


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=sorted(KINDS))
    parser.add_argument("-o", "--output", type=Path, help="the file to write; the target's own by default")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell each reason for a rejection")
    parser.add_argument("--quick", action="store_true", help="each option by itself, as gru-lower probe has it")
    parser.add_argument("--columns", help="probe these alone, with the profile's own operators: step,unroll")
    parser.add_argument("--newest", type=int, default=99, help="the newest opset to try")
    given = parser.parse_args()
    target = KINDS[given.engine].target
    held = _held(target)
    began = time.monotonic()
    with start(given.engine) as engine:

        def run(model: onnx.ModelProto, feeds: Arrays) -> Outcome:
            if max(each.version for each in model.opset_import if each.domain == "") > given.newest:
                return Outcome(None, "not tried")
            if KINDS[given.engine].finite:
                feeds = {name: np.nan_to_num(array) for name, array in feeds.items()}
            outcome = engine.run(model, feeds)
            return Outcome(outcome.outputs, outcome.reason)

        same = held.version and engine.version.startswith(held.version)  # 5.0.0 where the package is 5.0.0.93
        found = probe(
            run,
            ProbeOptions(
                target,
                held.summary,
                held.version if same else engine.version,
                pairs=not given.quick,
                kept=held,
                columns=tuple(given.columns.split(",")) if given.columns else COLUMNS,
                survey=not given.columns,
                tolerance=engine.tolerance,
            ),
        )
    text = to_toml(_with_rest(found.profile, held) if given.columns else found.profile)
    (given.output or FOLDER / f"{target}.toml").write_text(text, encoding="utf-8")
    if given.verbose:
        for what, reason in found.reasons.items():
            print(f"{what}: {reason}", file=sys.stderr)
    print(f"{target}: {found.runs} models in {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
