"""What others wrote is as they published it, and says under which licence."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from benchmarks.page_weight import WEB

FOLDERS = [WEB / "vendor", Path(__file__).parent / "vendor"]


@pytest.mark.parametrize("folder", FOLDERS, ids=["page", "tests"])
def test_every_file_is_as_it_was_published(folder: Path) -> None:
    listed = json.loads((folder / "vendored.json").read_text())
    files = {path.name for path in folder.iterdir() if path.suffix in (".js", ".css")}
    assert files == set(listed)
    for name, entry in listed.items():
        assert sha256((folder / name).read_bytes()).hexdigest() == entry["sha256"], name
        assert entry["package"], entry["version"]


@pytest.mark.parametrize("folder", FOLDERS, ids=["page", "tests"])
def test_every_package_has_its_licence_beside_it(folder: Path) -> None:
    listed = json.loads((folder / "vendored.json").read_text())
    beginnings = {"MIT": "MIT License", "Apache-2.0": "Apache License", "MPL-2.0": "Mozilla Public License"}
    for name, entry in listed.items():
        stems = {name.partition(".")[0], name.partition("-")[0].partition(".")[0]}
        licence = next(file for stem in stems if (file := folder / f"{stem}.LICENSE").exists())
        text = licence.read_text()
        assert beginnings[entry["licence"]] in text or "Permission is hereby granted, free of charge" in text, name


def test_no_script_of_others_is_loaded_from_elsewhere() -> None:
    """Fonts, styles and scripts come with the page: it works without a network."""
    for path in (*WEB.rglob("*.js"), *WEB.rglob("*.css"), WEB / "index.html"):
        if path.parent.name != "vendor":
            text = path.read_text()
            for forbidden in ("import('http", 'import("http', 'from "http', "@import", "url(http", 'src="http'):
                assert forbidden not in text, (path.name, forbidden)
