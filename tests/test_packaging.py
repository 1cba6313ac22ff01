"""What installs is what the tree holds, with and without symlinks in it, from a checkout and from an archive."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from readme_commands import copy_checkout, tracked_files

ROOT = Path(__file__).resolve().parent.parent
LINKS = {"passes": "../passes", "cli": "../cli", "pages": "../docs/diagnostics"}
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def packages_in_tree() -> dict[str, Path]:
    """Return every folder that holds Python files, under the dotted name it installs as."""
    found = {}
    for top, name in {
        "gru_lower": "gru_lower",
        **{target: f"gru_lower.{name}" for name, target in LINKS.items()},
    }.items():
        for source in (ROOT / "gru_lower" / top if top.startswith("..") else ROOT / top).resolve().rglob("*.py"):
            folder = source.parent.relative_to(
                (ROOT / "gru_lower" / top if top.startswith("..") else ROOT / top).resolve()
            )
            if top != "gru_lower" or folder.parts[:1] not in {(link,) for link in LINKS}:
                found[".".join((name, *folder.parts))] = source.parent
    return found


def build(checkout: Path, kind: str, destination: Path) -> Path:
    """Build a ``wheel``, an ``editable`` wheel or an ``sdist`` with the build backend, and return the file."""
    destination.mkdir()
    program = f"import sys, setuptools.build_meta as backend; backend.build_{kind}(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, destination],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return next(destination.glob("*.tar.gz" if kind == "sdist" else "*.whl"))


def contents(wheel: Path) -> dict[str, bytes]:
    """Return what lies in a wheel, by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


@pytest.fixture(scope="module", params=["symlinks", "text files"])
def checkout(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what a build reads, once as git checks it out with ``core.symlinks=false``."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, copy)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "gru_lower", copy / "gru_lower", symlinks=True, ignore=ignored)
    for name, target in LINKS.items():
        folder = target.removeprefix("../")
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
        link = copy / "gru_lower" / name
        link.unlink()
        if request.param == "symlinks":
            link.symlink_to(target)
        else:
            link.write_text(target, encoding="utf-8")
    return copy


def test_every_package_is_listed() -> None:
    assert sorted(packages_in_tree()) == sorted(PROJECT["tool"]["setuptools"]["packages"])


def test_every_package_says_it_is_one() -> None:
    # A folder without __init__.py would install, and yet be left out by every tool that looks for packages.
    assert [name for name, folder in packages_in_tree().items() if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize(("name", "target"), LINKS.items())
def test_the_folders_stand_in_the_package(name: str, target: str) -> None:
    link = ROOT / "gru_lower" / name
    if link.is_symlink():
        assert link.readlink() == Path(target)
    else:
        assert link.read_text(encoding="utf-8").strip() == target


@pytest.mark.slow
def test_wheel_holds_the_package_and_nothing_else(checkout: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(build(checkout, "wheel", tmp_path / "wheel")) as wheel:
        files = {PurePosixPath(name) for name in wheel.namelist()}
        entry_points = next(name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
        assert "gru-lower = gru_lower.__main__:main" in wheel.read(entry_points).decode()
    installed = {str(file.parent).replace("/", ".") for file in files if file.suffix == ".py"}
    assert installed == set(packages_in_tree())
    assert {file.parts[0] for file in files if ".dist-info" not in file.parts[0]} == {"gru_lower"}
    data = {file for pattern in ("py.typed", "**/*.json", "**/*.toml") for file in (ROOT / "gru_lower").glob(pattern)}
    assert {PurePosixPath(file.relative_to(ROOT).as_posix()) for file in data} <= files
    assert PurePosixPath("gru_lower/py.typed") in files
    assert any(file.match("gru_lower/schema/*.json") for file in files)
    assert any(file.match("*.dist-info/licenses/LICENSE") for file in files)


def test_editable_install_finds_every_package(checkout: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(build(checkout, "editable", tmp_path / "wheel")) as wheel:
        wheel.extractall(site)
    # Without -S and with the finders as they come, a gru_lower already installed for this interpreter would answer.
    program = (
        "import importlib.util, site, sys; before = list(sys.meta_path); site.addsitedir(sys.argv[1]);"
        "sys.meta_path.sort(key=lambda finder: finder in before); sys.path.append(sys.argv[2]);"
        "[print(importlib.util.find_spec(name).origin) for name in sys.argv[3:]]"
    )
    names, dependencies = sorted(packages_in_tree()), sysconfig.get_path("purelib")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, site, dependencies, *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    origins = [Path(line).resolve() for line in done.stdout.splitlines()]
    assert len(origins) == len(names)
    assert all(origin.is_relative_to(checkout.resolve()) for origin in origins), done.stdout


@pytest.mark.slow
def test_a_build_leaves_nothing_behind(checkout: Path, tmp_path: Path) -> None:
    before = {file for file in checkout.rglob("*") if "__pycache__" not in file.parts}
    gone = checkout / "gru_lower" / "gone.py"
    gone.write_text("", encoding="utf-8")
    first = contents(build(checkout, "wheel", tmp_path / "first"))
    gone.unlink()
    second = contents(build(checkout, "wheel", tmp_path / "second"))
    assert set(first) - set(second) == {"gru_lower/gone.py"}
    assert {file for file in checkout.rglob("*") if "__pycache__" not in file.parts} == before


@pytest.mark.slow
def test_an_archive_of_the_sources_is_the_checkout(tmp_path: Path) -> None:
    try:
        tracked = {name for name in tracked_files(ROOT) if not (ROOT / name).is_symlink()}
    except subprocess.CalledProcessError:
        pytest.skip("this is no git checkout")
    copy_checkout(ROOT, tmp_path / "checkout")
    archive = build(tmp_path / "checkout", "sdist", tmp_path / "sdist")
    shutil.unpack_archive(archive, tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    held = {file.relative_to(unpacked).as_posix() for file in unpacked.rglob("*") if file.is_file()}
    assert {name for name in tracked - held if not name.startswith(".git")} == set()
    assert held - tracked == {"PKG-INFO", "setup.cfg"}
    from_archive = build(unpacked, "wheel", tmp_path / "from_archive")
    assert contents(from_archive) == contents(build(tmp_path / "checkout", "wheel", tmp_path / "from_checkout"))


@pytest.mark.slow
def test_links_of_the_readme_lead_somewhere_on_an_index(checkout: Path, tmp_path: Path) -> None:
    files = contents(build(checkout, "wheel", tmp_path / "wheel"))
    metadata = message_from_bytes(next(data for name, data in files.items() if name.endswith("/METADATA")))
    links = re.findall(r"\]\(([^)]+)\)", str(metadata.get_payload()))
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert "Checking (docs/check.md)" in str(metadata.get_payload())
    assert "![" not in str(metadata.get_payload())


def test_with_an_address_links_and_pictures_of_the_readme_lead_into_the_repository(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("setuptools.setup", lambda **_: None)
    readme = runpy.run_path(str(ROOT / "setup.py"))["readme_for_index"]
    on_index = readme("https://example.org/gru-lower/")
    assert "(https://example.org/gru-lower/raw/HEAD/docs/digits-before-and-after.svg)" in on_index
    assert "[Checking](https://example.org/gru-lower/blob/HEAD/docs/check.md)" in on_index
    assert [link for link in re.findall(r"\]\(([^)]+)\)", on_index) if not link.startswith(("https://", "#"))] == []
    assert "![" not in readme(None)
    assert "picture" not in readme(None).partition("## I have")[0]


def test_no_address_is_a_placeholder() -> None:
    placeholder = re.compile(r"OWNER/|github\.com/(?:example|user|your)|rev: v0|@v0\.")
    pages = [*ROOT.glob("*.md"), *ROOT.glob("*.yml"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "cli").glob("*.py")]
    assert [str(page) for page in pages if placeholder.search(page.read_text(encoding="utf-8"))] == []


def test_no_record_of_an_engine_names_a_folder_of_the_machine_it_ran_on() -> None:
    place = re.compile(r"/(?:tmp|home|root|opt|var|Users)/")
    records = [*(ROOT / "tests_live" / "seen").glob("*.json"), *(ROOT / "docs").rglob("*.json")]
    assert records
    assert [str(record) for record in records if place.search(record.read_text(encoding="utf-8"))] == []
