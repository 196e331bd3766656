"""The notebooks, and what the documentation shows in Python, run as they are, against a real service that trains."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serve import running
from settings import Settings
from tests.worker.validation.archives import tree

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
PAGES = ["README.md", "client/README.md", "docs/api.md", "docs/client.md", "docs/data.md"]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # With two slots, a job has half of the cores: threads that wait for each other are slow where much else runs.
    settings = Settings(data_dir=tmp_path_factory.mktemp("notebooks"), port=0, log_level="warning", worker_slots=2)
    with running(settings, quiet=True) as service:
        yield service.url


@pytest.fixture
def names(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The names that a reader's cells define; a client among them is closed at the end."""
    monkeypatch.setenv("EPOCHAL_URL", url)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    defined: dict[str, Any] = {}
    yield defined
    if "client" in defined:
        defined["client"].close()


def cells_of(path: Path) -> list[str]:
    document = json.loads(path.read_text("utf-8"))
    assert all(not cell.get("outputs") for cell in document["cells"]), "a notebook is kept without outputs"
    return ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"]


def run(cell: str, names: dict[str, Any]) -> Any:
    """As a kernel does: what the last line is worth is shown."""
    tree_of_cell = ast.parse(cell)
    last = tree_of_cell.body.pop() if isinstance(tree_of_cell.body[-1], ast.Expr) else None
    exec(compile(tree_of_cell, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_first_cell_to_its_last(
    path: Path, names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for cell in cells_of(path):
        shown = run(cell, names)
        if hasattr(shown, "_repr_html_"):
            assert shown._repr_html_().startswith("<")
    if path.stem == "own_pictures":
        shapes = ("disc", "square", "cross")
        said = dict(line.split(": ") for line in capsys.readouterr().out.splitlines()[-3:])
        assert tuple(said) == shapes
        assert sum(said[shape].startswith(f"{shape},") for shape in shapes) >= 2
    else:
        assert names["job"].status == names["other"].status == "succeeded"
        assert len(names["comparison"].jobs) == 2


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_in_python_runs(page: str, url: str, names: dict[str, Any], tmp_path: Path) -> None:
    """One block after the other, as a reader does; with one epoch, which is enough to see that it works."""
    for name, content in tree(train=70, test=4).items():  # a batch is 128
        file = tmp_path / "pets" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        run(re.sub(r'"epochs": \d+', '"epochs": 1', block).replace("http://127.0.0.1:8000", url), names)
