"""How many bytes the page has, compressed as the API sends it: in all, and what each view adds to what all of them
need."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from api.contract.files import read_tree

WEB = Path(__file__).parents[1] / "web"
START = "scripts/app.js"
_STATIC = re.compile(r"""(?:^|;|\})\s*(?:import|export)\b[^;"'()]*?["'](\.[^"']+)["']""", re.MULTILINE)
_DYNAMIC = re.compile(r"""\bimport\(\s*["'](\.[^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Weight:
    """Bytes after gzip."""

    total: int  # of every file, licences and all languages too
    first_loads: dict[str, int]  # by view: everything that a browser with an empty cache loads to show it
    core: int  # scripts and styles that every view needs
    vendored: int  # libraries, with their styles, without their licences
    texts: dict[str, int]  # by language
    scripts: dict[str, int]  # by view: what it loads and the core does not
    styles: dict[str, int]  # by name


def weigh(folder: Path = WEB) -> Weight:
    """All of them, as they lie there."""
    tree = read_tree(folder)
    sizes = {name: len(content.packed or content.plain) for name, content in tree.files.items()}
    sizes["index.html"] = (folder / "index.html").stat().st_size

    def under(prefix: str) -> dict[str, int]:
        return {Path(name).stem: size for name, size in sizes.items() if name.startswith(prefix)}

    core = closure(folder, START)
    texts = under("text/")
    licences = sum(size for name, size in sizes.items() if name.endswith((".LICENSE", ".json")))
    vendored = sum(size for name, size in sizes.items() if name.startswith("vendor/")) - licences
    styles = under("styles/")
    views = {path.stem: closure(folder, f"scripts/views/{path.name}") - core for path in folder.glob("scripts/views/*")}
    scripts = {view: sum(sizes[name] for name in files) for view, files in sorted(views.items())}
    core_bytes = sum(sizes[name] for name in core)
    common = (
        sizes["index.html"] + sizes["icon.svg"] + core_bytes + vendored + sum(styles.values()) + max(texts.values())
    )
    return Weight(
        total=sum(sizes.values()),
        first_loads={view: common + size for view, size in scripts.items()},
        core=core_bytes,
        vendored=vendored,
        texts=texts,
        scripts=scripts,
        styles=styles,
    )


def closure(folder: Path, start: str) -> set[str]:
    """The modules that are loaded with this one, itself included; files of the page alone, not bare names."""
    found, open_ = set[str](), [start]
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_ += imports(folder, name)
    return found


def imports(folder: Path, name: str) -> Iterator[str]:
    """What a module imports by a relative path, at once or later; not the views, which only an address loads."""
    text = (folder / name).read_text()
    for path in _STATIC.findall(text) + _DYNAMIC.findall(text):
        yield (folder / name).parent.joinpath(path).resolve().relative_to(folder.resolve()).as_posix()


if __name__ == "__main__":
    print(json.dumps(asdict(weigh()), indent=2))
