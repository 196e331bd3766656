"""What a run says of the code that trained it."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from training import release
from training.engine.device import software
from training.metrics import RunFacts

MODULE = """NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024
GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)
"""
OPEN_MODULE = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build  (root@a)\n"


@pytest.fixture(autouse=True)
def _not_remembered() -> Iterator[None]:
    _forget()
    yield
    _forget()


def _forget() -> None:
    release.release.cache_clear()
    release.revision.cache_clear()


def test_the_version_is_the_project_s() -> None:
    project = tomllib.loads((Path(release.__file__).parents[1] / "pyproject.toml").read_text())
    assert release.release() == project["project"]["version"]


def test_a_notebook_that_has_no_more_than_this_folder_trains(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(release, "ROOT", tmp_path)
    assert release.release() == "unknown"


@pytest.mark.parametrize(
    ("content", "told"), [("630d74d\n", "630d74d"), ("", None), ("a b", None), ("<b>", None), ("\u00e9", None)]
)
def test_an_image_says_which_commit_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, told: str | None
) -> None:
    monkeypatch.setattr(release, "ROOT", tmp_path)
    assert release.revision() is None
    _forget()
    (tmp_path / "REVISION").write_text(content)
    assert release.revision() == told


@pytest.mark.parametrize(("content", "told"), [(MODULE, "550.54.15"), (OPEN_MODULE, "570.124.06"), ("?", None)])
def test_the_driver_says_its_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, told: str | None
) -> None:
    monkeypatch.setattr(software, "_DRIVER", tmp_path / "version")
    assert software.driver_version() is None
    (tmp_path / "version").write_text(content)
    assert software.driver_version() == told


def test_a_run_on_a_processor_names_it_and_no_driver() -> None:
    found = software.software(torch.device("cpu"))
    assert found.keys() <= RunFacts.model_fields.keys()
    assert found["processor"]
    assert found["epochal_version"] == release.release()
    assert found["torchvision_version"]
    assert (found["cuda_version"], found["cudnn_version"], found["driver_version"]) == (None, None, None)
