"""Every model of tests/real_models is run by one session, and by one only."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_every_model_has_a_session() -> None:
    listed = next(
        ast.literal_eval(each.value)
        for each in ast.parse((ROOT / "noxfile.py").read_text()).body
        if isinstance(each, ast.Assign) and getattr(each.targets[0], "id", "") == "MADE_IN"
    )
    made = [name for names in listed.values() for name in names]
    files = {
        path.stem.removeprefix("test_")
        for path in (ROOT / "tests" / "real_models").glob("test_*.py")
        if "pytest.mark.packages" not in path.read_text()
    }
    assert sorted(made) == sorted(files)
