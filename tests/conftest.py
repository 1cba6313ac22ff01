"""What all tests share: hypothesis profiles and the folder of collected data beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

SHARED = Path(os.environ.get("GRU_LOWER_SHARED", Path(__file__).resolve().parents[2] / "shared"))

settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("thorough" if os.environ.get("GRU_LOWER_THOROUGH") else "default")


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> Path:
    """The folder of exports, models and test vectors; a test that asks for it is skipped where the folder is not."""
    if not SHARED.is_dir():
        pytest.skip(f"../shared is absent: {request.node.name} is not tested")
    return SHARED
