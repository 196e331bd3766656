"""Makes the client that waits (`epochal/_sync`) of the one that is awaited (`epochal/_async`).

    python client/unasync.py            write it
    python client/unasync.py --check    say which files differ, and fail if any does

One source, so that the two cannot differ. Only what they differ in is written twice:
`waiting.py`, `display.py` and `first_page.py`.
"""

import argparse
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent / "epochal"
SOURCE, TARGET = HERE / "_async", HERE / "_sync"
BY_HAND = {"waiting.py", "display.py", "first_page.py"}
SETTINGS = HERE.parents[1] / "pyproject.toml"  # of ruff

NAMES = {
    "_async": "_sync",
    "AbstractAsyncContextManager": "AbstractContextManager",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "aclose": "close",
    "aread": "read",
    "aiter_bytes": "iter_bytes",
    "asynccontextmanager": "contextmanager",
    "Awaitable": None,  # see `synchronous`
}
DROPPED = {"async", "await"}
HEADER = "# Made of epochal/_async/{name} by client/unasync.py: change that one.\n"


def synchronous(source: str, name: str) -> str:
    """The module `name`, without what waits for an event loop."""
    source = re.sub(r"Awaitable\[((?:[^\[\]]|\[[^\[\]]*\])*)\]", r"\1", source)
    source = re.sub(r"from collections\.abc import Awaitable, ", "from collections.abc import ", source)
    pieces, end = [], (1, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        pieces.append(_between(source, end, token.start))
        end = token.end
        if token.type == tokenize.NAME and token.string in DROPPED:
            end = (token.end[0], token.end[1] + 1)  # and the space after it
        elif token.type == tokenize.NAME:
            pieces.append(_renamed(token.string))
        elif token.type == tokenize.STRING:
            pieces.append(_reworded(token.string))
        else:
            pieces.append(token.string)
    return HEADER.format(name=name) + "".join(pieces)


def _renamed(word: str) -> str:
    if word in NAMES and NAMES[word] is not None:
        return str(NAMES[word])
    return re.sub(r"^(_?)Async(?=[A-Z])", r"\1", word)


def _reworded(text: str) -> str:
    """Code in a docstring."""
    text = re.sub(r"\basync (for|with|def)\b", r"\1", text)
    text = re.sub(r"\(await ([^()]*\([^()]*\))\)", r"\1", text)
    text = re.sub(r"`await ", "`", text)
    return re.sub(r"\bAsync(?=[A-Z])", "", text)


def _between(source: str, start: tuple[int, int], end: tuple[int, int]) -> str:
    """What stands between two tokens: spaces, and line ends behind a backslash."""
    lines = source.splitlines(keepends=True)
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]] if start[0] <= len(lines) else ""
    first, last = lines[start[0] - 1][start[1] :], lines[end[0] - 1][: end[1]] if end[0] <= len(lines) else ""
    return "".join([first, *lines[start[0] : end[0] - 1], last])


def made() -> dict[str, str]:
    """The content of each file of `_sync`, by its name."""
    sources = sorted(path for path in SOURCE.glob("*.py") if path.name not in BY_HAND)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path in sources:
            (folder / path.name).write_text(synchronous(path.read_text("utf-8"), path.name), "utf-8")
        for command in (["check", "--select", "I,F401", "--fix"], ["format"]):
            ruff = [sys.executable, "-m", "ruff", *command, "--quiet", "--config", str(SETTINGS), name]
            subprocess.run(ruff, check=True)
        return {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.py"))}


def main() -> int:
    """0 where all is as it should be; 1 where a file differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    is_check = parser.parse_args().check
    files = made()
    known = {path.name: path.read_text("utf-8") for path in TARGET.glob("*.py") if path.name not in BY_HAND}
    differing = sorted(name for name in {*files, *known} if files.get(name) != known.get(name))
    for name in differing:
        sys.stdout.write(f"{TARGET / name}\n")
        if not is_check and name in files:
            (TARGET / name).write_text(files[name], "utf-8")
        elif not is_check:
            (TARGET / name).unlink()
    return 1 if differing and is_check else 0


if __name__ == "__main__":
    sys.exit(main())
