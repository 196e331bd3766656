"""Foreign text is harmless, and text has the width that is asked for."""

from __future__ import annotations

import io
import unicodedata

import pytest

from epochal.terminal.text import Style, cut, fit, safe, width, wrap


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("plain", "plain"),
        ("red \x1b[31m", r"red \x1b[31m"),
        ("title \x1b]0;owned\x07", r"title \x1b]0;owned\x07"),
        ("C1 \x9b31m", r"C1 \x9b31m"),
        ("one\ntwo\r\nthree\tfour", "one two  three four"),
        ("lines\u2028too", "lines too"),
        ("cba\u202efedcba", r"cba\u202efedcba"),
        ("isolate \u2066", r"isolate \u2066"),
        ("lone \udc80", r"lone \udc80"),
        ("tag \U000e0041", r"tag \U000e0041"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("e\u0301t\u00e9", "été"),
        ("x" + "\u0302" * 40 + "!", "x" + "\u0302" * 3 + "!"),
        ("\u0302at the start", "at the start"),
        ("👨\u200d👩\u200d👧 ❤\ufe0f", "👨👩👧 ❤"),
        ("日本語 שלום", "日本語 שלום"),
        (None, "None"),
    ],
)
def test_foreign_text_is_harmless(foreign: object, shown: str) -> None:
    assert safe(foreign) == shown
    assert safe(shown) == shown


def test_no_character_gets_through_that_moves_the_cursor_or_the_order() -> None:
    every = "".join("a" + chr(code) for code in [*range(0x10000), *range(0xE0000, 0xE0200), *range(0x1D100, 0x1D200)])
    left = {character for character in safe(every) if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert left == set()


def test_lines_of_a_log_stay_lines() -> None:
    assert safe("one\r\ntwo\n\x1b[2J", newlines=True) == "one\ntwo\n\\x1b[2J"


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", 0),
        ("abc", 3),
        ("été", 3),
        ("e\u0302", 1),
        ("日本語", 6),
        ("ｶﾅ", 2),
        ("👍ok", 4),
        ("\u1112\u1161\u11ab", 2),
        ("⣿━▲", 3),
    ],
)
def test_width(text: str, cells: int) -> None:
    assert width(text) == cells


@pytest.mark.parametrize("columns", range(12))
@pytest.mark.parametrize("text", ["", "abcdefgh", "日本語の名前", "ab日e\u0302c", "👍👍👍"])
def test_what_fits_has_exactly_its_width(text: str, columns: int) -> None:
    for right in (False, True):
        fitted = fit(text, columns, right=right)
        assert width(fitted) == columns
        assert (fitted.strip(" ") == text) == (width(text) <= columns)
    assert width(cut(text, columns)) <= columns


def test_what_is_cut_says_so_on_the_side_that_is_missing() -> None:
    assert fit("日本語", 5) == "日本…"
    assert fit("日本語", 4) == "日… "
    assert fit("12", 4, right=True) == "  12"
    assert fit("abcdef", 3, ellipsis="") == "abc"


def test_wrapped_text_is_all_there_and_no_wider() -> None:
    text = "Queued, place 2: 日本語の理由 " + "x" * 50
    lines = wrap(text, 20)
    assert max(map(width, lines)) <= 20
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert lines[0] == "Queued, place 2:"
    assert all(line.startswith("  ") for line in lines[1:])


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("terminal", "color", "environ", "colours"),
    [
        (True, "auto", {"TERM": "xterm"}, True),
        (True, "auto", {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, "auto", {"TERM": "xterm", "NO_COLOR": ""}, True),
        (True, "auto", {"TERM": "dumb"}, False),
        (True, "never", {"TERM": "xterm"}, False),
        (False, "auto", {"TERM": "xterm"}, False),
        (False, "always", {"TERM": "xterm", "NO_COLOR": "1"}, True),
    ],
)
def test_who_gets_colours(terminal: bool, color: str, environ: dict[str, str], colours: bool) -> None:
    style = Style.of(Terminal() if terminal else io.StringIO(), color, environ)
    assert (style.paint("x", "red") != "x") == colours


def test_what_an_encoding_lacks_is_not_drawn() -> None:
    assert Style.of(io.TextIOWrapper(io.BytesIO(), "utf-8"), environ={}).unicode
    assert not Style.of(io.TextIOWrapper(io.BytesIO(), "latin-1"), environ={}).unicode
    assert not Style.of(io.TextIOWrapper(io.BytesIO(), "utf-8"), environ={"TERM": "linux"}).unicode
