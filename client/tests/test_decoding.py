"""JSON to records, and back."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import FrozenInstanceError, replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any, cast

import pytest

from epochal.decoding import decode
from epochal.types import (
    AnsweredTrial,
    Attempt,
    DatasetImage,
    EpochRow,
    Event,
    Finding,
    Job,
    JobCreate,
    NewKey,
    Progress,
    RecipeResult,
    RunFacts,
    StepChoice,
    StepTiming,
    Sweep,
    TrainingSpec,
)

STEP = {"epoch": 0, "epochs": 3, "step": 4, "steps_per_epoch": 10, "percent": 12.5, "estimated_finish": None}
EVENT: dict[str, Any] = {
    "id": 3,
    "type": "epoch",
    "message": "",
    "attempt": 1,
    "epoch": 0,
    "metrics": None,
    "created_at": "2026-11-30T12:00:00.120000Z",
}
ROW: dict[str, Any] = {
    "epoch": 0,
    "train_loss": "NaN",
    "train_accuracy": 0.5,
    "test_loss": "-Infinity",
    "test_accuracy": None,
    "test_top5_accuracy": None,
    "validation_loss": None,
    "validation_accuracy": None,
    "learning_rate": 1,
    "seconds": 3.5,
    "images_per_second": "Infinity",
    "device_memory_bytes": 2**40,
    "gradient_norm": None,
    "update_ratio": None,
    "dead_units": None,
    "loading_share": None,
    "attempt": 1,
    "recorded_at": "2026-11-30T12:00:00Z",
}


def test_numbers_that_json_does_not_have() -> None:
    row = decode(EpochRow, ROW)
    assert math.isnan(row.train_loss)
    assert (row.test_loss, row.images_per_second) == (-math.inf, math.inf)
    assert type(row.learning_rate) is float  # though it was sent as a whole number
    assert row.device_memory_bytes == 2**40


def test_a_record_gives_back_the_object_of_the_api() -> None:
    for kind, sent in ((EpochRow, ROW), (Event, EVENT | {"metrics": ROW}), (Progress, STEP)):
        assert decode(kind, sent).to_dict() == sent
        assert list(decode(kind, sent).to_dict()) == list(sent)


def test_times_have_a_zone() -> None:
    event = decode(Event, EVENT)
    assert event.created_at == datetime(2026, 11, 30, 12, 0, 0, 120_000, tzinfo=timezone.utc)
    later = decode(Event, EVENT | {"created_at": "2026-11-30T12:00:00+02:00"})
    assert later.created_at.utcoffset() == timedelta(hours=2)
    assert later.to_dict()["created_at"] == "2026-11-30T10:00:00Z"


def test_times_as_python_3_10_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def older(text: str) -> datetime:
        assert not text.endswith("Z")
        return datetime.fromisoformat(text)

    monkeypatch.setattr("epochal.decoding.datetime", SimpleNamespace(fromisoformat=older))
    assert decode(Event, EVENT).created_at.utcoffset() == timedelta(0)


def test_dates_and_names_that_python_keeps_for_itself() -> None:
    result: dict[str, Any] = {"recipe": "sprint", "architecture": "resnet18", "dataset": "digits", "epochs": 3}
    result |= {"seeds": [0, 1], "test_accuracy_mean": 0.9, "test_accuracy_deviation": None, "seconds": 4.0}
    result |= {"device": "cpu", "torch_version": "2.15.0", "date": "2026-11-30"}
    decoded = decode(RecipeResult, result)
    assert (decoded.date.day, decoded.seeds) == (30, (0, 1))
    assert decoded.to_dict() == result
    image: dict[str, Any] = {"id": "0", "name": "1.png", "class": "cat", "split": "train", "bytes": 3}
    image["links"] = {"self": "/i", "version": "/v"}
    assert decode(DatasetImage, image).class_ == "cat"
    assert decode(DatasetImage, image).to_dict() == image
    with pytest.raises(ValueError, match=r"^DatasetImage\.class: should be text, not null$"):
        decode(DatasetImage, image | {"class": None})


def test_what_a_newer_service_adds_is_kept_aside() -> None:
    plain = decode(Progress, STEP)
    newer = decode(Progress, STEP | {"later": {"a": [1]}})
    assert plain.unknown_fields is None
    assert newer.unknown_fields == {"later": {"a": [1]}}
    assert newer == plain
    assert "later" not in repr(newer)
    assert newer.to_dict() == STEP | {"later": {"a": [1]}}


def test_a_new_word_of_a_newer_service_is_taken() -> None:
    finding: dict[str, Any] = {
        "code": "never_heard_of",
        "severity": "hint",
        "since_epoch": None,
        "sentence": "",
        "epochs": [],
    }
    decoded = decode(Finding, finding | {"evidence": {"share": 0.5, "classes": 2, "worst": "cat"}, "suggestion": None})
    assert decoded.code == "never_heard_of"  # type: ignore[comparison-overlap]
    assert decoded.evidence == {"share": 0.5, "classes": 2, "worst": "cat"}


def test_what_an_older_service_does_not_send() -> None:
    old = {name: value for name, value in ROW.items() if name not in ("gradient_norm", "loading_share")}
    assert decode(EpochRow, old) == replace(decode(EpochRow, ROW), train_loss=decode(EpochRow, old).train_loss)
    assert decode(StepTiming, {"choice": {}, "images_per_second": 3.0}).choice.mode == "eager"
    with pytest.raises(ValueError, match=r"^EpochRow\.seconds: is missing$"):
        decode(EpochRow, {name: value for name, value in ROW.items() if name != "seconds"})


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("id", "3", "should be a whole number, not text"),
        ("id", True, "should be a whole number, not true or false"),
        ("id", 3.0, "should be a whole number, not a number"),
        ("id", None, "should be a whole number, not null"),
        ("type", 3, "should be text, not a whole number"),
        ("created_at", "yesterday \x1b[31m", "should be a time, such as 2026-11-30T12:00:00Z"),
        (
            "created_at",
            "2026-11-30T12:00:00",
            "should be a time with its offset from UTC, such as 2026-11-30T12:00:00Z",
        ),
        ("created_at", 3, "should be text, not a whole number"),
        ("metrics", [], "should be an object, not a list"),
    ],
)
def test_what_does_not_fit_is_named_and_not_quoted(field: str, value: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^Event\\.{field}: {problem}$"):
        decode(Event, EVENT | {field: value})


def test_the_whole_path_is_named() -> None:
    event = EVENT | {"metrics": ROW | {"seconds": "much"}}
    with pytest.raises(ValueError, match=r"^answer\[1\]\.metrics\.seconds: should be a number, not text$"):
        decode(tuple[Event, ...], [EVENT, event])
    with pytest.raises(ValueError, match=r"^answer: should be a list, not an object$"):
        decode(tuple[Event, ...], EVENT)
    with pytest.raises(ValueError, match=r"^Progress: should be an object, not a list$"):
        decode(Progress, [STEP])
    sweep: dict[str, Any] = {
        "jobs": {"failed\x1b": "3"},
        "id": "",
        "name": None,
        "experiment": None,
        "status": "queued",
    }
    with pytest.raises(ValueError, match=r"^Sweep\.jobs\['failed\\x1b'\]: should be a whole number, not text$"):
        decode(Sweep, sweep)
    with pytest.raises(ValueError, match=r"^Sweep\.jobs: should be an object, not a list$"):
        decode(Sweep, sweep | {"jobs": []})


def test_a_number_that_is_too_large() -> None:
    with pytest.raises(ValueError, match=r"Progress\.percent: is too large a number"):
        decode(Progress, STEP | {"percent": 10**400})


def test_records_cannot_be_changed_and_can_be_copied() -> None:
    event = decode(Event, EVENT | {"later": 1})
    with pytest.raises(FrozenInstanceError):
        event.message = "other"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del event.message
    for same in (copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event))):
        assert (same, same.to_dict()) == (event, event.to_dict())
    assert replace(event, message="other").to_dict()["message"] == "other"
    assert len({event, decode(Event, EVENT)}) == 1


def test_a_subclass_is_decoded_with_its_own_slots() -> None:
    class Bound(Event):
        __slots__ = ("_client",)
        _client: NotImportedHere  # type: ignore[name-defined]  # noqa: F821

    bound = decode(Bound, EVENT)
    object.__setattr__(bound, "_client", 3)
    assert (type(bound), bound.to_dict()) == (Bound, EVENT)


def test_a_secret_is_not_shown() -> None:
    key: dict[str, Any] = {"id": "a", "name": "b", "project": "c", "scopes": ["read"], "key": "epk_secret"}
    key |= {"created_at": EVENT["created_at"], "expires_at": None, "revoked_at": None, "last_used_at": None}
    decoded = decode(NewKey, key)
    assert decoded.key == "epk_secret"
    assert "secret" not in repr(decoded)


def test_a_spec_is_checked_by_a_type_checker() -> None:
    spec: TrainingSpec = {"dataset": "digits", "optimizer": {"name": "sgd", "momentum": 0.9}, "schedule": "cosine"}
    spec["optimizer"] = {"name": "sgd", "lr": 0.1}  # type: ignore[typeddict-item]
    body: JobCreate = {"spec": spec, "epochs": 3}  # type: ignore[typeddict-unknown-key]
    assert body["spec"] is spec

    def rate(job: Job) -> float:
        return job.spec["optimizer"]["learning_rate"]

    assert rate(cast("Job", SimpleNamespace(spec={"optimizer": {"learning_rate": 0.1}}))) == 0.1


def test_lists_are_tuples() -> None:
    attempt: dict[str, Any] = {"number": 1, "worker": "w", "started_at": EVENT["created_at"], "ended_at": None}
    attempt |= {"end_reason": None, "devices": ["cpu", "cpu"], "resumed_from": None, "facts": None}
    assert decode(Attempt, attempt).devices == ("cpu", "cpu")
    with pytest.raises(ValueError, match=r"^Attempt\.devices\[1\]: should be text, not null$"):
        decode(Attempt, attempt | {"devices": ["cpu", None]})
    with pytest.raises(ValueError, match=r"^Attempt\.devices: should be a list, not text$"):
        decode(Attempt, attempt | {"devices": "cpu"})


def test_a_list_of_two() -> None:
    trial: dict[str, Any] = {"label": "a", "job_id": "b", "epochs": 1, "planned_epochs": 2}
    decoded = decode(AnsweredTrial, trial | {"test_accuracy_interval": [0.25, 1]})
    assert decoded.test_accuracy_interval == (0.25, 1.0)
    with pytest.raises(ValueError, match=r"^AnsweredTrial\.test_accuracy_interval: should be a list of 2$"):
        decode(AnsweredTrial, trial | {"test_accuracy_interval": [0.25]})


def test_a_spec_is_read_as_it_is() -> None:
    with pytest.raises(ValueError, match=r"^Job\.spec: should be an object, not a list$"):
        decode(Job, {"id": "", "project": "", "tags": [], "priority": 5, "max_retries": 3, "repeats": 1, "spec": []})


def test_a_record_can_be_made_by_hand() -> None:
    assert Progress(epochs=3, percent=0.0).step is None
    assert StepTiming(choice=StepChoice(), images_per_second=1.0).choice.precision == "fp32"
    with pytest.raises(TypeError, match=r"^Progress needs percent$"):
        Progress(epochs=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^Progress has no speed$"):
        Progress(epochs=3, percent=0.0, speed=1)  # type: ignore[call-arg]
    assert repr(StepChoice()) == "StepChoice(mode='eager', memory_format='channels_last', precision='fp32')"
    assert StepChoice() != decode(StepChoice, {"mode": "graph"})
    assert StepChoice() != object()


def test_what_a_part_that_was_not_sent_is_made_of() -> None:
    facts: dict[str, Any] = {"device": "cpu", "precision": "fp32", "torch_version": "2"}
    counts = ("threads", "parameters", "flops", "classes", "image_size", "channels", "train_images", "test_images")
    facts |= dict.fromkeys((*counts, "steps_per_epoch"), 1)
    decoded = decode(RunFacts, facts)
    assert (decoded.step, decoded.probed, decoded.devices) == (StepChoice(), (), 1)
