"""Labels from a table: every way in which people write one, and what is told of one that does not fit."""

import json
import time
import tracemalloc
import unicodedata
from collections.abc import Iterable

import pytest

from training.archives import tables
from training.archives.layout import Arrangement, arrange
from training.archives.limits import MIB
from training.archives.members import OtherSplit
from training.errors import DatasetInvalid

NFC, NFD = (unicodedata.normalize(form, "café.png") for form in ("NFC", "NFD"))
NAMES = ["a.png", "b.png", "c.png"]
EXPECTED = [(None, "cat"), (None, "dog"), (None, "cat")]


def found(arrangement: Arrangement) -> list[tuple[str | None, str] | None]:
    return [None if place is None else (place.split, place.class_name) for place in arrangement.places]


def by_table(text: str | bytes, names: Iterable[str] = NAMES, name: str = "labels.csv") -> Arrangement:
    return arrange([*names], {name: text if isinstance(text, bytes) else text.encode()})


def refusal(text: str | bytes, names: Iterable[str] = NAMES, name: str = "labels.csv") -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as caught:
        by_table(text, names, name)
    assert caught.value.hint
    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) < 3000
    return caught.value


LINES = "a.png,cat\nb.png,dog\nc.png,cat\n"


@pytest.mark.parametrize(
    "text",
    [
        f"file,label\n{LINES}",
        f"\ufefffile,label\r\n{LINES}".replace("\n", "\r\n"),
        f"File Name,Label\n{LINES}".replace("File Name", "FileName"),
        f"filename,class\n{LINES}",
        f"image,category\n{LINES}",
        "label,x,path\ncat,1,a.png\ndog,2,b.png\ncat,3,c.png",
        f"file;label\n{LINES}".replace(",", ";"),
        f"file\tlabel\n{LINES}".replace(",", "\t"),
        'file,label,caption\na.png,cat,"one, ""two""\nthree"\nb.png,dog,\n\nc.png , cat ,x\n',
        f"file,label\n{LINES}".replace("a.png", "./a.png").replace("b.png", ".\\b.png").replace("c.png", "/c.png"),
        f"file,label,split\n{LINES}".replace("cat\n", "cat,\n").replace("dog\n", "dog,\n"),
        f"file,label\n{LINES}{LINES}",
    ],
)
def test_csv_as_people_write_it(text: str) -> None:
    for content in (text.encode(), text.removeprefix("\ufeff").encode("utf-16")):
        arrangement = by_table(content)
        assert found(arrangement) == EXPECTED
        assert (arrangement.classes, arrangement.is_split, arrangement.skipped.total) == (("cat", "dog"), False, 0)


def test_json_lines() -> None:
    rows = [
        {"file_name": name, "label": label, "n": [1]} for name, label in zip(NAMES, ("cat", "dog", "cat"), strict=True)
    ]
    text = "\n\n".join(map(json.dumps, rows))
    for name in ("labels.jsonl", "metadata.JSONL", "labels.json-lines", "labels.ndjson"):
        assert found(by_table(text, name=name)) == EXPECTED
    numbers = '{"file":"a.png","label":1}\n{"file":"b.png","label":2.0}\n{"file":"c.png","label":true}'
    assert by_table(numbers, name="labels.jsonl").classes == ("1", "2", "true")


def test_splits_in_a_column_in_folders_and_in_tables_of_their_own() -> None:
    text = "file,label,split\na.png,cat,Train\nb.png,dog,train\nc.png,cat,val\nd.png,dog,val"
    column = by_table(text, [*NAMES, "d.png"])
    assert found(column) == [("train", "cat"), ("train", "dog"), ("test", "cat"), ("test", "dog")]
    assert column.is_split
    assert column.skipped.other_splits == [OtherSplit("val", "test", 2)]
    names = ["pets/train/a.png", "pets/train/b.png", "pets/test/a.png", "pets/test/b.png"]
    rows = "file,label\ntrain/a.png,cat\ntrain/b.png,dog\ntest/a.png,cat\ntest/b.png,dog"
    assert found(by_table(rows, names, "pets/labels.csv")) == found(column)
    each = {f"pets/{split}/metadata.csv": b"file_name,label\na.png,cat\nb.png,dog" for split in ("train", "test")}
    assert found(arrange(names, each)) == found(column)
    alone = by_table(text.replace("val", "train"), [*NAMES, "d.png"])
    assert not alone.is_split
    assert "All images are called train" in alone.notes[0]


@pytest.mark.parametrize(
    ("names", "table"),
    [
        (["pets/a.png", "pets/b.png", "pets/c.png"], "pets/labels.csv"),
        (["pets/a.png", "pets/b.png", "pets/c.png"], "labels.csv"),
        (["images/a.png", "images/b.png", "images/c.png"], "images/labels.csv"),
        (["pets/images/a.png", "pets/images/b.png", "pets/images/c.png"], "pets/labels.csv"),
        (["x/a.png", "y/b.png", "y/z/c.png"], "labels.csv"),
    ],
)
def test_files_are_found_below_the_table_from_the_top_or_by_their_own_name(names: list[str], table: str) -> None:
    assert found(by_table(f"file,label\n{LINES}", names, table)) == EXPECTED
    full = "".join(f"{name},{label}\n" for name, label in zip(names, ("cat", "dog", "cat"), strict=True))
    assert found(by_table(f"file,label\n{full}", names, table)) == EXPECTED


def test_a_name_that_several_images_have_means_none_of_them() -> None:
    names = ["x/a.png", "y/a.png", "b.png", "c.png"]
    arrangement = by_table(f"file,label\n{LINES}", names)
    assert found(arrangement) == [None, None, (None, "dog"), (None, "cat")]
    assert arrangement.rows_without_file.shown == ["a.png (line 2)"]


def test_a_table_counts_more_than_folders_do() -> None:
    names = ["x/a.png", "y/b.png", "y/c.png"]
    assert found(by_table("file,label\nx/a.png,cat\ny/b.png,dog\ny/c.png,cat", names)) == EXPECTED


def test_unicode_forms_of_files_and_classes_do_not_matter() -> None:
    text = f"file,label\n{NFD},{NFC}\nb.png,{NFD}\nc.png,dog"
    for name in (NFC, NFD):
        assert by_table(text, [name, "b.png", "c.png"]).classes == (NFC, "dog")


def test_rows_without_a_file_and_files_without_a_row_are_counted() -> None:
    more = [f"more{number}.png" for number in range(7)]
    rows = "".join(f"gone{number}.png,cat\n" for number in range(8))
    arrangement = by_table(f"file,label\n{LINES}{rows}../../etc/passwd,cat", [*NAMES, *more])
    assert arrangement.rows_without_file.count == 9
    assert arrangement.rows_without_file.shown[0] == "gone0.png (line 5)"
    assert "gone0.png (line 5), gone1.png (line 6)" in arrangement.notes[0]
    assert "and 4 more" in arrangement.notes[0]
    assert arrangement.skipped.counts == {"images without a row in labels.csv": 7}
    assert arrangement.skipped.examples["images without a row in labels.csv"] == more
    assert found(arrangement) == EXPECTED + [None] * 7


WRONG = {
    "no names of columns": (LINES, "labels.csv has no column file and no label: it has a.png, cat."),
    "no label": ("file,age\na.png,3", "labels.csv has no column label: it has file, age."),
    "empty": ("", "labels.csv has no column file and no label: it has none."),
    "no rows": ("file,label\n", "labels.csv names no file at all"),
    "other files": (
        "file,label\nx.png,cat\ny.png,dog",
        "names files that are not in the archive: x.png (line 2), y.png (line 3). The archive has a.png",
    ),
    "two labels": (f"file,label\n{LINES}a.png,dog", "differently: a.png is 'cat' at line 2 and 'dog' at line 5."),
    "two splits": (
        f"file,label,split\na.png,cat,train\na.png,cat,test\n{LINES}",
        "a.png is 'cat' train at line 2 and 'cat' test at line 3",
    ),
    "some splits": (
        "file,label,split\na.png,cat,train\nb.png,dog,\nc.png,cat,test",
        "rows with a split and rows without one: line 3.",
    ),
    "unknown splits": (
        "file,label,split\na.png,cat,train\nb.png,dog,fold1\nc.png,cat,test",
        "has splits that are not known: fold1.",
    ),
    "no train": ("file,label,split\na.png,cat,test\nb.png,dog,test\nc.png,cat,test", "has test and no train."),
    "no label in a row": (
        "file,label\na.png,cat\nb.png,\n,cat\nc.png",
        "without a file or without a label: line 3, line 4, line 5.",
    ),
    "one class": ("file,label\na.png,cat\nb.png,cat", "labels.csv has one class only, cat"),
    "a class in one split": (
        "file,label,split\na.png,cat,train\nb.png,dog,train\nc.png,cat,test",
        "classes in train but not in test: dog.",
    ),
    "not UTF-8": ("file,label\r\na.png,B\xe4r\r\n".encode("latin-1"), "labels.csv is not UTF-8, in line 2."),
    "not UTF-8 behind its mark": (b"\xef\xbb\xbffile,label\n\xe4.png,cat\n", "labels.csv is not UTF-8, in line 2."),
    "not UTF-8 at once": (b"f\xe4le,label\n", "labels.csv is not UTF-8, in line 1."),
    "not UTF-8 far away": (b"file,label\n" + b"a.png,cat\n" * 2000 + b"\xe4", "labels.csv is not UTF-8, in line 2002."),
    "cut off in UTF-16": ("file,label\na.png,cat".encode("utf-16")[:-1], "labels.csv is not UTF-16, in line 2."),
    "an open quote": ('file,label\na.png,"cat\nb.png,dog\n', "labels.csv cannot be read as CSV at line 3"),
    "a long field": (f"file,label\na.png,{'c' * 200_000}\n", "labels.csv cannot be read as CSV at line 2"),
    "a long line": (f"file,label\na.png,{',' * 2**20}\n", "has a row of more than 1,048,576 characters, at line 2"),
    "a long class": (f"file,label\na.png,{'c' * 300}\nb.png,dog", "more than 255 bytes"),
    "a control character": ("file,label\na.png,c\x07at\nb.png,dog", r"'c\x07at'"),
}


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_table_is_told_with_its_line(text: str | bytes, told: str) -> None:
    assert told in refusal(text).detail


@pytest.mark.parametrize(
    ("text", "name", "hint"),
    [
        (LINES, "labels.csv", "Add the line `file,label` at the top of labels.csv"),
        ("file,age\na.png,3", "labels.csv", "Call its columns file and label"),
        ("", "labels.csv", "Call its columns file and label: the first line of labels.csv is `file,label`"),
        ('{"name": "a.png"}', "labels.jsonl", 'Write labels.jsonl so: {"file": "1.png", "label": "cat"}.'),
    ],
)
def test_what_to_change_of_a_table_that_does_not_say_labels(text: str, name: str, hint: str) -> None:
    assert refusal(text, name=name).hint.startswith(hint)


@pytest.mark.parametrize(
    "line",
    ["[1]", "{", "null", "[" * 100_000, '{"file":' * 50_000, "1" * 5000, "\x00"],
)
def test_lines_that_are_no_json_objects(line: str) -> None:
    text = f'{{"file": "a.png", "label": "cat"}}\n{line}'
    assert "labels.jsonl has no JSON object at line 2" in refusal(text, name="labels.jsonl").detail


def test_json_that_is_no_text() -> None:
    text = '{"file": "a.png", "label": "cat"}\n{"file": "b.png", "label": "\\ud800"}'
    assert "names are not UTF-8" in refusal(text, name="labels.jsonl").detail
    text = '{"file": "a.png", "label": "cat"}\n{"file": "b.png", "label": ["dog"]}'
    assert "without a label: line 2" in refusal(text, name="labels.jsonl").detail


def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 3)
    assert found(by_table(f"file,label\n{LINES}")) == EXPECTED
    assert "more than 3 rows" in refusal(f"file,label\n{LINES}{LINES}").detail


def test_a_table_without_labels_is_told_only_where_folders_say_none() -> None:
    camera = {"metadata.csv": b"file_name,camera\nx/a.png,Leica\n"}
    assert found(arrange(["x/a.png", "y/b.png"], camera)) == [(None, "x"), (None, "y")]
    with pytest.raises(
        DatasetInvalid, match=r"has no class.*metadata.csv has no column label: it has file_name, camera"
    ):
        arrange(NAMES, camera)


def test_several_tables() -> None:
    both = {"labels.csv": f"file,label\n{LINES}".encode(), "metadata.csv": f"file,label\n{LINES}".encode()}
    with pytest.raises(DatasetInvalid, match=r"which one counts is not known: labels.csv, metadata.csv"):
        arrange(NAMES, both)
    assert found(arrange(NAMES, {**both, "metadata.csv": b"file,camera\n"})) == EXPECTED
    assert found(arrange(["x/a.png", "y/b.png"], {"y/labels.csv": b"file,label\nb.png,cat"})) == [
        (None, "x"),
        (None, "y"),
    ], "a table in the folder of a class is not one of the data set"


def test_records_over_many_lines_are_bounded_and_memory_is() -> None:
    lines = b"file,label\n" + b'a.png,"' + b'",,,,,,,,,,"\n' * 300_000
    tracemalloc.start()
    try:
        begun = time.process_time()
        assert "has a row of more than 1,048,576 characters" in refusal(lines).detail
        assert time.process_time() - begun < 3
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(lines) + 90 * MIB


def test_twenty_thousand_rows_are_read_at_once() -> None:
    names = [f"images/{number:060}.png" for number in range(20_000)]
    text = "file,label\n" + "".join(f"{name.removeprefix('images/')},{at % 9}\n" for at, name in enumerate(names))
    begun = time.process_time()
    assert len(by_table(text, names).classes) == 9
    assert time.process_time() - begun < 3
