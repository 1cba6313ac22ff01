"""``pytest tests_live --engine NAME``: the engine all tests here run in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from gru_lower.targets import read_profile
from tests_live.engines import KINDS, start
from tests_live.grid import cells

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests_live.engine import Engine
    from tests_live.engines import Kind
    from tests_live.grid import Cell


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=sorted(KINDS), required=True, help="the engine to run in")
    parser.addoption("--every", type=int, help="run every how-manieth cell and random GRU, 1 for all; the engine's own")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "form" in metafunc.fixturenames:
        target = KINDS[metafunc.config.getoption("--engine")].target
        metafunc.parametrize("form", read_profile.load(target).forms)


@pytest.fixture(scope="session")
def kind(pytestconfig: pytest.Config) -> Kind:
    """What there is to know about the engine."""
    return KINDS[pytestconfig.getoption("--engine")]


@pytest.fixture(scope="session")
def every(pytestconfig: pytest.Config, kind: Kind) -> int:
    """Of cells and random GRUs, every how-manieth is run."""
    return int(pytestconfig.getoption("--every") or kind.every)


@pytest.fixture(scope="session")
def chosen(every: int) -> list[Cell]:
    """The grid's cells that are run."""
    return cells()[::every]


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> Iterator[Engine]:
    """The engine, running."""
    with start(pytestconfig.getoption("--engine")) as running:
        yield running


@pytest.fixture(scope="session")
def onnxruntime() -> Iterator[Engine]:
    """What real models are compared with."""
    with start("onnxruntime", sys.executable) as running:
        yield running
