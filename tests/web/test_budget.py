"""The page stays small."""

import re
from collections.abc import Callable

from benchmarks.page_weight import WEB, closure, weigh

MOST_BYTES = 150_000
MOST_OF_A_VIEW = 14_000  # of script, with what it shares with some other views


def test_all_of_the_page_has_less_than_150_kb_compressed(record_property: Callable[[str, object], None]) -> None:
    weight = weigh()
    record_property("bytes after gzip", weight)  # `python -m benchmarks.page_weight` prints them
    assert weight.total < MOST_BYTES, weight


def test_no_view_takes_all_of_it() -> None:
    assert {view: size for view, size in weigh().scripts.items() if size > MOST_OF_A_VIEW} == {}


def test_every_module_is_loaded_by_the_page_or_by_a_view() -> None:
    starts = ["scripts/app.js", *(path.relative_to(WEB).as_posix() for path in WEB.glob("scripts/views/*.js"))]
    loaded = set.union(*(closure(WEB, start) for start in starts))
    assert {path.relative_to(WEB).as_posix() for path in WEB.rglob("scripts/**/*.js")} - loaded == set()


def test_every_style_sheet_is_linked() -> None:
    linked = re.findall(r'href="\$assets/(styles/[^"]+)"', (WEB / "index.html").read_text())
    assert sorted(linked) == sorted(path.relative_to(WEB).as_posix() for path in WEB.glob("styles/*.css"))
