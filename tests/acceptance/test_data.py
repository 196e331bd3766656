"""docs/data.md takes a stranger from a zip to a trained job: its commands are run as they stand there."""

import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.acceptance.conftest import ROOT, Deployment
from tests.worker.validation.archives import tree

PAGE = (ROOT / "docs" / "data.md").read_text()


def commands(heading: str) -> str:
    """The commands below one heading."""
    [section] = re.findall(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return "\n".join(re.findall(r"^```sh$(.*?)^```$", section, re.MULTILINE | re.DOTALL))


def said(folder: Path, url: str, script: str) -> str:
    """What a shell prints. A command that fails ends it."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "URL": url, "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout


@pytest.mark.parametrize("deployment", ["embedded"], indirect=True)
def test_the_page_s_commands_do_what_it_says(deployment: Deployment, tmp_path: Path) -> None:
    files = tree(20, 6, ("cat", "dog"))
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for name, content in {**files, "train/cat/again.png": files["train/cat/0.png"]}.items():
            archive.writestr(name, content)
        archive.writestr("train/cat/broken.jpg", b"\xff\xd8\xff\xe0")
    url = str(deployment.http.base_url).rstrip("/")
    first = commands("From a zip to a trained job")
    assert first.count("\n") - 1 == 4, "four commands"
    told = said(tmp_path, url, first)
    for expected in ('"status": "ready"', '"code": "unreadable_files"', "event: succeeded"):
        assert expected in told
    again = "".join(commands(heading) for heading in ("From a zip to a trained job", "Versions", "Mending"))
    told = said(tmp_path, url, again)
    assert '{"name":"pets","version":1,' in told  # the same images are the same version
    assert '"parent": 1' in told
    said(tmp_path, url, commands("Looking at the images"))
    for name in ("samples", "twins", "augmented"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG"), name
    told = said(tmp_path, url, commands("Uploads that go on where they stopped"))
    assert '"status": "complete"' in told
