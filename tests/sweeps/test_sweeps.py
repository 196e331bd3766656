"""Sweeps on each database: made, read, cancelled, deleted and forgotten; and what an experiment reads of its trials."""

import math
from pathlib import Path

import pytest

from jobs import recording, repeats
from jobs.changes import purge
from jobs.submission import Submission
from jobs.verified_storage import VerifiedStorage
from models import DEFAULT_PROJECT, Database, Sweep
from sweeps import changes, queries
from sweeps.errors import SweepNotFinished, SweepNotFound
from sweeps.experiments import reading
from sweeps.experiments.answering import answer
from sweeps.experiments.catalogue import EXPERIMENTS
from sweeps.experiments.questions import learning_rate
from sweeps.making import Trial, create
from tests.stage import Stage
from training.metrics import StepMetrics
from training.spec import TrainingSpec


@pytest.fixture
def storage(tmp_path: Path) -> VerifiedStorage:
    return VerifiedStorage(f"file://{tmp_path}/storage")


@pytest.fixture
def stage(database: Database, storage: VerifiedStorage) -> Stage:
    return Stage(database, storage)


def made(database: Database, jobs: int = 3) -> str:
    submission = Submission(TrainingSpec(dataset="digits", epochs=4))
    trials = [Trial(submission, {"seed": seed}, f"seed {seed}") for seed in range(jobs)]
    with database.session(DEFAULT_PROJECT) as session:
        return create(session, trials, spec={}, space={"seed": list(range(jobs))}, experiment="optimizers").id


def test_progress_counts_epochs_of_those_under_way_and_all_of_those_that_have_ended(
    database: Database, stage: Stage
) -> None:
    sweep_id = made(database, 4)
    with database.snapshot(DEFAULT_PROJECT) as session:
        jobs = [trial.job_id for trial in queries.trials_of(session, queries.find(session, sweep_id).sweep)]
    done, running = stage.start(jobs[0]), stage.start(jobs[1])
    for claim in (done, running):
        stage.epoch(claim, 0)
    stage.succeed(done)
    with database.snapshot(DEFAULT_PROJECT) as session:
        state = queries.find(session, sweep_id)
        assert (state.percent, state.status, state.jobs) == (
            31.2,  # (1 + 1/4) of 4
            "running",
            {"succeeded": 1, "running": 1, "queued": 2},
        )
        trials = reading.trials_of(session, state.sweep)
    assert [trial.label for trial in trials] == ["seed 0", "seed 1", "seed 2", "seed 3"]
    assert [len(trial.epochs) for trial in trials] == [1, 1, 0, 0]
    assert (trials[0].test_images, trials[2].test_images) == (360, None)
    assert trials[0].final is not None
    assert (trials[0].final.test_accuracy, trials[0].planned) == (0.5, 4)


def test_a_sweep_from_its_beginning_to_its_end(
    database: Database, stage: Stage, storage: VerifiedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_id, kept = made(database), made(database, 1)
    with database.session(DEFAULT_PROJECT) as session:
        [first, *_] = queries.trials_of(session, queries.find(session, sweep_id).sweep)
        repeats.raise_to(session, first.job_id, 2)
    with pytest.raises(SweepNotFinished), database.session(DEFAULT_PROJECT) as session:
        changes.remove(session, sweep_id)
    with database.session(DEFAULT_PROJECT) as session:
        assert changes.cancel(session, sweep_id).jobs == {"cancelled": 4}
    with database.session("another") as session, pytest.raises(SweepNotFound):
        changes.cancel(session, kept)
    with database.session(DEFAULT_PROJECT) as session:
        changes.remove(session, sweep_id)
    assert stage.jobs() == 5  # their rows are purged later
    stage.submit()  # SQLite keeps the row of the job that has the last event
    purge(database, storage)
    assert stage.jobs() == 2
    monkeypatch.setattr(changes, "YOUNGEST", -1.0)
    changes.forget_empty(database)
    with database.snapshot() as session:
        assert [row.id for row in session.query(Sweep)] == [kept]


def test_a_range_test_is_read_by_its_steps(database: Database, stage: Stage) -> None:
    body = {"dataset": "digits", "epochs": 1, "logging_interval": 1, "schedule": {"name": "range_test"}}
    trials = [Trial(Submission(TrainingSpec.model_validate(body)), {}, learning_rate.RANGE_TEST)]
    with database.session(DEFAULT_PROJECT) as session:
        sweep = create(session, trials, spec={}, space={}, experiment="learning_rate")
        [stored] = sweep.trials
    claim = stage.start(stored["job"])
    losses = [3.0 - min(step, 60) / 30 + max(0, step - 80) for step in range(100)]
    metrics = [
        StepMetrics(epoch=0, step=step, loss=loss, learning_rate=1e-7 * 10 ** (step / 12.5))
        for step, loss in enumerate([*losses, math.inf])
    ]
    with database.session() as session:
        recording.record_steps(session, claim, metrics)
    stage.epoch(claim, 0, test_loss=None, test_accuracy=None)
    stage.succeed(claim)
    with database.snapshot(DEFAULT_PROJECT) as session:
        [trial] = reading.trials_of(session, queries.find(session, sweep.id).sweep)
    assert [loss for _, loss in trial.range_test] == losses  # without the last, which is not finite
    found = answer(EXPERIMENTS["learning_rate"], [trial])
    assert "from 1e-07 on: the loss falls most steadily around a rate of" in found.ranking
