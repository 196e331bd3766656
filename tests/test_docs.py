"""The README is true: what it lists is what there is."""

import re
from pathlib import Path

from settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_every_setting_is_listed_and_nothing_else() -> None:
    listed = re.findall(r"^\| `(EPOCHAL_\w+)` \|", README, re.MULTILINE)
    assert listed == [f"EPOCHAL_{name.upper()}" for name in Settings.model_fields]


def test_every_room_has_its_line() -> None:
    rooms = {
        folder.name
        for folder in ROOT.iterdir()
        if folder.is_dir() and folder.name[0] not in "._" and any(folder.rglob("*.py"))
    }
    table = README[README.index("## The rooms") : README.index("## Work on it")]
    assert not [room for room in rooms - {"data"} if f"`{room}/`" not in table]


def test_every_target_of_the_makefile_explains_itself() -> None:
    makefile = (ROOT / "Makefile").read_text()
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert [target for target in phony.split() if not re.search(rf"^{target}:.* ## .+", makefile, re.MULTILINE)] == []
