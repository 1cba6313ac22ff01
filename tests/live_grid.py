"""The grid of tests_live, and how its cells are rewritten, for tests that need no engine."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # behind the package that is installed

from tests_live.engines import KINDS
from tests_live.grid import Cell, cells
from tests_live.rewriting import COMMANDS, Refused, followed

__all__ = ["COMMANDS", "KINDS", "Cell", "Refused", "cells", "followed"]
