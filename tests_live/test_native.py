"""The grid of GRU features: what the engine makes of the node is what was written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests_live import native
from tests_live.measure import measure_native

if TYPE_CHECKING:
    from tests_live.engine import Engine


def test_the_node_itself(engine: Engine) -> None:
    """A cell that an engine's new version runs otherwise is to be written down: what targets promise rests on it."""
    table = measure_native(engine)
    assert {name: verdict.verdict for name, verdict in table.items()} == native.read(engine.name)
