"""Messages have no path of the server, and every name of the user's as it was sent."""

import pytest

from training.archives.member_names import told_name
from training.errors import DatasetInvalid, kept, told, without_folders
from training.names import difference, shown

# Tests of paths that are cut: tests/worker/test_messages.py.
NAMES = {
    "/abs/x.png": "⟨/abs/x.png⟩",
    "/x.png": "⟨/x.png⟩",
    "cat /dog/x.png": "⟨cat /dog/x.png⟩",
    "(/srv/x.png": "⟨(/srv/x.png⟩",
    "it's '/x.png": "⟨it's '/x.png⟩",
    "file:///srv/x.png": "⟨file:///srv/x.png⟩",
    "/a\u200b/x.png": "⟨'/a\\u200b/x.png'⟩",
    "/a⟨/b⟩/x.png": "⟨/a\\u27e8/b\\u27e9/x.png⟩",
    "a⟨b": "⟨a\\u27e8b⟩",
    "cat/x.png": "cat/x.png",
    "a 1/2 or 3 / 4": "a 1/2 or 3 / 4",
    "cat “/dog/x.png": "cat “/dog/x.png",
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
def test_names_come_out_whole_however_often_a_message_is_looked_through(name: str, expected: str) -> None:
    assert shown(name) == told_name(name) == expected
    for message in (f"{shown(name)} is damaged", f"It has {shown(name)}, cat/1.png and '{shown(name)}/x'."):
        assert without_folders(message) == without_folders(without_folders(message)) == message


@pytest.mark.parametrize("name", NAMES)
def test_a_name_hides_no_path_of_the_server(name: str) -> None:
    message = f"{shown(name)}: {OSError('cannot open /srv/epochal/a')} {shown(name)}, ⟨ '/srv/epochal/b' {shown(name)}"
    assert "/srv/epochal" not in without_folders(message)


def test_a_library_cannot_mark_its_paths() -> None:
    assert told(ValueError("cannot open ⟨ /srv/epochal/a ⟩")) == "cannot open ⟨ …/a ⟩"


def test_names_that_differ_are_whole_as_well() -> None:
    message = difference("/a/b ", "/a/b")
    assert without_folders(message) == message
    assert message.count("/a/b") == 2


def test_a_refusal_has_the_name_that_was_sent() -> None:
    assert without_folders(str(DatasetInvalid(f"It has {kept('/abs/x.png')}.", "Rename it."))) == (
        "It has ⟨/abs/x.png⟩. Rename it."
    )
