"""The answer of an experiment as Markdown and as one HTML file, which needs nothing else."""

from collections.abc import Iterator, Sequence
from html import escape

from sweeps.experiments.answering import Answer
from sweeps.experiments.claims import Outcome
from sweeps.experiments.definition import Experiment
from sweeps.experiments.intervals import wilson
from sweeps.experiments.results import TrialResult

OUTCOMES: dict[Outcome, str] = {
    "confirmed": "As expected",
    "contradicted": "The other way round",
    "undecided": "Not decided",
    "missing": "Not compared",
}
HEAD = (
    *("trial", "status", "epochs", "train loss", "train accuracy"),
    *("test loss", "test accuracy", "its interval", "s/epoch"),
)

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --grey: #636c76; --rule: #d8dce0; --paper: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --grey: #9aa4ae; --rule: #2c3238; --paper: #15181c } }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2.5rem auto;
  max-width: 68rem; padding: 0 1.5rem } h1 { font-size: 1.7rem; margin-bottom: .2rem } h2 { margin-top: 2.2rem }
table { border-collapse: collapse; width: 100%; font-size: .9rem } td, th { padding: .35rem .6rem; text-align: right;
  border-bottom: 1px solid var(--rule); white-space: nowrap } td:first-child, th:first-child { text-align: left }
.grey { color: var(--grey) } dt { font-weight: 600; margin-top: .9rem } dd { margin-left: 0 }
.outcome { font-size: .85rem; border: 1px solid var(--rule); border-radius: .6rem; padding: .05rem .5rem }
svg { max-width: 100%; height: auto }
"""


def rows(trials: Sequence[TrialResult]) -> list[tuple[str, ...]]:
    """The table of trials, as `HEAD` names its columns."""
    return [_row(trial) for trial in trials]


def markdown(experiment: Experiment, trials: Sequence[TrialResult], found: Answer, picture: str | None) -> str:
    """The whole answer. `picture`: the address of its picture, or None."""
    return "\n".join(_markdown(experiment, trials, found, picture)) + "\n"


def html(experiment: Experiment, trials: Sequence[TrialResult], found: Answer, svg: str) -> str:
    """The whole answer, with its picture in it."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(experiment.title)}</title>'
        f"<style>{STYLE}</style></head><body>\n{section(experiment, trials, found, svg, level=1)}</body></html>\n"
    )


def section(experiment: Experiment, trials: Sequence[TrialResult], found: Answer, svg: str, *, level: int) -> str:
    """The same as a part of a longer page, under a heading of that level."""
    return "\n".join(_html(experiment, trials, found, svg, level)) + "\n"


def _markdown(
    experiment: Experiment, trials: Sequence[TrialResult], found: Answer, picture: str | None
) -> Iterator[str]:
    yield f"# {experiment.title}\n"
    yield f"**{experiment.question}**\n"
    yield f"## What to expect\n\n{experiment.expectation}\n"
    yield f"## The answer\n\n{_in_markdown(found.summary)} {_in_markdown(found.ranking)}\n"
    for finding in found.findings:
        yield f"- **{OUTCOMES[finding.outcome]}**: {finding.expectation} {_in_markdown(finding.explanation)}"
    yield "\n## The runs\n"
    if picture:
        yield f"![{experiment.title}]({picture})\n"
    yield f"| {' | '.join(HEAD)} |\n|---|{'---:|' * (len(HEAD) - 1)}"
    for row in rows(trials):
        yield f"| {' | '.join(_in_markdown(cell) for cell in row)} |"
    yield "\n## How far to trust this\n"
    for note in found.notes:
        yield f"- {_in_markdown(note)}"


def _html(experiment: Experiment, trials: Sequence[TrialResult], found: Answer, svg: str, level: int) -> Iterator[str]:
    inner = f"h{level + 1}"
    yield f"<h{level}>{escape(experiment.title)}</h{level}>"
    yield f'<p class="grey">{escape(experiment.question)}</p>'
    yield f"<{inner}>What to expect</{inner}><p>{escape(experiment.expectation)}</p>"
    yield f"<{inner}>The answer</{inner}><p>{escape(found.summary)} {escape(found.ranking)}</p><dl>"
    for finding in found.findings:
        outcome = f'<span class="outcome">{OUTCOMES[finding.outcome]}</span>'
        yield f"<dt>{escape(finding.expectation)} {outcome}</dt><dd>{escape(finding.explanation)}</dd>"
    yield f"</dl><{inner}>The runs</{inner}>{svg}<table><tr>{_cells('th', HEAD)}</tr>"
    for row in rows(trials):
        yield f"<tr>{_cells('td', row)}</tr>"
    yield f"</table><{inner}>How far to trust this</{inner}><ul>"
    for note in found.notes:
        yield f"<li>{escape(note)}</li>"
    yield "</ul>"


def _cells(tag: str, cells: Sequence[str]) -> str:
    return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)


def _row(trial: TrialResult) -> tuple[str, ...]:
    final = trial.final
    accuracy = final.test_accuracy if final else None
    interval = ""
    if accuracy is not None and trial.test_images:
        low, high = wilson(accuracy, trial.test_images)
        interval = f"{low:.1%} to {high:.1%}"
    seconds = trial.seconds_per_epoch
    return (
        trial.label,
        trial.status.value if trial.status else "deleted",
        f"{trial.epochs[-1].epoch + 1 if trial.epochs else 0} of {trial.planned}",
        _number(final.train_loss if final else None, ".4f"),
        _number(final.train_accuracy if final else None, ".1%"),
        _number(final.test_loss if final else None, ".4f"),
        _number(accuracy, ".1%"),
        interval,
        _number(seconds, ".2f"),
    )


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _in_markdown(cell: str) -> str:
    """A message of an error may hold what Markdown or HTML would take for markup."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_[]<>|" else letter for letter in cell)
    return " ".join(escaped.split())
