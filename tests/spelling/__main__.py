"""Tries the fuser on random spellings: ``python -m spelling --seeds 0:500 [--container scan] [--mutants]``."""

from __future__ import annotations

import argparse
import collections
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gru_lower
from spelling import CONTAINERS, disguise, keep, mutate, spell
from spelling.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from spelling.judge import Verdict
    from spelling.truth import Spelled

KINDS: dict[str, Callable[..., Spelled]] = {"spell": spell, "disguises": disguise, "keeps": keep, "mutants": mutate}


def main(arguments: list[str] | None = None) -> int:
    """Run, print the rates, and return 1 if anything was fused that is no GRU, or to other numbers."""
    parser = argparse.ArgumentParser(prog="spelling", description=__doc__)
    parser.add_argument("--seeds", default="0:300", help="first:last+1, or one seed")
    parser.add_argument("--container", choices=CONTAINERS, help="all three in turn if absent")
    parser.add_argument("--which", help="one disguise, keep or mutant by its name")
    parser.add_argument("--fix", action="append", default=[], metavar="KNOB=VALUE", help="a knob not left to chance")
    parser.add_argument("--show", action="store_true", help="print every model that was not fused, with its reason")
    parser.add_argument("--save", metavar="FOLDER", help="write the models that failed there")
    for kind in ("disguises", "keeps", "mutants"):
        parser.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, default="spell")
    given = parser.parse_args(arguments)
    fuse: Any = getattr(gru_lower, "fuse", None)
    if fuse is None:
        print("gru_lower has no fuse yet: there is nothing to try", file=sys.stderr)
        return 2
    first, _, last = given.seeds.partition(":")
    seeds = range(int(first), int(last) if last else int(first) + 1)
    fixed: dict[str, Any] = dict(knob.split("=", 1) for knob in given.fix)
    if given.which and given.kind != "spell":
        fixed["which"] = given.which
    tried = []
    for seed in seeds:
        spelled = KINDS[given.kind](seed, given.container, **fixed)
        verdict = judge(spelled, fuse)
        tried.append((spelled, verdict))
        good = {
            "spell": ("fused",),
            "disguises": ("fused",),
            "keeps": ("fused", "partly", "left"),
            "mutants": ("left", "partly"),
        }[given.kind]
        if verdict.outcome not in good:
            if given.show:
                print(f"{seed} {spelled.model.graph.name} {spelled.why} {verdict.outcome}: {verdict.detail[:300]}")
            if given.save:
                path = Path(given.save) / f"{given.kind}_{seed}.onnx"
                path.write_bytes(spelled.model.SerializeToString())
    report(given.kind, tried)
    return int(any(verdict.outcome in {"wrong", "error"} for _, verdict in tried))


def report(kind: str, tried: list[tuple[Spelled, Verdict]]) -> None:
    """Print the rates, the seeds of what failed, and what failures have in common."""
    outcomes = collections.defaultdict(list)
    for spelled, verdict in tried:
        outcomes[verdict.outcome].append(spelled)
    print(f"{kind}: {len(tried)} models")
    for outcome in ("fused", "partly", "left", "wrong", "error"):
        found = outcomes[outcome]
        print(f"  {outcome:7} {len(found):5}  {100 * len(found) / len(tried):5.1f} %  {_seeds(found)}")
    if kind == "spell":
        print("  fused least often where:")
        for line in commonest(tried):
            print(f"    {line}")
    else:
        grouped: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        for spelled, verdict in tried:
            grouped[spelled.why][verdict.outcome] += 1
        for why, counts in sorted(grouped.items()):
            print(f"    {why:40} {', '.join(f'{outcome} {count}' for outcome, count in counts.most_common())}")
    said = collections.Counter(verdict.detail[:180] for _, verdict in tried if verdict.outcome != "fused")
    print("  said most often where not fused:")
    for detail, count in said.most_common(12):
        print(f"    {count:4}  {detail}")


def commonest(tried: list[tuple[Spelled, Verdict]], least: int = 4) -> Iterable[str]:
    """Return the knobs and values that go with a model's not being fused, worst first."""
    seen: dict[tuple[str, str], list[bool]] = collections.defaultdict(list)
    for spelled, verdict in tried:
        values = {(knob.rsplit("/", 1)[-1], str(value)) for knob, value in spelled.choices.items()}
        for pair in values:
            seen[pair].append(verdict.outcome == "fused")
    rates = [(sum(hits) / len(hits), -len(hits), pair) for pair, hits in seen.items() if len(hits) >= least]
    for rate, count, (knob, value) in sorted(rates)[:25]:
        if rate < 1:
            yield f"{100 * rate:5.1f} % of {-count:4}  {knob} = {value}"


def _seeds(found: list[Spelled]) -> str:
    return " ".join(str(spelled.seed) for spelled in found[:12]) + (" ..." if len(found) > 12 else "")


if __name__ == "__main__":
    sys.exit(main())
