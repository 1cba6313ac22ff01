"""The unrolled form, for a static T: no control flow. With T = 1 it is the single step.

    Xz, Xr, Xh = Split(X Wᵀ + b, T)          one Gemm and one Split per gate
    H_t = step(H_t-1, Xz[t], Xr[t], Xh[t])   T instances of one template
    Y = Reshape(Concat(H_0 … H_T-1), [T, D, B, H])

Which axes X, the steps and the states have is up to :mod:`gru_lower.passes.lower_gru.forms.step_axes`.
Without initial_h the first step is specialised to a state of zeros: no recurrent product, and no
zero tensor whose batch size would have to be computed.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from gru_lower.graph.bounded_arrays import zeros
from gru_lower.gru.spec import GATES
from gru_lower.passes.lower_gru.forms import known_lengths, sequence_lens_masks, step_axes, step_nodes
from gru_lower.passes.lower_gru.forms.initial_state import zero_state
from gru_lower.passes.lower_gru.forms.input_projection import project_parts, projection_of
from gru_lower.passes.lower_gru.forms.mask import Mask
from gru_lower.passes.lower_gru.forms.prepare_inputs import prepare_inputs
from gru_lower.passes.lower_gru.forms.shape_outputs import node_outputs
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.emission.instantiate_template import Assembly
    from gru_lower.emission.template import Binding, Template
    from gru_lower.passes.lower_gru.variant import Variant


def assemble(assembly: Assembly, v: Variant, bindings: dict[str, Binding], results: dict[str, str]) -> None:
    """Write the whole replacement of one site.

    Args:
        assembly: Where to.
        v: The site's variant; ``seq_length`` is static.
        bindings: The site's inputs and weights by local name.
        results: Names for Y and Y_h, of those asked for.

    """
    length = v.seq_length or 0
    head = assembly.add(prologue(v), bindings)
    tail: dict[str, Binding] = {key: value for key, value in head.items() if key.startswith("mask_")}
    digits = len(str(max(length - 1, 0)))
    for direction in v.directions:
        p = prefix_of(direction)
        one = v.only(direction)
        state = head.get(f"{p}state")
        weights = bindings | {key: value for key, value in head.items() if key.startswith(f"{p}R")}
        for t in range(length - 1, -1, -1) if direction.reverse else range(length):
            valid = known_lengths.valid_rows(v.lens, t)
            if v.mask == "rows" and not any(valid):
                continue
            values: dict[str, Binding] = {f"{p}X{part}t": head[f"{p}X{part}_{t}"] for part in v.parts}
            if v.mask == "where":
                values["mask_t"] = head[f"row_mask_{t}"]
            if state is not None:
                values[f"{p}Ht_1"] = state
            path = f"{p}t{t:0{digits}d}" if length > 1 else p.rstrip("_")
            partly = valid if not all(valid) else ()
            made = assembly.add(step_template(one, state is not None, partly), {**weights, **values}, path=path)
            state = made["Ht"]
            tail[f"{p}H_{t}"] = state
        if state is None:
            state = head["zero_state"]
        tail[f"{p}last"] = state
    if v.mask == "where" and v.batch_major:
        tail |= {f"row_mask_{t}": head[f"row_mask_{t}"] for t in range(length)}
    assembly.add(epilogue(v), tail, results)


@lru_cache(maxsize=256)
def prologue(v: Variant) -> Template:
    """Author what comes before the steps: projections cut into steps, initial states, masks."""
    e, given = prepare_inputs(v)
    length = v.seq_length or 0
    results: dict[str, Value] = {}
    chosen = v.mask == "where" and length and v.opset < sequence_lens_masks.WHERE
    for direction, initial in zip(v.directions, given.states, strict=True):
        p = prefix_of(direction)
        state = zero_state(e, v, given.x) if initial is None and chosen else initial
        if state is not None:
            results[f"{p}state"] = state
        elif not length or (v.mask == "rows" and not any(v.lens)):
            results["zero_state"] = zero_state(e, v, given.x)
        if "R" in v.dynamic:
            suffix = "" if e.vocabulary.has("Gemm") else "T"
            results |= {f"{p}R{gate}{suffix}": e.value(f"{p}R{gate}{suffix}") for gate in GATES}
        if "B" in v.dynamic and v.linear_before_reset:
            results[f"{p}Rbh"] = e.value(f"{p}Rbh")
        if not length:
            continue
        for part, value in zip(v.parts, project_parts(e, v, direction, given), strict=True):
            names = [f"{p}X{part}_{t}" for t in range(length)]
            steps = step_axes.cut_steps(e, v, given.x, value, len(part) * v.hidden_size, names)
            results |= dict(zip(names, steps, strict=True))
    if given.mask is not None:
        results |= {"mask_valid": given.mask.valid}
        results |= {} if given.mask.nonempty is None else {"mask_nonempty": given.mask.nonempty}
        results |= {} if given.mask.sequences is None else {"mask_sequences": given.mask.sequences}
        if v.mask == "where" and length:
            choices = sequence_lens_masks.choices_of_rows(e, v, given.mask)
            width = 1 if v.opset >= sequence_lens_masks.WHERE else None
            in_time = replace(v, batch_major=False)  # lengths have no axis of time: the mask is made with it in front
            steps = step_axes.cut_steps(e, in_time, given.x, choices, width, [f"row_mask_{t}" for t in range(length)])
            results |= {f"row_mask_{t}": step for t, step in enumerate(steps)}
    return e.template(results)


@lru_cache(maxsize=256)
def step_template(v: Variant, has_state: bool, valid: tuple[bool, ...]) -> Template:  # noqa: FBT001 - part of the cache's key
    """Author one step of the variant's one direction, which counts for some sequences alone if it says for which."""
    e = v.emitter()
    direction = v.directions[0]
    p = prefix_of(direction)
    xt = projection_of(v, [e.value(f"{p}X{part}t") for part in v.parts])
    ht_1 = e.value(f"{p}Ht_1") if has_state else None
    mask = e.value("mask_t") if v.mask == "where" else None
    ht = step_nodes.emit_step(e, v, direction, xt, ht_1, mask)
    return e.template({"Ht": known_lengths.keep_old_rows(e, v, ht, ht_1, valid) if valid else ht})


@lru_cache(maxsize=256)
def epilogue(v: Variant) -> Template:
    """Author what comes after the steps: Y from the states of all steps, Y_h from the last ones."""
    e = v.emitter()
    length = v.seq_length or 0
    prefixes = [prefix_of(direction) for direction in v.directions]
    last = [e.value(f"{p}last") for p in prefixes]
    if length and not v.mask:
        states = [[e.value(f"{p}H_{t}") for t in range(length)] for p in prefixes]
        joined = {"Y": step_axes.join_states(e, v, states)} if "Y" in v.wants else {}
        return e.template(joined | ({"Y_h": step_axes.join_last(e, v, last)} if "Y_h" in v.wants else {}))
    if length and v.batch_major:
        return e.template(_batch_major_outputs(e, v, prefixes, last))
    mask = None
    if v.mask in ("gate", "where"):
        nonempty = e.value("mask_nonempty") if sequence_lens_masks.needs_nonempty(v) else None
        steps = sequences = None
        if v.opset < sequence_lens_masks.WHERE:
            steps, sequences = e.ints("t", range(length)), e.value("mask_sequences")
        mask = Mask(e.value("mask_valid"), nonempty, steps, sequences)
    y = None
    if "Y" in v.wants and length and mask is not None:
        ys = []
        for p in prefixes:
            states = [e.value(f"{p}H_{t}") for t in range(length)]
            rows = e.concat(states, 0, f"{p}H_all")
            rows = sequence_lens_masks.fill_rows(e, v, mask, [rows], zeros((v.hidden_size,)), f"{p}H_valid")
            ys.append(e.reshape(rows, [length, -1, v.hidden_size], f"{p}Y_valid"))
        y = e.stack(ys, 1, "Y_stacked")
    elif "Y" in v.wants and v.mask == "rows":
        steps_within = range(max(v.lens, default=0))
        ys = [known_lengths.all_states(e, v, [e.value(f"{p}H_{t}") for t in steps_within], v.lens, p) for p in prefixes]
        y = e.stack(ys, 1, "Y_stacked")
    elif "Y" in v.wants:
        lifted = e.unsqueeze(e.stack(last, 0, "empty"), [0], "empty_step")
        y = e.slice(lifted, 0, 0, axis=0, name="Y_all")
    if sequence_lens_masks.needs_nonempty(v) and v.mask == "rows":
        last = [
            known_lengths.empty_to_zero(e, v, state, v.lens, f"{p}last_state")
            for p, state in zip(prefixes, last, strict=True)
        ]
    return e.template(node_outputs(e, v, mask, y, last))


def _batch_major_outputs(e: Emitter, v: Variant, prefixes: list[str], last: list[Value]) -> dict[str, Value]:
    """Return Y and Y_h of a batch-major variant with lengths: each state has its zeros before they are joined."""
    results = {}
    if "Y" in v.wants:
        states = [[_valid_state(e, v, p, t) for t in range(v.seq_length or 0)] for p in prefixes]
        results["Y"] = step_axes.join_states(e, v, states)
    if "Y_h" in v.wants:
        names = [f"{p}last_state" for p in prefixes]
        if sequence_lens_masks.needs_nonempty(v) and v.mask == "rows":
            pairs = zip(last, names, strict=True)
            last = [known_lengths.empty_to_zero(e, v, state, v.lens, name) for state, name in pairs]
        elif sequence_lens_masks.needs_nonempty(v):
            mask = Mask(e.value("mask_valid"), e.value("mask_nonempty"))
            width, pairs = v.hidden_size, zip(last, names, strict=True)
            last = [sequence_lens_masks.empty_to_zero(e, v, mask, state, width, name) for state, name in pairs]
        results["Y_h"] = step_axes.join_last(e, v, last)
    return results


def _valid_state(e: Emitter, v: Variant, p: str, t: int) -> Value:
    """Return the state after a step [B, H], zeros for the sequences that ended before it."""
    if v.multiplies:
        return e.op("Mul", [e.value(f"{p}H_{t}"), e.value(f"row_mask_{t}")], f"{p}H_{t}_valid")
    if v.mask == "where":
        return e.where(e.value(f"row_mask_{t}"), e.value(f"{p}H_{t}"), 0.0, f"{p}H_{t}_valid")
    valid = known_lengths.valid_rows(v.lens, t)
    if not any(valid):
        return e.tensor("zero_state", zeros((v.batch_size or 0, v.hidden_size)))
    return known_lengths.only_valid_rows(e, v, e.value(f"{p}H_{t}"), valid, f"{p}H_{t}_valid")
