"""Turns experiments and their answers into response schemas."""

from functools import cache

from api.http.root_path import public_path
from api.schemas import experiments as answers
from api.views.sweep_views import sweep_url
from models import Sweep
from sweeps.experiments import catalogue
from sweeps.experiments.answering import Answer
from sweeps.experiments.definition import Experiment, Preset
from sweeps.experiments.results import TrialResult
from training.intervals import wilson_interval


def experiment(found: Experiment) -> answers.Experiment:
    """A question with its jobs, at each size."""
    return answers.Experiment(
        name=found.name,
        title=found.title,
        question=found.question,
        expectation=found.expectation,
        sizes={size: _preset(preset) for size, preset in found.presets.items()},
        url=public_path(f"/v1/experiments/{found.name}"),
    )


def every_experiment() -> bytes:
    """All of them, as JSON."""
    return _every(public_path(""))


def one_experiment(name: str) -> bytes:
    """One of them, as JSON. Raises ExperimentNotFound."""
    return _one(catalogue.find(name).name, public_path(""))


# Nothing in them changes while the service runs, but links have its root path in front.
@cache
def _every(_root: str) -> bytes:
    found = answers.ExperimentList(data=[experiment(each) for each in catalogue.EXPERIMENTS.values()])
    return found.model_dump_json().encode()


@cache
def _one(name: str, _root: str) -> bytes:
    return experiment(catalogue.find(name)).model_dump_json().encode()


def answer(sweep: Sweep, found: Experiment, trials: list[TrialResult], told: Answer) -> answers.Answer:
    """The answer to the question of an experiment."""
    here = sweep_url(sweep.id)
    return answers.Answer(
        sweep_id=sweep.id,
        experiment=found.name,
        title=found.title,
        question=found.question,
        expectation=found.expectation,
        complete=told.is_complete,
        summary=told.summary,
        ranking=told.ranking,
        findings=[answers.AnsweredExpectation.model_validate(each) for each in told.findings],
        notes=list(told.notes),
        trials=[_trial(trial) for trial in trials],
        created_at=sweep.created_at,
        links=answers.AnswerLinks(
            sweep=here,
            picture=f"{here}/answer.svg",
            picture_png=f"{here}/answer.png",
            markdown=f"{here}/answer.md",
            html=f"{here}/answer.html",
        ),
    )


def _preset(preset: Preset) -> answers.ExperimentPreset:
    return answers.ExperimentPreset(
        dataset=preset.dataset,
        spec=dict(preset.spec),
        trials=[
            answers.ExperimentTrial(label=each.label, group=each.group, values=dict(each.values))
            for each in preset.trials
        ],
        expectations=[claim.says for claim in preset.claims],
    )


def _trial(trial: TrialResult) -> answers.AnsweredTrial:
    final = trial.final
    accuracy = final.test_accuracy if final else None
    return answers.AnsweredTrial(
        label=trial.label,
        group=trial.group,
        job_id=trial.job_id,
        status=trial.status,
        epochs=trial.epochs[-1].epoch + 1 if trial.epochs else 0,
        planned_epochs=trial.planned,
        train_loss=final.train_loss if final else None,
        train_accuracy=final.train_accuracy if final else None,
        test_loss=final.test_loss if final else None,
        test_accuracy=accuracy,
        test_accuracy_interval=wilson_interval(accuracy * trial.test_images, trial.test_images)
        if accuracy is not None and trial.test_images
        else None,
        seconds_per_epoch=trial.seconds_per_epoch,
    )
