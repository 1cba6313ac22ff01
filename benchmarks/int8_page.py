"""The page of ``python -m benchmarks int8``, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.tables import figure, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.int8 import Row
    from benchmarks.int8_whole_model import WholeModel


def page(
    where: Mapping[str, str | int | bool],
    rows: Sequence[Row],
    whole: Sequence[WholeModel],
    tolerance: float,
    *,
    has_dot_products: bool,
) -> str:
    """Return the whole page."""
    parts = ["# GRUs in int8", _conditions(where)]
    if not has_dot_products:
        parts.append("This CPU has no dot product of bytes (VNNI): what is to be reached is **not measured** here.")
    speed = [
        [
            _name(row),
            f"{row.limit:.2f}",
            figure(row.ratio("int8")),
            row.verdict(tolerance) if has_dot_products else "not measured",
            figure(row.ratio("products")),
            figure(row.ratio("lowered")),
            figure(row.ratio("lstm")),
        ]
        for row in rows
    ]
    head = ["of the float GRU's time", "limit", "int8", "", "products alone", "our float form", "int8 LSTM"]
    parts += ["## Speed", table(head, speed)]
    small = [[_name(row), f"{row.error:.1e}", f"{row.lstm_error:.1e}", f"{row.size:.3f}"] for row in rows]
    parts += ["## Errors and sizes", table(["", "largest error, int8 GRU", "int8 LSTM", "bytes, of float"], small)]
    if whole:
        models = [
            [f"nsnet2_48k, {each.frames} frames", figure(each.ratio), f"{each.size:.3f}", f"{each.snr_db:.1f} dB"]
            for each in whole
        ]
        head = [
            "quantize, then onnxruntime's quantize_dynamic for the rest",
            "time, of float",
            "bytes",
            "signal to noise",
        ]
        parts += ["## Whole models", table(head, models)]
    return "\n\n".join(parts) + "\n"


def _conditions(e: Mapping[str, str | int | bool]) -> str:
    return (
        f"onnxruntime {e['onnxruntime']} on {e['cpu']} ({e['cores']} cores, {e['system']}), Python {e['python']}, "
        f"{e['date']}. One thread, CPU time, input size = hidden size, weights U(±1/√H), with an initial state. A "
        "figure is a share of the time of onnxruntime's own float GRU node of the same sizes, timed right before or "
        "after: the median, ± half the distance between the quartiles. `int8` is `gru-lower quantize`, with "
        "`--all` where that keeps it; `products alone` are its products with nothing between them, which it cannot be "
        "faster than; `int8 LSTM` is "
        "onnxruntime's DynamicQuantizeLSTM, which does four gates. Errors are against the same model in floats. "
        f"The machine's load average was {e['load']}; above its cores, weights are put out of the caches, and large H "
        "come out slower. Written by `python -m benchmarks int8`."
    )


def _name(row: Row) -> str:
    case = row.case
    return f"T = {case.T}, B = {case.B}, H = {case.H}, lbr {case.lbr}"
