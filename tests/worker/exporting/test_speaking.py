"""An export is heard of while one of its calls takes long, and never again after its result."""

import os

import pytest

from worker.exporting import speaking
from worker.exporting.speaking import Speaker
from worker.validation.messages import Progress, Rejected


def test_what_was_said_last_is_repeated_until_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "REPEAT_SECONDS", 0.001)
    reading, writing = os.pipe()
    with os.fdopen(reading) as heard, os.fdopen(writing, "wb") as out:
        speaker = Speaker(out)
        with speaker:
            speaker(Progress(stage="exporting", done=1, total=3))
            lines = [heard.readline() for _ in range(3)]
            assert {Progress.model_validate_json(line) for line in lines} == {
                Progress(stage="exporting", done=1, total=3)
            }
        speaker(Rejected(code="internal", message="m", hint="h"))
        out.close()
        assert '"rejected"' in heard.readlines()[-1]


def test_what_hangs_is_not_repeated_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "REPEAT_SECONDS", 0.001)
    monkeypatch.setattr(speaking, "MOST_REPEATED_SECONDS", 0.0)
    reading, writing = os.pipe()
    with os.fdopen(reading) as heard, os.fdopen(writing, "wb") as out:
        with Speaker(out) as speaker:
            speaker(Progress(stage="exporting", done=1, total=3))
            assert not speaker._ended.wait(0.05)
        out.close()
        assert len(heard.readlines()) == 1
