"""From a run to its findings: every rule is asked, and what another finding explains is left out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from training.diagnosis.finding import Code, Finding
from training.diagnosis.reading import Reading
from training.diagnosis.rules import classes, data, divergence, fit, held_out, memory, progress, rates, underfit
from training.diagnosis.run import Run
from training.spec import RangeTest, ResolvedSpec, TrainingSpec, merge_patch

Rule = Callable[[Reading], Iterator[Finding]]

# The most important first: what spoils a run as a whole, then what it could do better, then what to know of it.
RULES: tuple[Rule, ...] = (
    divergence.diverged,
    rates.learning_rate_too_high,
    data.labels_or_splits_suspicious,
    progress.schedule_ends_too_early,
    rates.learning_rate_too_low,
    underfit.underfitting,
    fit.overfitting,
    memory.memorised,
    progress.still_improving,
    progress.plateau,
    progress.schedule_ends_too_late,
    rates.warmup_missing,
    classes.class_never_predicted,
    data.data_bound,
    classes.classes_confused,
    held_out.train_worse_than_test,
    held_out.chosen_on_test_split,
    held_out.noisy_evaluation,
)

# A finding, and those that it explains: they would say the same again, or suggest what cannot help.
_NOTHING_LEARNT: frozenset[Code] = frozenset(
    {
        "learning_rate_too_low",
        "underfitting",
        "overfitting",
        "memorised",
        "plateau",
        "still_improving",
        "schedule_ends_too_early",
        "schedule_ends_too_late",
        "warmup_missing",
        "train_worse_than_test",
        "chosen_on_test_split",
        "labels_or_splits_suspicious",
        "noisy_evaluation",
    }
)
EXPLAINS: Mapping[Code, frozenset[Code]] = {
    "diverged": _NOTHING_LEARNT | {"diverging"},
    "diverging": _NOTHING_LEARNT | {"learning_rate_too_high"},
    "learning_rate_too_high": _NOTHING_LEARNT,
    "learning_rate_too_low": frozenset(
        {
            "underfitting",
            "plateau",
            "still_improving",
            "schedule_ends_too_late",
            "train_worse_than_test",
            "noisy_evaluation",
        }
    ),
    "labels_or_splits_suspicious": frozenset({"chosen_on_test_split", "underfitting"}),
    "schedule_ends_too_early": frozenset({"learning_rate_too_low", "underfitting", "plateau", "still_improving"}),
    "underfitting": frozenset({"plateau", "still_improving"}),
    "schedule_ends_too_late": frozenset({"noisy_evaluation"}),
    "overfitting": frozenset({"learning_rate_too_low", "still_improving", "plateau", "chosen_on_test_split"}),
    "memorised": frozenset({"still_improving", "plateau"}),
}


def diagnose(run: Run) -> Sequence[Finding]:
    """What the record of a run shows, the most important first; nothing where there is nothing to say. Pure: the same
    record always gets the same findings. Some milliseconds for 1,000 epochs. Nothing is said of a range test, in
    which the loss is meant to grow."""
    if run.spec is not None and isinstance(run.spec.schedule, RangeTest):
        return []
    reading = Reading(run)
    found = [finding for rule in RULES for finding in rule(reading)]
    explained = frozenset[Code]().union(*(EXPLAINS.get(finding.code, frozenset()) for finding in found))
    return [_with_fitting_suggestion(run, finding) for finding in found if finding.code not in explained]


def _with_fitting_suggestion(run: Run, finding: Finding) -> Finding:
    """Without its suggestion where that does not go together with the rest of the spec, or with the data: what is
    suggested can be submitted."""
    if finding.suggestion is None or run.spec is None or _is_accepted(run, run.spec, finding.suggestion.spec):
        return finding
    return replace(finding, suggestion=None)


def _is_accepted(run: Run, spec: ResolvedSpec, patch: Mapping[str, Any]) -> bool:
    """Judged as a submission is. The spec holds its recipe's fields already, which a rerun does not fill in again."""
    merged = merge_patch(spec.model_dump(mode="json"), patch)
    merged.pop("recipe", None)
    try:
        changed = TrainingSpec.model_validate(merged)
    except ValidationError:
        return False
    data = run.facts.shape
    return data is None or not any(changed.conflicts_with(data))
