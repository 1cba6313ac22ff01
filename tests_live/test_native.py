"""The grid of GRU features: what the engine makes of the node is what was written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests_live import native
from tests_live.measure import measure_native

if TYPE_CHECKING:
    from tests_live.engine import Engine
    from tests_live.grid import Cell


def test_the_node_itself(engine: Engine, chosen: list[Cell]) -> None:
    """A cell that an engine's new version runs otherwise is to be written down: what targets promise rests on it."""
    table, seen = measure_native(engine, chosen), native.read(engine.name)
    assert {name: verdict.verdict for name, verdict in table.items()} == {cell.name: seen[cell.name] for cell in chosen}
