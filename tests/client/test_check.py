"""The check of data sets where `epochal[check]` is installed and nothing else; and its command line."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import files
from pathlib import Path

from packaging.requirements import Requirement

import old_client
from tests.worker.validation.archives import tree

ROOT = Path(__file__).parents[2]

# Its arguments are the modules that may be imported beside Python's own and ours.
WITHOUT_OTHERS = """
import runpy, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, *allowed}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

allowed, folder = {*sys.argv[1].split()}, sys.argv[2]
sys.meta_path.insert(0, Absent())
sys.argv = ["check", folder]
runpy.run_module("old_client.check", run_name="__main__")
"""


def modules_of_the_extra() -> set[str]:
    """The top-level modules that `pip install 'epochal[check]'` installs."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found = set()
    for requirement in map(Requirement, extras["check"]):
        found |= {file.parts[0].partition(".")[0] for file in files(requirement.name) or ()}
    return found


def test_it_needs_nothing_but_what_its_extra_installs(tmp_path: Path) -> None:
    for name, content in tree(2, 1).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    allowed = " ".join([*modules_of_the_extra(), "old_client", "training"])
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_OTHERS, allowed, str(tmp_path)],
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["images"] == 6


def test_every_name_of_the_package_is_loaded_when_it_is_asked_for() -> None:
    assert set(old_client._MODULES) == set(old_client.__all__) == set(dir(old_client))
    for name in old_client.__all__:
        assert getattr(old_client, name).__name__ == name
        assert getattr(old_client, name).__module__ == old_client._MODULES[name]
    assert not hasattr(old_client, "Nothing")
