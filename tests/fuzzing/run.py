"""Drawing inputs and judging what the commands make of them, in one long-lived process."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import zoo
from fuzzing.graphs import models
from fuzzing.judge import COMMANDS, RUNNING, Folder, Shares

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnx import ModelProto

ODD = "failed on something odd"
MOST_RUN = 1000
ONE_RUNS_IN = 40
"""One command of so many runs the model, which starts a process."""


def mutated(raw: bytes, rng: random.Random) -> bytes:
    """Return bytes with a few of them changed, left out or put in."""
    held = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        place = rng.randrange(len(held) or 1)
        match rng.randrange(4):
            case 0:
                held[place : place + 1] = bytes([rng.randrange(256)])
            case 1:
                del held[place : place + rng.choice((1, 1, 4, 16))]
            case 2:
                held[place:place] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 4))))
            case _:
                other = rng.randrange(len(held) or 1)
                held[place : place + 8] = held[other : other + 8]
    return bytes(held)


def _is_short(model: ModelProto) -> bool:
    """Whether running a model takes moments: a million steps take a minute, rightly."""
    return all(dim.dim_value <= MOST_RUN for dim in model.graph.input[0].type.tensor_type.shape.dim)


def fuzz(count: int, start: int, say: Callable[[str], None], *, running: bool = True) -> tuple[Shares, list[str]]:
    """Draw inputs over structure, one of five changed over bytes as well.

    Args:
        count: How many.
        start: The seed.
        say: Called with each failure.
        running: Whether some commands run the models.

    Returns:
        How far inputs got, and what went wrong.

    """
    shares, failures = Shares(), list[str]()
    rng = random.Random(start)  # noqa: S311 - nothing is encrypted here
    with tempfile.TemporaryDirectory() as root:
        folder = Folder(Path(root))

        @seed(start)
        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(model=models(), words=st.sampled_from(COMMANDS))
        def judged(model: ModelProto, words: tuple[str, ...]) -> None:
            raw = model.SerializeToString()
            if rng.randrange(5) == 0:
                raw = mutated(rng.choice((raw, zoo.everything().SerializeToString())), rng)
            if running and rng.randrange(ONE_RUNS_IN) == 0 and _is_short(model):
                words = rng.choice(RUNNING)
            with shares.counted(), shares.watching():
                wrong = folder.wrong(raw, words)
            shares.caught += ODD in folder.said
            if wrong:
                failures.append(f"{' '.join(words)}: {wrong}")
                kept = Path(tempfile.gettempdir()) / f"gru-lower-fuzz-{start}-{len(failures)}.onnx"
                kept.write_bytes(raw)
                say(f"{kept}: {failures[-1]}")

        judged()
    return shares, failures


BATCH = 250
"""How many inputs one process takes at a time."""


def batch(start: int) -> tuple[int, int, int, int, list[str]]:
    """Draw one batch; return how many inputs there were, parsed, reached a pass, were caught, and what went wrong."""
    shares, failures = fuzz(BATCH, start, lambda line: print(line, flush=True))
    return shares.inputs, shares.parsed, shares.reached, shares.caught, failures
