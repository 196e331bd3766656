"""What is read from the API's answers, and what is made of it."""

import math
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

import old_client.comparison
import old_client.datasets
import old_client.diagnosis
import old_client.estimates
import old_client.keys
import old_client.projects
import old_client.resources
import old_client.sweeps
import old_client.webhooks
from api import schemas
from api.schemas import comparison, diagnosis, estimates, experiments, repeats, sweeps
from models import TERMINAL
from old_client import EpochalError, Failure
from sweeps.status import OVER
from tests.client.answers import Answers, page
from training.metrics import RunFacts, StepChoice, StepTiming

Body = Callable[..., dict[str, Any]]


def test_final_statuses_are_the_service_s() -> None:
    assert {status.value for status in TERMINAL} == old_client.resources.FINAL
    assert {status.value for status in OVER} == old_client.sweeps.FINAL


def test_a_job_is_read_with_all_its_parts(job_body: Body, attempt_body: Body, epoch_body: Body) -> None:
    error = {"code": "diverged", "message": "The loss is NaN.", "hint": "Lower it.", "retryable": False, "attempt": 1}
    body = job_body(status="failed", attempts=[attempt_body()], latest=epoch_body(2), best=epoch_body(1), error=error)
    job = Answers(body).client().job("job_1")
    assert job.finished
    assert job.created_at == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert [attempt.facts and attempt.facts.parameters for attempt in job.attempts] == [269_434]
    assert (job.latest and job.latest.epoch, job.best and job.best.epoch) == (2, 1)
    assert job.error == Failure("diverged", "The loss is NaN.", "Lower it.", retryable=False, attempt=1)


def test_a_newer_service_may_say_more_and_an_older_one_less(job_body: Body) -> None:
    body = job_body(colour=9)
    body["progress"]["eta_spread"] = 1
    for name in ("project", "description", "queue", "best", "priority", "max_retries", "accelerator", "weights"):
        del body[name]
    job = Answers(body).client().job("job_1")
    assert (job.queue, job.best, job.priority, job.weights) == (None, None, None, None)


def test_the_best_epoch_and_the_facts_of_a_newer_and_of_an_older_service(
    job_body: Body, attempt_body: Body, epoch_body: Body
) -> None:
    attempt = attempt_body()
    attempt["facts"] = attempt["facts"] | {
        "probed": [{"choice": attempt["facts"]["step"], "images_per_second": 900.0}],
        "devices": 2,
    }
    best = epoch_body(1, validation_accuracy=0.9) | {"chosen_on": "validation"}
    job = Answers(job_body(status="running", attempts=[attempt], best=best)).client().job("job_1")
    assert (job.best and job.best.chosen_on, job.best and job.best.validation_accuracy) == ("validation", 0.9)
    facts = job.attempts[0].facts
    assert facts
    assert facts.probed
    assert (facts.devices, facts.probed[0].choice, facts.probed[0].images_per_second) == (2, facts.step, 900.0)

    for name in ("validation_loss", "validation_accuracy", "chosen_on"):
        del best[name]
    for name in ("probed", "step", "devices"):
        del attempt["facts"][name]
    job = Answers(job_body(status="running", attempts=[attempt], best=best)).client().job("job_1")
    assert (job.best and job.best.chosen_on, job.best and job.best.validation_accuracy) == (None, None)
    assert job.attempts[0].facts
    assert (job.attempts[0].facts.step, job.attempts[0].facts.devices) == (None, None)


def test_an_epoch_that_was_not_evaluated(epoch_body: Body) -> None:
    [epoch] = Answers(page(epoch_body(test_loss=None, test_accuracy=None))).client().metrics("job_1")
    assert (epoch.test_loss, epoch.test_accuracy, epoch.train_loss) == (None, None, 0.5)


def test_numbers_that_json_lacks_become_floats(epoch_body: Body) -> None:
    row = epoch_body(train_loss="NaN", test_loss="Infinity", learning_rate="-Infinity")
    [epoch] = Answers(page(row)).client().metrics("job_1")
    assert math.isnan(epoch.train_loss)
    assert (epoch.test_loss, epoch.learning_rate) == (math.inf, -math.inf)


def test_a_field_that_does_not_fit_is_named(job_body: Body) -> None:
    body = job_body()
    body["progress"]["percent"] = "half"
    with pytest.raises(EpochalError, match=r"Job\.progress: Progress\.percent: could not convert"):
        Answers(body).client().job("job_1")


@pytest.mark.parametrize(
    ("record", "schema"),
    [
        (old_client.resources.Job, schemas.Job),
        (old_client.resources.Progress, schemas.Progress),
        (old_client.resources.QueuePlace, schemas.QueuePlace),
        (old_client.resources.EpochRow, schemas.EpochRow),
        (old_client.resources.BestEpoch, schemas.BestEpoch),
        (old_client.resources.StepRow, schemas.StepRow),
        (old_client.resources.Attempt, schemas.Attempt),
        (old_client.resources.RunFacts, RunFacts),
        (old_client.resources.StepChoice, StepChoice),
        (old_client.resources.StepTiming, StepTiming),
        (old_client.resources.Failure, schemas.JobError),
        (old_client.resources.Worker, schemas.Worker),
        (old_client.resources.Weights, schemas.Weights),
        (old_client.resources.Predictions, schemas.Predictions),
        (old_client.resources.Checkpoint, schemas.Checkpoint),
        (old_client.resources.QueuedJob, schemas.QueuedJob),
        (old_client.resources.Page, schemas.Page),
        (old_client.resources.Event, schemas.Event),
        (old_client.keys.Key, schemas.Key),
        (old_client.keys.NewKey, schemas.NewKey),
        (old_client.projects.Project, schemas.Project),
        (old_client.projects.Usage, schemas.Usage),
        (old_client.datasets.DatasetVersion, schemas.DatasetVersion),
        (old_client.datasets.DatasetProgress, schemas.DatasetProgress),
        (old_client.datasets.DatasetError, schemas.DatasetVersionError),
        (old_client.datasets.Upload, schemas.Upload),
        (old_client.webhooks.Webhook, schemas.Webhook),
        (old_client.webhooks.WebhookWithSecret, schemas.WebhookWithSecret),
        (old_client.webhooks.WebhookDelivery, schemas.WebhookDelivery),
        *(
            (getattr(old_client.sweeps, name), getattr(sweeps, name))
            for name in ("Sweep", "SweepSummary", "SweepProgress", "Trial", "TrialMetrics")
        ),
        (old_client.sweeps.Answer, experiments.Answer),
        (old_client.sweeps.AnsweredTrial, experiments.AnsweredTrial),
        (old_client.sweeps.Finding, experiments.AnsweredExpectation),
        (old_client.sweeps.Experiment, experiments.Experiment),
        (old_client.sweeps.ExperimentList, experiments.ExperimentList),
        (old_client.comparison.Comparison, comparison.Comparison),
        (old_client.comparison.ComparedJob, comparison.ComparedJob),
        (old_client.comparison.Curves, comparison.Curves),
        (old_client.comparison.Difference, comparison.Difference),
        (old_client.comparison.Verdict, repeats.Verdict),
        (old_client.comparison.Spread, repeats.Spread),
        (old_client.comparison.Spreads, repeats.Spreads),
        (old_client.comparison.Repeats, repeats.Repeats),
        (old_client.comparison.RepeatedJob, repeats.RepeatedJob),
        *(
            (getattr(old_client.diagnosis, name), getattr(diagnosis, name))
            for name in ("Diagnosis", "Finding", "Suggestion", "Forecast")
        ),
        (old_client.estimates.DryRun, estimates.DryRun),
        (old_client.estimates.Span, estimates.Span),
        (old_client.estimates.DataShape, estimates.DataShape),
        (old_client.estimates.MemoryParts, estimates.MemoryParts),
        (old_client.estimates.MemoryEstimate, estimates.MemoryEstimate),
        (old_client.estimates.Pace, estimates.Pace),
        (old_client.estimates.DeviceEstimate, estimates.DeviceEstimate),
        (old_client.estimates.SpecConflict, estimates.SpecConflict),
    ],
)
def test_every_field_of_the_api_is_read_and_no_other(record: Any, schema: Any) -> None:
    assert {field.name for field in fields(record)} == set(schema.model_fields)
