"""What a trainer says to whoever submitted the job has no path of the server."""

import pytest

from training.errors import told, without_folders
from worker.messages import REPORTS, Failed, Trouble, Unusable

TEXTS = {
    "[Errno 2] No such file or directory: '/srv/my data/runs/x.pt'": "[Errno 2] No such file or directory: '…/x.pt'",
    "cannot open file:///srv/epochal/storage/a.bin (gone)": "cannot open …/a.bin (gone)",
    "/srv/a/b: Permission denied": "…/b: Permission denied",
    "pets/train/cat/0.png (it is text and no image)": "pets/train/cat/0.png (it is text and no image)",
    "put at <name>/train/<class>/ and pets/<class>/.": "put at <name>/train/<class>/ and pets/<class>/.",
    "https://host/a/b/c.tar.gz: 404": "https://host/a/b/c.tar.gz: 404",
    "a 1/2 or 3 / 4 share": "a 1/2 or 3 / 4 share",
}


@pytest.mark.parametrize(("text", "told"), TEXTS.items())
def test_folders_are_cut_off(text: str, told: str) -> None:
    assert without_folders(text) == told


def test_every_text_for_tenants_goes_through_it() -> None:
    text = "OSError: '/srv/data/x'"
    for report in (
        Failed(code="internal", message=text, hint=text, retryable=True),
        Trouble(event="checkpoint_failed", message=text),
        Unusable(name="a", reason=text),
    ):
        assert "/srv" not in report.model_dump_json()
        assert REPORTS.validate_json(report.model_dump_json()) == report


def test_a_systems_error_is_told_without_its_file() -> None:
    assert told(FileNotFoundError(2, "No such file or directory", "/srv/x")) == "No such file or directory"
