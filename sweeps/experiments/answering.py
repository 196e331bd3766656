"""Writes the answer to an experiment's question, from what its trials have measured."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models import TERMINAL
from sweeps.experiments.claims import FACTOR, Claim, Finding, Outcome, judge
from sweeps.experiments.definition import Experiment
from sweeps.experiments.intervals import difference
from sweeps.experiments.measures import SECONDS_PER_EPOCH
from sweeps.experiments.results import TrialResult
from training.intervals import wilson_interval
from training.names import listed

_IN_WORDS: Mapping[Outcome, str] = {
    "confirmed": "came out as the textbook says",
    "contradicted": "came out the other way round",
    "undecided": "cannot be decided by these runs",
    "missing": "could not be compared",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an experiment has found out, in words."""

    is_complete: bool  # the job of each trial has ended
    summary: str  # one paragraph
    ranking: str  # who is best, and who cannot be told apart from it
    findings: Sequence[Finding]
    notes: Sequence[str]  # how far the numbers can be trusted


def claims_of(experiment: Experiment, labels: Sequence[str]) -> Sequence[Claim]:
    """The claims of the preset whose trials a sweep has: the one that has most of its labels."""
    presets = experiment.presets.values()
    return max(presets, key=lambda preset: len({trial.label for trial in preset.trials} & {*labels})).claims


def answer(experiment: Experiment, trials: Sequence[TrialResult]) -> Answer:
    """The answer so far."""
    by_label = {trial.label: trial for trial in trials}
    claims = claims_of(experiment, list(by_label))
    findings = [judge(claim, by_label) for claim in claims]
    unfinished = [trial for trial in trials if trial.status is not None and not _is_over(trial)]
    return Answer(
        is_complete=not unfinished,
        summary=_summary(findings, len(unfinished), len(trials)),
        ranking=" ".join(part for part in (_ranking(trials), experiment.remark(trials)) if part),
        findings=findings,
        notes=_notes(trials, claims),
    )


def _is_over(trial: TrialResult) -> bool:
    return trial.status is None or trial.status in TERMINAL


def _summary(findings: Sequence[Finding], unfinished: int, trials: int) -> str:
    told = ""
    if unfinished:
        told = f"{unfinished} of {trials} jobs have not ended: what follows is what is known so far. "
    outcomes = Counter(finding.outcome for finding in findings)
    parts = [f"{outcomes[outcome]} {words}" for outcome, words in _IN_WORDS.items() if outcomes[outcome]]
    expected = "1 expectation" if len(findings) == 1 else f"{len(findings)} expectations"
    return f"{told}Of {expected}, {', '.join(parts)}."


def _ranking(trials: Sequence[TrialResult]) -> str:
    ranked = sorted(
        ((trial, trial.final.test_accuracy) for trial in trials if trial.has_succeeded and trial.final),
        key=lambda each: -(each[1] or 0.0),
    )
    if not ranked:
        return "No trial has succeeded yet."
    (best, accuracy), *others = ranked
    told = f"The highest test accuracy is {accuracy:.1%}, of “{best.label}”."
    if not best.test_images or not others or accuracy is None:
        return told
    images = best.test_images
    alike = [
        trial.label for trial, each in others if each is not None and difference(accuracy, images, each, images)[0] <= 0
    ]
    apart = [(trial, each) for trial, each in others if trial.label not in alike]
    if alike:
        told += f" On {images:,} test images it cannot be told apart from {_quoted(alike)}."
    if apart:
        told += f" Clearly lower: {', '.join(f'“{trial.label}” ({each:.1%})' for trial, each in apart)}."
    return told


def _quoted(labels: Sequence[str]) -> str:
    return listed([f"“{label}”" for label in labels], most=12)


def _notes(trials: Sequence[TrialResult], claims: Sequence[Claim]) -> list[str]:
    notes = [_seeds(trials)]
    images = next((trial.test_images for trial in trials if trial.test_images), None)
    if images:
        low, high = wilson_interval(0.95 * images, images)
        notes.append(
            f"The test split has {images:,} images. An accuracy of 95 % on so many is known to lie between {low:.1%} "
            f"and {high:.1%}."
        )
    if any(claim.measure.images is None for claim in claims):
        notes.append(
            "For losses and times of one run no interval is known. By convention two of them count as different "
            f"if one is at least {FACTOR:g} times the other."
        )
    if any(claim.measure is SECONDS_PER_EPOCH for claim in claims):
        notes.append("Seconds an epoch depend on what else the machine did meanwhile.")
    for trial in trials:
        if trial.has_diverged:
            notes.append(f"“{trial.label}” diverged: {_message(trial.error)}")
        elif trial.status is None:
            notes.append(f"The job of “{trial.label}” was deleted: its numbers are gone.")
        elif _is_over(trial) and not trial.has_succeeded:
            message = f": {_message(trial.error)}" if trial.error else "."
            notes.append(f"The job of “{trial.label}” was {trial.status}, and has no final numbers{message}")
    return notes


def _seeds(trials: Sequence[TrialResult]) -> str:
    repeated = [trial.label for trial in trials if trial.repeats]
    told = (
        f"{_quoted(repeated)} {'has' if len(repeated) == 1 else 'have'} repeats under other seeds, which do not count "
        "here: of each trial, one run is compared. GET /v1/jobs/{job_id}/repeats has the means over seeds, and GET "
        "/v1/compare says whether two trials differ by more than seeds make."
        if repeated
        else "Each trial was trained once, from one seed."
    )
    return (
        f"{told} Another seed gives other numbers; how much they vary, one run does not show. The intervals say only "
        "how sure an accuracy is on so many test images."
    )


def _message(error: Mapping[str, Any] | None) -> str:
    return str((error or {}).get("message", ""))
