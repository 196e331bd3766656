"""The notebooks run as they are, against a real service that trains."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serve import running
from settings import Settings

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("notebooks"), port=0, log_level="warning")
    with running(settings, quiet=True) as service:
        yield service.url


def cells_of(path: Path) -> list[str]:
    document = json.loads(path.read_text("utf-8"))
    assert all(not cell.get("outputs") for cell in document["cells"]), "a notebook is kept without outputs"
    return ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"]


def run(cell: str, names: dict[str, Any]) -> Any:
    """As a kernel does: what the last line is worth is shown."""
    tree = ast.parse(cell)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_first_cell_to_its_last(
    path: Path, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EPOCHAL_URL", url)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    try:
        for cell in cells_of(path):
            shown = run(cell, names)
            if hasattr(shown, "_repr_html_"):
                assert shown._repr_html_().startswith("<")
    finally:
        names["client"].close()
    if path.stem == "own_pictures":
        said = capsys.readouterr().out.splitlines()[-3:]
        assert [line.split(":")[0] for line in said] == ["disc", "square", "cross"]
        assert (
            sum(
                line.startswith(f"{name}: {name},")
                for name, line in zip(["disc", "square", "cross"], said, strict=True)
            )
            >= 2
        )
    else:
        assert names["job"].status == names["other"].status == "succeeded"
        assert len(names["comparison"].jobs) == 2
