"""docs/architecture.md names rooms, files, functions and tests that exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text()
NAMED = re.findall(r"`((?:\w+/)*\w+\.py)(?::([\w.]+))?`", PAGE)


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n#")[0]


def folders(of: Path) -> Iterator[Path]:
    """Those with code in them."""
    for folder in of.iterdir():
        if folder.is_dir() and folder.name[0] not in "._" and folder.name != "data" and any(folder.rglob("*.py")):
            yield folder


def defined(nodes: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """Functions, classes, their methods, and names that a module or a class gives a value."""
    for node in nodes:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield prefix + node.name
            case ast.ClassDef():
                yield prefix + node.name
                yield from defined(node.body, f"{prefix}{node.name}.")
            case ast.Assign():
                yield from (prefix + target.id for target in node.targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name() as target):
                yield prefix + target.id


def test_every_room_has_its_line() -> None:
    assert not [room.name for room in folders(ROOT) if f"`{room.name}/`" not in section("The rooms")]


def test_every_room_of_the_api_has_its_line() -> None:
    assert not [room.name for room in folders(ROOT / "api") if f"`api/{room.name}/`" not in PAGE]


def test_every_file_and_every_name_in_it_is_there() -> None:
    assert len(NAMED) > 60
    missing = []
    for file, name in NAMED:
        path = ROOT / file
        if not path.is_file() or (name and name not in defined(ast.parse(path.read_text()).body)):
            missing.append(f"{file}:{name}")
    assert missing == []


def test_every_folder_that_is_named_is_there() -> None:
    named = set(re.findall(r"`((?:\w+/)+)`", PAGE))
    assert [folder for folder in named if not (ROOT / folder).is_dir()] == []


def test_every_test_that_is_named_is_there() -> None:
    sources = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 20
    assert [name for name in named if not any(f"def {name}(" in source for source in sources)] == []
