"""The line of an upload says what it counts."""

from __future__ import annotations

import pytest

from epochal.cli.progress import _line
from epochal.uploading import UploadProgress


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (UploadProgress("looking", 3, None), "Looking through it: 3"),
        (UploadProgress("hashing", 500_000, 1_000_000), "Reading it: 500 kB of 1.0 MB, 50%"),
        (UploadProgress("sending", 0, 0), "Sending: 0 B of 0 B"),
        (
            UploadProgress("validating", 1_048_576, 4_194_304, "receiving"),
            "The service looks through it (receiving): 1.0 MB of 4.2 MB, 25%",
        ),
        (
            UploadProgress("validating", 1_500, 3_000, "decoding"),
            "The service looks through it (decoding): 1,500 of 3,000, 50%",
        ),
    ],
    ids=lambda each: each.stage if isinstance(each, UploadProgress) else "",
)
def test_a_line(progress: UploadProgress, line: str) -> None:
    assert _line(progress) == line
