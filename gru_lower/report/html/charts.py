"""Bars and curves as SVG; beside each chart stand its numbers, as a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gru_lower.report.html.escaping import text
from gru_lower.report.html.operator_kinds import kind_of
from gru_lower.report.sections.blocks import number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gru_lower.report.sections.blocks import Bars, Lines

WIDTH, HEIGHT = 440, 190
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 34
ROW = 18
LABELS = 172
LONGEST = 20
"""How many characters of a label are shown."""
SWATCH = 18
LEAST = 1e-30
"""What stands for 0 where logarithms are drawn."""


def bars(block: Bars) -> str:
    """Return bars as SVG."""
    series = [*block.series.items()]
    rows = len(block.labels) * len(series)
    height = rows * ROW + len(block.labels) * 4 + 4
    every = [value for _, values in series for value in values]
    low = _floor(every) if block.logarithmic else 0.0
    high = max((_place(value, logarithmic=block.logarithmic) for value in every), default=1.0)
    room = WIDTH - LABELS - 64
    parts: list[str] = []
    y = 4
    for place, label in enumerate(block.labels):
        middle = y + 13 + (len(series) - 1) * ROW / 2
        swatch = SWATCH if block.kinds else 0
        parts.append(f'<text class="label" x="{LABELS - 8 - swatch}" y="{middle:.0f}">{text(label[:LONGEST])}</text>')
        if block.kinds:
            square = f'x="{LABELS - 20}" y="{middle - 10:.0f}" width="12" height="12"'
            parts.append(f'<rect class="swatch kind-{kind_of(block.kinds[place])}" {square}/>')
        for at, (name, values) in enumerate(series):
            value = values[place]
            share = (_place(value, logarithmic=block.logarithmic) - low) / ((high - low) or 1.0)
            width = max(1.0, room * share) if value else 0.0
            parts.append(
                f'<g class="bar series-{at}"><title>{text(label)}, {text(name)}: {number(value)}</title>'
                f'<rect x="{LABELS}" y="{y}" width="{width:.1f}" height="{ROW - 4}"/>'
                f'<text x="{LABELS + width + 5:.0f}" y="{y + 12}">{number(value)}</text></g>'
            )
            y += ROW
        y += 4
    return _svg(block.title, height, parts)


def lines(block: Lines) -> str:
    """Return curves as SVG."""
    values = [value for series in block.series.values() for value in series if value is not None]
    if block.logarithmic:
        values = [max(value, LEAST) for value in values if value > 0]
    if block.limit and block.logarithmic:
        values = [*values, block.limit]
    if not values:
        return ""
    scale = (lambda value: math.log10(max(value, LEAST))) if block.logarithmic else float
    low, high = min(map(scale, values)), max(map(scale, values))
    if block.logarithmic:
        low, high = math.floor(low), math.ceil(high)
    if high <= low:
        low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    first, last = block.x[0], block.x[-1]

    def across(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (x - first) / ((last - first) or 1.0)

    def down(value: float) -> float:
        share = (min(max(scale(value), low), high) - low) / (high - low)
        return TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - share)

    parts = [*_axes(low, high, first, last, block)]
    if block.limit is not None and low <= scale(block.limit) <= high:
        y = down(block.limit)
        parts.append(f'<path class="limit" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="limit" x="{LEFT + 4}" y="{y - 3:.0f}">{number(block.limit)}</text>')
    for at, (name, series) in enumerate(block.series.items()):
        drawn = _path(block.x, series, across, down)
        parts.append(f'<path class="curve series-{at}" d="{drawn}"><title>{text(name)}</title></path>')
    return _svg(block.title, HEIGHT, parts)


def _axes(low: float, high: float, first: float, last: float, block: Lines) -> Iterator[str]:
    yield f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'
    for share in (0.0, 0.5, 1.0):
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - share)
        value = low + (high - low) * share
        said = f"1e{value:g}" if block.logarithmic else number(value)
        yield f'<text class="label" x="{LEFT - 6}" y="{y + 4:.0f}">{said}</text>'
    y = HEIGHT - BOTTOM + 15
    yield f'<text class="from" x="{LEFT}" y="{y}">{number(first)}</text>'
    yield f'<text class="middle" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{y}">{text(block.x_name)}</text>'
    yield f'<text class="label" x="{WIDTH - RIGHT}" y="{y}">{number(last)}</text>'


def _path(
    x: Sequence[float], series: Sequence[float | None], across: Callable[[float], float], down: Callable[[float], float]
) -> str:
    parts: list[str] = []
    drawing = False
    for place, value in zip(x, series, strict=True):
        if value is None:
            drawing = False
            continue
        parts.append(f"{'L' if drawing else 'M'}{across(place):.1f} {down(value):.1f}")
        drawing = True
    return "".join(parts)


def _floor(values: Sequence[float]) -> float:
    """Return where bars of logarithms begin: a decade below the least."""
    known = [math.log10(max(value, LEAST)) for value in values if value]
    return math.floor(min(known, default=0.0)) - 1.0


def _place(value: float, *, logarithmic: bool) -> float:
    return math.log10(max(value, LEAST)) if logarithmic and value else float(value) if not logarithmic else -math.inf


def _svg(title: str, height: int, parts: list[str]) -> str:
    box = f'viewBox="0 0 {WIDTH} {height}"'
    return f'<svg class="chart" role="img" aria-label="{text(title)}" {box}>{"".join(parts)}</svg>'
