"""A job's curves as event files, as TensorBoard itself reads them."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from io import BytesIO
from math import inf, isnan, nan
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import pytest
from fastapi.testclient import TestClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

from api.reading import tensorboard_archive
from api.views import tensorboard_events
from api.views.tf_records import framed
from models import Attempt, Database, Epoch, Step
from tests.api.conftest import A_JOB, Tenants
from tests.stage import FACTS, Stage


def unzipped(client: TestClient, job_id: str, folder: Path) -> Path:
    answer = client.get(f"/v1/jobs/{job_id}/tensorboard.zip")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{job_id}-tensorboard.zip"'
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    assert [entry.name for entry in folder.iterdir()] == [job_id]
    return folder / job_id


def run_of(folder: Path) -> EventAccumulator:
    """Everything in a run: by default TensorBoard keeps a sample."""
    run = EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0})
    run.Reload()
    return run


def scalars(run: EventAccumulator, tag: str) -> Sequence[tuple[float, int, float]]:
    return [(event.wall_time, event.step, event.value) for event in run.Scalars(tag)]


@pytest.fixture
def job_id(stage: Stage) -> str:
    """A job of three epochs, whose second is not evaluated."""
    job_id = stage.submit(name="Night run", validation=0.2)
    claim = stage.start(job_id)
    for epoch in range(3):
        stage.steps(claim, epoch, {0: 2.5 - epoch, 10: 2.25 - epoch})
        evaluated = epoch != 1
        accuracy = (epoch + 1) / 8 if evaluated else None
        loss = 1.5 if evaluated else None
        signals = {"gradient_norm": 2.5, "update_ratio": 0.001, "dead_units": 0.25, "loading_share": 0.125}
        stage.epoch(claim, epoch, test_loss=loss, test_accuracy=accuracy, validation_accuracy=accuracy, **signals)
    stage.succeed(claim)
    return job_id


def rows_of(client: TestClient, job_id: str, what: str) -> Sequence[Mapping[str, Any]]:
    rows: Sequence[Mapping[str, Any]] = client.get(f"/v1/jobs/{job_id}/{what}?limit=10000").json()["data"]
    return rows


def expected(rows: Sequence[Mapping[str, Any]], field: str, steps_per_epoch: int = 0) -> Sequence[tuple[int, float]]:
    """Step and value, in the precision that TensorBoard has."""
    return [
        (
            row["epoch"] * steps_per_epoch + row["step"] if steps_per_epoch else row["epoch"],
            float(np.float32(row[field])),
        )
        for row in rows
        if row[field] is not None
    ]


def test_it_shows_what_metrics_has(client: TestClient, job_id: str, tmp_path: Path) -> None:
    folder, rows = unzipped(client, job_id, tmp_path), rows_of(client, job_id, "metrics")
    assert len(rows) == 3
    for name, fields in tensorboard_archive.EPOCHS.items():
        run = run_of(folder / name)
        assert set(run.Tags()["scalars"]) == set(fields)
        for tag, field in fields.items():
            assert [(step, value) for _, step, value in scalars(run, tag)] == expected(rows, field), (name, tag)


def test_what_the_splits_have_in_common_is_in_one_chart(client: TestClient, job_id: str, tmp_path: Path) -> None:
    folder, first = unzipped(client, job_id, tmp_path), rows_of(client, job_id, "metrics")[0]
    for measure in ("loss", "accuracy"):
        shown = {run: scalars(run_of(folder / run), measure)[0][2] for run in ("train", "test", "validation")}
        assert shown == {run: float(np.float32(first[f"{run}_{measure}"])) for run in shown}


def test_it_shows_every_step_counted_from_the_first(client: TestClient, job_id: str, tmp_path: Path) -> None:
    run, rows = run_of(unzipped(client, job_id, tmp_path) / "steps"), rows_of(client, job_id, "steps")
    for field in ("loss", "learning_rate"):
        shown = [(step, value) for _, step, value in scalars(run, f"steps/{field}")]
        assert shown == expected(rows, field, FACTS.steps_per_epoch)
    assert [step for step, _ in shown] == [0, 10, 12, 22, 24, 34]


def test_the_times_are_those_of_the_rows(client: TestClient, database: Database, job_id: str, tmp_path: Path) -> None:
    folder = unzipped(client, job_id, tmp_path)
    with database.session() as session:
        epochs = [row.recorded_at.timestamp() for row in session.query(Epoch).order_by(Epoch.epoch)]
        steps = [row.recorded_at.timestamp() for row in session.query(Step).order_by(Step.epoch, Step.step)]
    assert [time for time, _, _ in scalars(run_of(folder / "train"), "loss")] == epochs
    assert [time for time, _, _ in scalars(run_of(folder / "steps"), "steps/loss")] == steps


def test_the_spec_is_text_and_hyperparameters(client: TestClient, job_id: str, tmp_path: Path) -> None:
    run = run_of(unzipped(client, job_id, tmp_path))
    [text] = run.Tensors("spec")
    assert b'"dataset": "digits"' in text.tensor_proto.string_val[0]
    read = plugin_data_pb2.HParamsPluginData.FromString
    started = read(run.SummaryMetadata("_hparams_/session_start_info").plugin_data.content).session_start_info
    spec = client.get(f"/v1/jobs/{job_id}").json()["spec"]
    assert started.group_name == job_id
    assert started.hparams["optimizer.learning_rate"].number_value == spec["optimizer"]["learning_rate"]
    assert started.hparams["dataset"].string_value == "digits"
    assert started.hparams["deterministic"].WhichOneof("kind") == "bool_value"
    # In order: otherwise they come as they are hashed, and other processes write other bytes.
    content = run.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert content == read(content).SerializeToString(deterministic=True)
    ended = read(run.SummaryMetadata("_hparams_/session_end_info").plugin_data.content).session_end_info
    assert ended.end_time_secs > started.start_time_secs


def test_losses_that_are_no_numbers_stay_what_they_are(client: TestClient, stage: Stage, tmp_path: Path) -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.steps(claim, 0, {0: nan, 1: inf, 2: -inf, 3: 1e300, 4: 1.5})
    stage.epoch(claim, 0, test_loss=nan)
    stage.fail(claim)
    folder = unzipped(client, job_id, tmp_path)
    first, *others = [value for _, _, value in scalars(run_of(folder / "steps"), "steps/loss")]
    assert isnan(first)
    assert others == [inf, -inf, inf, 1.5]  # the fourth is too large for TensorBoard
    assert isnan(scalars(run_of(folder / "test"), "loss")[0][2])


def test_a_job_that_has_measured_nothing_has_its_spec(client: TestClient, stage: Stage, tmp_path: Path) -> None:
    folder = unzipped(client, stage.submit(), tmp_path)
    assert run_of(folder).Tags()["tensors"] == ["spec", "_hparams_/session_start_info"]
    assert not [each for each in folder.iterdir() if each.is_dir()]


def test_a_live_job_as_far_as_it_is(client: TestClient, stage: Stage, tmp_path: Path) -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.steps(claim, 0, {0: 2.5})
    assert sorted(each.name for each in unzipped(client, job_id, tmp_path / "early").iterdir() if each.is_dir()) == [
        "steps"
    ]
    stage.epoch(claim, 0)
    folder = unzipped(client, job_id, tmp_path / "later")
    assert sorted(each.name for each in folder.iterdir() if each.is_dir()) == ["steps", "test", "train"]


def test_equal_rows_give_equal_bytes(client: TestClient, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"/v1/jobs/{job_id}/tensorboard.zip"
    first = client.get(address).content
    assert client.get(address).content == first
    # Not by chance: as another system would write it, some time later, with other sizes of pages.
    monkeypatch.setattr(tensorboard_archive, "ROWS_PER_PAGE", 1)
    monkeypatch.setattr("zipfile.sys.platform", "win32")
    monkeypatch.setattr("zipfile.time.time", lambda: 2e9)
    assert client.get(address).content == first
    with ZipFile(BytesIO(first)) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert {(entry.date_time, entry.compress_type) for entry in archive.infolist()} == {
            ((1980, 1, 1, 0, 0, 0), ZIP_STORED)
        }


def test_a_long_job_is_read_in_pages_and_written_in_parts(
    client: TestClient, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = stage.submit(epochs=30)
    claim = stage.start(job_id)
    stage.many_epochs(claim, range(30))
    for epoch in range(30):
        stage.steps(claim, epoch, {step: epoch + step / 16 for step in range(11)})
    monkeypatch.setattr(tensorboard_archive, "ROWS_PER_PAGE", 7)
    monkeypatch.setattr(tensorboard_archive, "PAGES_PER_FILE", 20)
    folder = unzipped(client, job_id, tmp_path)
    assert len(list((folder / "steps").iterdir())) == 3
    shown = [(step, value) for _, step, value in scalars(run_of(folder / "steps"), "steps/loss")]
    assert shown == [(epoch * 12 + step, epoch + step / 16) for epoch in range(30) for step in range(11)]
    assert [step for _, step, _ in scalars(run_of(folder / "train"), "loss")] == list(range(30))


def test_steps_have_places_where_no_attempt_says_how_many_an_epoch_has(
    client: TestClient, database: Database, job_id: str, tmp_path: Path
) -> None:
    with database.session() as session:
        session.query(Attempt).update({"facts": None})
    run = run_of(unzipped(client, job_id, tmp_path) / "steps")
    assert [step for _, step, _ in scalars(run, "steps/loss")] == [0, 10, 11, 21, 22, 32]


def test_where_tensorboard_is_not_installed(client: TestClient, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    answer = client.get(f"/v1/jobs/{job_id}/tensorboard.zip")
    assert (answer.status_code, answer.json()["code"]) == (501, "tensorboard_not_installed")
    assert "installs the package `tensorboard`" in answer.json()["detail"]
    absent = client.get(f"{A_JOB}/tensorboard.zip")
    assert (absent.status_code, absent.json()["code"]) == (404, "job_not_found")


def test_foreign_jobs_are_not_there(guarded: TestClient, tenants: Tenants, stage: Stage) -> None:
    address = f"/v1/jobs/{stage.submit(project='first')}/tensorboard.zip"
    answers = [guarded.get(address, headers=tenants.header(name, "read")) for name in ("first", "second")]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert answers[1].json()["code"] == "job_not_found"


def test_the_job_links_to_it(client: TestClient, job_id: str) -> None:
    assert client.get(client.get(f"/v1/jobs/{job_id}").json()["links"]["tensorboard"]).content[:2] == b"PK"


def test_records_are_framed_as_by_tensorboard(tmp_path: Path) -> None:
    records = [b"", b"123456789", b"a", bytes(range(256)), b"987654321", b"x" * 1000]
    with (tmp_path / "records").open("wb") as file:
        writer = RecordWriter(file)
        for record in records:
            writer.write(record)
    assert framed(records) == (tmp_path / "records").read_bytes()
    assert framed([]) == b""


def test_nothing_is_imported_before_it_is_needed_and_little_then() -> None:
    """Nor printed, nor warned of."""
    code = f"""
import sys
import api.app
from {tensorboard_events.__name__} import EventWriter
assert not [name for name in sys.modules if name.startswith("tensorboard")]
before = set(sys.modules)
EventWriter()
print(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} - set(sys.stdlib_module_names)))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("['google', 'tensorboard']\n", "")
