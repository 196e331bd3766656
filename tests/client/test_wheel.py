"""The client's distribution: what is in it, and that it checks a data set as the service does, without the service."""

import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import files
from pathlib import Path
from runpy import run_path
from typing import Any
from zipfile import ZipFile

import pytest
from hatchling.build import build_editable, build_sdist, build_wheel

from epochal.checking import check
from tests.worker.validation.archives import picture, tree

ROOT = Path(__file__).parents[2]

# Its arguments: a folder, site-packages, and the top-level modules there that may be imported.
OUTSIDE = """
import dataclasses, json, sys
from epochal.checking import check, look
from epochal.errors import LocalError

folder, packages, *allowed = sys.argv[1:]
found = {"look": look(folder).images}
try:
    check(folder)
except LocalError as error:
    found["without"] = [error.code, error.hint]

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, *allowed, "epochal"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
sys.path.append(packages)
found["check"] = dataclasses.asdict(check(folder, test_fraction=0.3, seed=7))
found["modules"] = sorted({name.partition(".")[0] for name in sys.modules} & {"training", "httpx2", "yaml"})
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel, the source distribution, and in `again` the wheel that is made of that."""
    target = tmp_path_factory.mktemp("built")
    sdist = _in(ROOT / "client", build_sdist, target)
    _in(ROOT / "client", build_wheel, target)
    with tarfile.open(target / sdist) as archive:
        archive.extractall(target, filter="data")
    _in(target / sdist.removesuffix(".tar.gz"), build_wheel, target / "again")
    return target


def _in(folder: Path, build: Callable[[str], str], target: Path) -> str:
    target.mkdir(exist_ok=True)
    before = Path.cwd()
    os.chdir(folder)
    try:
        return build(str(target))
    finally:
        os.chdir(before)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of the wheel in a folder."""
    [wheel] = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_has_the_client_and_what_the_check_needs_of_the_service(built: Path) -> None:
    inside = contents(built)
    assert {re.sub(r"-.*\.dist-info$", "-dist-info", name.partition("/")[0]) for name in inside} == {
        "epochal",
        "epochal-dist-info",
    }
    own = {path.relative_to(ROOT / "client").as_posix() for path in (ROOT / "client/epochal").rglob("*.py")}
    assert own <= inside.keys()
    assert {"epochal/py.typed", "epochal/_service_check/dataset_check/checking.py"} <= inside.keys()
    code = [content.decode() for name, content in inside.items() if name.endswith(".py")]
    assert not any(re.search(r"^\s*(from|import) training\b", text, re.MULTILINE) for text in code)
    [metadata] = [content.decode() for name, content in inside.items() if name.endswith("/METADATA")]
    required = re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)
    assert [name for name in required if "extra ==" not in name] == ["httpx2>=2.14", "pyyaml>=6"]
    assert "Requires-Python: >=3.10" in metadata
    [licence] = [content for name, content in inside.items() if name.endswith("/LICENSE")]
    assert licence == (ROOT / "LICENSE").read_bytes()


def test_the_source_distribution_makes_the_same_wheel(built: Path) -> None:
    one, other = contents(built), contents(built / "again")
    assert {name: one[name] for name in one if "RECORD" not in name} == {
        name: other[name] for name in other if "RECORD" not in name
    }


def test_what_is_installed_from_a_checkout_finds_the_service_s_code(tmp_path: Path) -> None:
    with ZipFile(tmp_path / _in(ROOT / "client", build_editable, tmp_path)) as archive:
        assert archive.read("_epochal.pth").decode().split() == [str(ROOT), str(ROOT / "client")]


def modules_of_the_extra(metadata: str) -> set[str]:
    """The top-level modules that the extra `check` adds."""
    names = re.findall(r"^Requires-Dist: ([\w-]+).*extra == 'check'$", metadata, re.MULTILINE)
    return {file.parts[0].partition(".")[0] for name in names for file in files(name) or ()}


def test_it_checks_a_data_set_as_the_service_does(built: Path, tmp_path: Path) -> None:
    odd = {"train/ant/broken.png": picture(99)[:50], "readme.txt": b"hello", "train/ant/empty.png": b""}
    for name, content in (tree(4, 2) | odd).items():
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    inside = contents(built)
    for name, content in inside.items():
        (tmp_path / "unpacked" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "unpacked" / name).write_bytes(content)
    [metadata] = [content.decode() for name, content in inside.items() if name.endswith("/METADATA")]
    site = str(Path(pytest.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-S", "-c", OUTSIDE, tmp_path / "pets", site, *modules_of_the_extra(metadata)],
        env={"PYTHONPATH": str(tmp_path / "unpacked")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["look"] == 14
    assert found["without"] == ["package_missing", "pip install numpy pillow zstandard"]
    assert found["modules"] == []
    here = asdict(check(tmp_path / "pets", test_fraction=0.3, seed=7))
    assert found["check"] == json.loads(json.dumps(here))
    assert {each["code"] for each in here["report"]["findings"]} >= {"unreadable_files", "skipped_files"}


def test_imports_alone_are_rewritten() -> None:
    with_own_imports = run_path(str(ROOT / "client/hatch_build.py"))["with_own_imports"]
    text = """'''from training.a import b'''
from training.a import training  # from training
def f():
    from training import c
"""
    expected = text.replace("\nfrom training.a", "\nfrom epochal._service_check.a")
    assert with_own_imports(text, "m") == expected.replace("    from training", "    from epochal._service_check")
    for other in ("import training.a\n", "x = 1; from training.a import b\n"):
        with pytest.raises(ValueError, match="m:1: write"):
            with_own_imports(other, "m")
