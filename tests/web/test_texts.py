"""Every text is there in every language, used, and with the same places to fill in."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Page

from benchmarks.page_weight import WEB
from tests.web.service import Service

Texts = dict[str, dict[str, dict[str, Any]]]  # by language and key: `places` to fill in, what is `said`

# Of each text, what it is made of: places to fill in, and the words themselves. A function of values is asked with
# values that say which of them it reads.
READ = """async (name) => {
  const base = document.documentElement.dataset.assets;
  const texts = (await import(`${base}/text/${name}.js`)).default;
  const parts = {};
  for (const [view, entries] of Object.entries(texts)) for (const [key, text] of Object.entries(entries)) {
    if (typeof text === "function") {
      const read = new Set();
      const values = new Proxy({}, { get: (_, each) => (typeof each === "string" && read.add(each), 1) });
      const said = String(text(values));
      parts[`${view}.${key}`] = { places: [...read].sort(), said, chooses: true };
    } else {
      const places = [...text.matchAll(/\\{(\\w+)\\}/g)].map((found) => found[1]);
      parts[`${view}.${key}`] = { places: [...new Set(places)].sort(), said: text, chooses: false };
    }
  }
  return parts;
}"""

# Names, units and signs that are the same in both.
SAME_IN_BOTH = re.compile(r"^[\W\d_]*$|^\{\w+\}$")
ALSO_THE_SAME = {
    *("min", "epoch", "epoch {n}", "TensorBoard", "SHA-256", "ONNX", "RGB", "CutMix", "Mixup"),
    *("curl", "JSON", "Python", "YAML", "{column} ↓", "{column} ↑"),
    "first",  # a job's name
}
# The service's own schema has these in English.
FROM_THE_SCHEMA = ("form.title_", "form.group_", "form.unit_", "form.name_")


@pytest.fixture
def texts(page: Page, service: Service) -> Texts:
    page.goto("/workers")
    return {name: page.evaluate(READ, name) for name in ("en", "zh")}


@cache
def sources() -> str:
    return "\n".join(path.read_text() for path in WEB.glob("scripts/**/*.js"))


def literal_keys() -> set[str]:
    """Of t("…") and hasText("…")."""
    return set(re.findall(r"""\b(?:t|hasText)\(\s*["'`](\w+\.\w+)["'`]""", sources()))


@cache
def patterns() -> list[re.Pattern[str]]:
    """Of keys that a script puts together: t(`common.nav_${name}`)."""
    templates = re.findall(r"`(\w+\.\w*\$\{[^`]*)`", sources())
    return [re.compile(re.sub(r"\\\$\\\{.*?\\\}", r"\\w+", re.escape(each))) for each in templates]


def used(keys: set[str]) -> Iterator[str]:
    """Those that a script names, or could put together; where all but the view is a value, some script has the name."""
    quoted = set(re.findall(r"""["'`](\w+\.\w+)["'`]""", sources()))
    words = set(re.findall(r"\w+", sources()))
    for key in keys:
        view, _, name = key.partition(".")
        made = [pattern for pattern in patterns() if pattern.fullmatch(key)]
        whole = [pattern for pattern in made if pattern.pattern == rf"{view}\.\w+"]
        if key in quoted or len(made) > len(whole) or (whole and name in words):
            yield key


def test_both_languages_have_the_same_texts(texts: Texts) -> None:
    english = set(texts["en"])
    chinese = {key for key in texts["zh"] if key in english or not key.startswith(FROM_THE_SCHEMA)}
    assert len(english) > 100
    assert (english - chinese, chinese - english) == (set(), set())


def test_every_text_that_is_asked_for_is_there(texts: Texts) -> None:
    assert literal_keys() - set(texts["en"]) == set()
    views = {key.partition(".")[0] for key in texts["en"]}
    asked = [each for each in patterns() if each.pattern.partition("\\")[0] in views]
    assert len(asked) > 20
    known = {*texts["en"], *texts["zh"]}
    assert [each.pattern for each in asked if not any(map(each.fullmatch, known))] == []


def test_every_text_is_used(texts: Texts) -> None:
    keys = set(texts["en"])
    assert keys - set(used(keys)) == set()


def test_both_languages_fill_in_the_same(texts: Texts) -> None:
    """English also reads numbers to choose a form, which Chinese does not need."""
    differing = {}
    for key, english in texts["en"].items():
        here, there = set(english["places"]), set(texts["zh"][key]["places"])
        if there - here or (here - there and not english["chooses"]):
            differing[key] = here, there
    assert differing == {}


def test_every_text_is_translated(texts: Texts) -> None:
    same = {
        key: english["said"]
        for key, english in texts["en"].items()
        if texts["zh"].get(key, {}).get("said") == english["said"]
        and not SAME_IN_BOTH.match(str(english["said"]))
        and english["said"] not in ALSO_THE_SAME
    }
    assert same == {}
