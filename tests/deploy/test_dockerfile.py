"""deploy/Dockerfile and .dockerignore: what the images hold, checked without building them."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath

import pytest

from training.release import REVISION_FILE

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy/Dockerfile"
IMAGES = ("api", "worker")

# What each image's processes import: every module of these packages, and whatever those reach.
PROCESSES = {"api": ("api", "serving"), "worker": ("worker", "training")}

IMPORT_ALL = """
import importlib, json, pkgutil, sys

packages, foreign = json.loads(sys.argv[1])
sys.modules.update(dict.fromkeys(foreign))  # importing a name that stands for None fails
for package in map(importlib.import_module, packages):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
importlib.import_module("s3fs")  # which fsspec imports only where the storage is in S3
importlib.import_module("training.release").release()  # a worker says it when it signs on
if "api" in packages:
    importlib.import_module("api.app").create_app()
"""


@dataclass(frozen=True)
class Instruction:
    keyword: str
    arguments: str


@dataclass(frozen=True)
class Stage:
    name: str
    base: str
    instructions: tuple[Instruction, ...]

    def all(self, keyword: str) -> list[str]:
        return [instruction.arguments for instruction in self.instructions if instruction.keyword == keyword]

    def environment(self) -> dict[str, str]:
        return dict(pair.split("=") for line in self.all("ENV") for pair in line.split())

    def copied(self) -> list[str]:
        """What it copies from the context, relative to the repository."""
        return [source.rstrip("/") for copy in self.all("COPY") for source in shlex.split(copy)[:-1]]

    def mounted(self) -> list[str]:
        """What it borrows from the context while a command runs."""
        return re.findall(r"--mount=type=bind,source=([^,]+)", " ".join(self.all("RUN")))


def _instructions(text: str) -> Iterator[Instruction]:
    code = "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#"))
    for line in code.replace("\\\n", "").splitlines():
        if line.strip():
            keyword, _, arguments = line.partition(" ")
            yield Instruction(keyword, " ".join(arguments.split()))


def _stages(text: str) -> dict[str, Stage]:
    stages: dict[str, Stage] = {}
    for instruction in _instructions(text):
        if instruction.keyword == "FROM":
            base, _, name = instruction.arguments.split()
            stages[name] = Stage(name, base, ())
        else:
            stages[name] = Stage(name, base, (*stages[name].instructions, instruction))
    return stages


STAGES = _stages(DOCKERFILE.read_text())


@pytest.fixture(params=IMAGES)
def image(request: pytest.FixtureRequest) -> Stage:
    return STAGES[request.param]


def _as_regex(pattern: str) -> re.Pattern[str]:
    """One pattern of a .dockerignore, as the engine reads it: `**` crosses folders, `*` does not."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])", pattern.strip("/"))
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile(
        "".join(special.get(part) or (part if part.startswith("[") else re.escape(part)) for part in parts)
    )


def _ignore_patterns() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def reaches_a_build(path: str) -> bool:
    """The last pattern that matches the path, or a folder it lies in, decides."""
    candidates = [path, *map(str, PurePosixPath(path).parents[:-1])]
    passes = True
    for pattern in _ignore_patterns():
        if any(map(_as_regex(pattern.removeprefix("!")).fullmatch, candidates)):
            passes = pattern.startswith("!")
    return passes


def files_in(path: str) -> list[str]:
    found = [ROOT / path] if (ROOT / path).is_file() else sorted((ROOT / path).rglob("*"))
    return [str(file.relative_to(ROOT)) for file in found if file.is_file()]


def test_hadolint_finds_nothing_and_nothing_is_hidden_from_it() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    done = subprocess.run(
        [hadolint, "--no-color", "--disable-ignore-pragma", "--failure-threshold=style", DOCKERFILE],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_one_image_from_outside_pinned_to_its_patch_release() -> None:
    foreign = [stage.base for stage in STAGES.values() if stage.base not in STAGES]
    assert len(foreign) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", foreign[0])


def test_uv_is_pinned_and_stays_out_of_the_images(image: Stage) -> None:
    (install,) = STAGES["uv"].all("RUN")
    assert re.search(r" uv==\d+\.\d+\.\d+$", install)
    assert image.base in ("base", "compiler")
    assert STAGES["base"].base == "python"
    assert "type=bind,from=uv,source=/usr/local/bin/uv" in image.all("RUN")[0]


def test_dependencies_come_from_the_lock_in_a_layer_before_the_source(image: Stage) -> None:
    install, *_ = image.instructions
    assert install.keyword == "RUN"
    assert image.mounted() == [f"requirements-{image.name}.lock"]
    assert f"source=requirements-{image.name}.lock,target=/tmp/requirements.lock" in install.arguments
    assert "type=cache,target=/root/.cache/uv" in install.arguments
    command = shlex.split(install.arguments.partition("uv pip install ")[2])
    assert {"--require-hashes", "--no-build", "--compile-bytecode", "--system"} <= set(command)
    assert command[-2:] == ["--requirements", "/tmp/requirements.lock"]


def test_every_package_of_a_lock_has_hashes_and_no_address(image: Stage) -> None:
    lock = (ROOT / image.mounted()[0]).read_text()
    packages = re.findall(r"^[a-z0-9][^=\n]*==[^\n]*(?:\n +--hash=[^\n]*)*", lock, re.MULTILINE)
    assert packages
    assert not [package for package in packages if "--hash=sha256:" not in package]
    assert "://" not in re.sub("#.*", "", lock)


def test_the_api_image_holds_no_torch_and_the_worker_image_does() -> None:
    assert not {"torch", "torchvision"} & locked("api")
    assert {"torch", "torchvision"} <= locked("worker")


def test_the_api_image_holds_no_worker_and_the_worker_image_no_api() -> None:
    assert "worker" not in STAGES["api"].copied()
    assert "api" not in STAGES["worker"].copied()


def test_the_code_belongs_to_root_and_runs_as_somebody_else(image: Stage) -> None:
    assert not [copy for copy in image.all("COPY") if "--ch" in copy]
    assert image.all("USER") == ["10001:10001"]
    keywords = [instruction.keyword for instruction in image.instructions]
    assert not {"RUN", "COPY"} & set(keywords[keywords.index("USER") :])
    assert "compileall" in image.all("RUN")[-1]


def test_the_volumes_folders_belong_to_that_user() -> None:
    (setup,) = STAGES["base"].all("RUN")
    assert "useradd --uid 10001 --gid 10001" in setup
    assert "install --directory --owner=10001 --group=10001 /data /datasets" in setup


def test_the_surroundings_of_every_process() -> None:
    assert STAGES["base"].environment() == {
        "PYTHONPATH": "/app",
        "PYTHONUNBUFFERED": "1",
        "EPOCHAL_LOG_FORMAT": "json",
    }
    assert STAGES["base"].all("WORKDIR") == ["/app"]
    assert STAGES["base"].all("STOPSIGNAL") == ["SIGTERM"]


def test_the_worker_image_knows_its_commit() -> None:
    worker = STAGES["worker"]
    assert worker.all("ARG") == ['REVISION=""']
    assert f'"$REVISION" > {REVISION_FILE} ' in " ".join(worker.all("RUN"))
    assert "/app" in STAGES["base"].all("WORKDIR")  # beside training/, where training/release.py looks for it


def test_the_worker_image_alone_has_a_compiler() -> None:
    assert STAGES["worker"].base == "compiler"
    assert STAGES["api"].base == STAGES["compiler"].base == "base"
    assert " g++=" in " ".join(STAGES["compiler"].all("RUN"))


def test_the_api_listens_where_compose_publishes_it() -> None:
    assert STAGES["api"].environment() == {"EPOCHAL_HOST": "0.0.0.0", "EPOCHAL_PORT": "8000"}


def test_processes_get_signals_themselves_and_not_a_shell(image: Stage) -> None:
    assert [json.loads(command) for command in image.all("CMD")] == [["python", "-m", image.name]]
    assert not image.all("ENTRYPOINT")


def test_what_an_image_copies_exists_and_reaches_the_build(image: Stage) -> None:
    for path in [*image.copied(), *image.mounted()]:
        files = [file for file in files_in(path) if "__pycache__" not in file]
        assert files, f"{path} is missing"
        assert not [file for file in files if not reaches_a_build(file)]


def test_nothing_else_reaches_a_build() -> None:
    used = {path for name in IMAGES for path in [*STAGES[name].copied(), *STAGES[name].mounted()]}
    assert {pattern.removeprefix("!") for pattern in _ignore_patterns() if pattern.startswith("!")} == used
    assert {path.name for path in ROOT.iterdir() if reaches_a_build(path.name)} == used


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".git/config",
        ".venv/bin/python",
        "api/.env",
        "api/routes/.env.local",
        "models/__pycache__/tables.cpython-311.pyc",
        "worker/old.pyc",
        "data/epochal.db",
        "tests/deploy/test_dockerfile.py",
        "requirements-dev.lock",
        "settings.py.orig",
    ],
)
def test_secrets_and_leftovers_do_not_reach_a_build(path: str) -> None:
    assert not reaches_a_build(path)


def locked(image: str) -> set[str]:
    lock = (ROOT / f"requirements-{image}.lock").read_text()
    return {_normalised(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}


def _normalised(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def not_in(image: str) -> list[str]:
    """Modules that are installed here but would not be in the image."""
    allowed = locked(image) | {"pip", "setuptools", "wheel"}
    return [
        module
        for module, distributions in packages_distributions().items()
        if not allowed & set(map(_normalised, distributions)) and not (ROOT / module).exists()
    ]


def test_an_image_holds_all_that_its_processes_import(image: Stage, tmp_path: Path) -> None:
    for path in filter(reaches_a_build, (file for source in image.copied() for file in files_in(source))):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)

    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_ALL, json.dumps([PROCESSES[image.name], not_in(image.name)])],
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
