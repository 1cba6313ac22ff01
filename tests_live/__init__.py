"""Whole engines run lowered models: see README.md. Needs the engine installed beside the package."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))  # strategies and the rest, by their bare names as the tests have them
