"""Proofs and fusions of models with one change that no sizes up to 7 show: whether any says more than is so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

import gru_lower
import masked_loops
from gru_lower.api.prove_pair import prove_pair
from gru_lower.graph import model as graph_model
from lowering import holds_gru, lower
from mutating.bases import WEIGHTS
from mutating.extents import mutated
from strategies import AnyOf, random_case

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from mutating.change import Mutant

Array = np.ndarray[Any, Any]
Feeds = dict[str, Array]
SIZES = ((3, 2), (5, 7), (9, 13), (40, 70), (70, 30), (140, 3), (3, 140), (310, 3), (3, 310))
"""Numbers of steps and batches: up to 7, and beyond."""
PER_BASE = 12
FORMS = ("scan", "loop", "scan", "loop", "scan{packing=fused}", "unroll", "unroll")
STEPS = 4
"""Of what is unrolled, or of a model of known lengths."""
I, H = 3, 6


@dataclass
class Pair:
    """Two models that compute the same, of one of which mutants are made.

    Attributes:
        name: What it is.
        kept: The one that stays.
        changed: The one that is changed.
        results: What that one computes, by the number of the case: outputs, or the text of an error.
        cases: Inputs.

    """

    name: str
    kept: onnx.ModelProto
    changed: onnx.ModelProto
    cases: list[Feeds]
    results: list[Feeds | str]


@dataclass(frozen=True)
class Outcome:
    """What was made of one mutant.

    Attributes:
        name: The mutant in words.
        changed: Whether it computes something else on some inputs, or fails on some.
        proved: Whether it is said to be proved.
        fused: How many GRUs fusing makes of it.
        fused_wrongly: Whether what is fused computes something else than the mutant where that runs.
        model: The mutant.

    """

    name: str
    changed: bool
    proved: bool
    fused: int
    fused_wrongly: bool
    model: onnx.ModelProto

    @property
    def false_proof(self) -> bool:
        """Whether what computes something else is said to be proved."""
        return self.changed and self.proved


def outcomes(count: int, seed: int, *, per_base: int = PER_BASE) -> Iterator[Outcome]:
    """Yield what becomes of so many mutants."""
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        pair = _pair(rng)
        if pair is None:
            continue
        for _ in range(per_base):
            mutant = mutated(pair.changed, rng)
            if mutant is None:
                continue
            outcome = _outcome(pair, mutant)
            if outcome is not None:
                yield outcome
                made += 1
                if made == count:
                    return


def _pair(rng: np.random.Generator) -> Pair | None:
    """Return a GRU and what it was lowered to, or a loop and what it was fused to."""
    if rng.random() < 0.6:
        form = str(rng.choice(FORMS))
        case = random_case(
            rng, opset=AnyOf((13, 17, 21)), dtype=np.float32, constants=WEIGHTS, static=form == "unroll",
            activations=None, scale=0.5, sequence_lens=AnyOf((None, "ragged")), nan_padding=False, I=I, H=H, T=STEPS,
            N=2,
        )  # fmt: skip
        name = f"{form} {case!r}"
        kept = case.model()
        if case.static:
            _open_batch(kept, 0 if case.attributes.get("layout") else 1)
        form, _, rest = form.partition("{")
        changed, _ = lower(kept, f"lower-gru{{form={form}{',' + rest if rest else '}'}")
        if holds_gru(changed):
            return None
    else:
        carrier = str(rng.choice(["loop", "scan", "unrolled"]))
        spelled = masked_loops.Case(
            carrier=carrier,
            mask=str(rng.choice([*masked_loops.STEPWISE, *masked_loops.PLACED])),
            reverse=bool(rng.integers(2)),
            lbr=int(rng.integers(2)),
            initial=bool(rng.integers(2)),
            y=str(rng.choice(["masked", "kept", "both ways", "none"])),
            steps=None if carrier != "unrolled" else 5,
        )
        changed = masked_loops.model(spelled)
        kept = gru_lower.fuse(changed, verify=False).model
        name = repr(spelled)
    cases = [_feeds(changed, rng, steps, batch) for steps, batch in SIZES]
    if rng.random() < 0.2 and not any(isinstance(each, str) for each in _run(kept, cases)):
        kept, changed = changed, kept
    return Pair(name, kept, changed, cases, _run(changed, cases))


def _open_batch(model: onnx.ModelProto, axis: int) -> None:
    """Leave the batch of a GRU's inputs open."""
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        place = 0 if value.name == "sequence_lens" else 2 if value.name == "Y" and axis else axis
        dims[place].dim_param = "N"


def _feeds(model: onnx.ModelProto, rng: np.random.Generator, steps: int, batch: int) -> Feeds:
    found: Feeds = {}
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        shape = [dim.dim_value or {"T": steps}.get(dim.dim_param, batch) for dim in dims]
        steps = next((dim.dim_value for dim in dims if dim.dim_value in (STEPS, 5) and value.name in "xX"), steps)
        if value.name in ("lens", "sequence_lens"):
            lens = rng.integers(1, steps + 1, batch)
            lens[int(rng.integers(batch))] = steps
            found[value.name] = lens.astype(np.int64 if value.name == "lens" else np.int32)
        else:
            found[value.name] = rng.standard_normal(shape).astype(np.float32)
    return found


def _run(model: onnx.ModelProto, cases: list[Feeds]) -> list[Feeds | str]:
    """Run a model on every case."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it does not load
        return [f"does not load: {error}"] * len(cases)
    names = [value.name for value in session.get_outputs()]
    found: list[Feeds | str] = []
    for case in cases:
        try:
            found.append(dict(zip(names, session.run(names, case), strict=True)))
        except Exception as error:  # noqa: BLE001 - onnxruntime's own types
            found.append(f"fails: {error}")
    return found


def _same(one: Feeds | str, other: Feeds | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return isinstance(one, str) and isinstance(other, str)
    return all(
        name in other
        and array.shape == other[name].shape
        and np.allclose(array, other[name], atol=1e-4, rtol=1e-3, equal_nan=True)
        for name, array in one.items()
    )


def _outcome(pair: Pair, mutant: Mutant) -> Outcome | None:
    """Prove and fuse a mutant, ``None`` for one that never runs."""
    found = _run(mutant.model, pair.cases)
    if all(isinstance(each, str) for each in found):
        return None
    changed = not all(_same(one, other) for one, other in zip(pair.results, found, strict=True))
    kept, changed_model = (graph_model.parse(model.SerializeToString()) for model in (pair.kept, mutant.model))
    sites = prove_pair(kept, changed_model)
    fused = gru_lower.fuse(mutant.model, verify=False)
    count = sum(site.action == "fused" for site in fused.report.sites)
    wrongly = False
    if count:
        after = _run(fused.model, pair.cases)
        runs = zip(found, after, strict=True)
        wrongly = not all(isinstance(one, str) or _same(one, other) for one, other in runs)
    proved = bool(sites) and all(site.code is None for site in sites)
    return Outcome(f"{mutant.what}; {pair.name}", changed, proved, count, wrongly, mutant.model)


__all__ = ["Outcome", "outcomes"]
