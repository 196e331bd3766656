"""The page stays small."""

import re
from collections.abc import Callable

from benchmarks.page_weight import WEB, closure, weigh

MOST_OF_AN_ADDRESS = 150_000  # of all that is loaded with an empty cache to show one view
MOST_IN_ALL = 335_000  # of all views in both languages: what there is, and a little room


def test_no_address_loads_150_kb_compressed(record_property: Callable[[str, object], None]) -> None:
    weight = weigh()
    record_property("bytes after gzip", str(weight))  # `python -m benchmarks.page_weight` prints them
    assert {view: size for view, size in weight.first_loads.items() if size >= MOST_OF_AN_ADDRESS} == {}


def test_all_views_together_do_not_grow_unseen() -> None:
    assert weigh().total < MOST_IN_ALL


def test_every_module_is_loaded_by_the_page_or_by_a_view() -> None:
    starts = ["scripts/app.js", *(path.relative_to(WEB).as_posix() for path in WEB.glob("scripts/views/*.js"))]
    loaded = set.union(*(closure(WEB, start) for start in starts))
    assert {path.relative_to(WEB).as_posix() for path in WEB.rglob("scripts/**/*.js")} - loaded == set()


def test_every_style_sheet_is_linked() -> None:
    linked = re.findall(r'href="\$assets/(styles/[^"]+)"', (WEB / "index.html").read_text())
    assert sorted(linked) == sorted(path.relative_to(WEB).as_posix() for path in WEB.glob("styles/*.css"))
