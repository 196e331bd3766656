"""The answer to the question of an experiment, as a report of its own and as a section of a longer one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.views.report.document import Block, Document, Inline, Paragraph, Picture, Section, Strong, Table
from api.views.report.text import interval, number, tenths
from sweeps.experiments.answering import Answer
from sweeps.experiments.claims import Outcome
from sweeps.experiments.definition import Experiment
from sweeps.experiments.results import TrialResult

OUTCOMES: Mapping[Outcome, str] = {
    "confirmed": "as expected",
    "contradicted": "the other way round",
    "undecided": "not decided",
    "missing": "not compared",
}
HEADS = (
    *("Trial", "Status", "Epochs", "Train loss", "Train acc."),
    *("Test loss", "Test acc.", "Its interval", "s/epoch"),
)


@dataclass(frozen=True, slots=True)
class AnsweredExperiment:
    """What its report is made of. `picture`: an SVG, or empty for a text that holds
    none. `address`: of the picture, for such a text."""

    sweep_id: str
    experiment: Experiment
    trials: Sequence[TrialResult]
    answer: Answer
    picture: bytes
    address: str


def answer_document(found: AnsweredExperiment) -> Document:
    """A report of its own."""
    opening, answer, runs, notes = _parts(found)
    sections = [Section("The answer", answer), Section("The runs", runs), Section("How far to trust this", notes)]
    return Document(f"Experiment · {found.sweep_id}", found.experiment.title, opening, sections)


def answer_section(found: AnsweredExperiment) -> Section:
    """A section of a longer report."""
    return Section(found.experiment.title, [block for part in _parts(found) for block in part])


def _parts(found: AnsweredExperiment) -> tuple[Sequence[Block], ...]:
    experiment, answer = found.experiment, found.answer
    opening: Sequence[Block] = [
        Paragraph([Strong(experiment.question)]),
        Paragraph(["What to expect: ", experiment.expectation]),
    ]
    told: Sequence[Block] = [Paragraph([Strong(answer.summary), f" {answer.ranking}"]), _findings(answer)]
    picture = Picture(found.picture, f"The curves of {experiment.title}", found.address)
    notes: Sequence[Block] = [Paragraph([note], quiet=True) for note in answer.notes]
    return opening, told, [picture, _trials(found.trials)], notes


def _findings(answer: Answer) -> Table:
    rows: list[Sequence[Inline]] = [
        [each.expectation, Strong(OUTCOMES[each.outcome]), each.explanation] for each in answer.findings
    ]
    return Table(["The textbook expects", "Here", "The numbers"], rows)


def _trials(trials: Sequence[TrialResult]) -> Table:
    return Table(HEADS, [_row(trial) for trial in trials], numbers=len(HEADS) - 2)


def _row(trial: TrialResult) -> Sequence[Inline]:
    final = trial.final
    accuracy = final.test_accuracy if final else None
    seconds = trial.seconds_per_epoch
    return [
        trial.label,
        trial.status.value if trial.status else "deleted",
        f"{trial.epochs[-1].epoch + 1 if trial.epochs else 0} of {trial.planned}",
        number(final.train_loss if final else None),
        tenths(final.train_accuracy if final else None),
        number(final.test_loss if final else None),
        tenths(accuracy),
        interval(accuracy, trial.test_images),
        "" if seconds is None else f"{seconds:.2f}",
    ]
