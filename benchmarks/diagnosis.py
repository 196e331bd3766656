"""How often a diagnosis is right: precision and recall by finding, and how often a forecast's interval holds.

    make bench-diagnosis

Curves with known causes: recorded ones (benchmarks/diagnosis_recording.py: small networks with planted causes; the
results of `make bench-accuracy`; the lab report's run), and made ones (benchmarks/diagnosis_generated.py; and
benchmarks/diagnosis_known.py, whose causes a curve of losses does not show). Each says what somebody who knows the
field names (`must`), and what else is true of it (`may`). A finding that is in neither is a false alarm. Thresholds
were chosen on the curves of even seeds; those of odd seeds are held out.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.diagnosis_generated import made, with_gaps
from benchmarks.diagnosis_known import known_runs
from benchmarks.diagnosis_recording import RECORDED
from benchmarks.result import RESULTS, print_table, save
from training.diagnosis import Facts, Run, StepLoss, diagnose, forecast
from training.diagnosis.files import from_file
from training.spec import ResolvedSpec, TrainingSpec

CHOSEN_ON, HELD_OUT = (0, 2, 4), (1, 3, 5)
LAB = RECORDED.parent / "lab_run.json"
RECIPES: Mapping[str, tuple[str, ...]] = {
    "lab-baseline": (),
    "standard": (),
    "sprint": (),
    "strong": ("train_worse_than_test",),
}
FACTS = ("train_images", "test_images", "validation_images", "classes", "image_size", "channels", "steps_per_epoch")


@dataclass(frozen=True)
class Labelled:
    """A curve with a known cause. `kind`: recorded or made."""

    name: str
    kind: str
    held_out: bool
    run: Run
    must: Sequence[str]
    may: Sequence[str]


def curves() -> Iterator[Labelled]:
    """Every one."""
    yield from _recorded()
    yield from _recipes()
    spec = TrainingSpec(recipe="lab-baseline", dataset="cifar100")
    for name, known in (("the lab's run", {"spec": spec}), ("the lab's run, without its spec", {})):
        yield Labelled(
            name, "recorded", held_out=False, run=from_file(LAB, **known), must=("overfitting", "memorised"), may=()
        )
    for seed in (*CHOSEN_ON, *HELD_OUT):
        for whole in made(seed):
            for curve in (whole, with_gaps(whole, seed)):
                run = Run.from_rows(rows_of(curve.columns))
                yield Labelled(f"{curve.name}, {seed}", "made", seed in HELD_OUT, run, curve.must, curve.may)
        for known_run in known_runs(seed):
            run = Run.from_rows(rows_of(known_run.columns), **known_run.known)
            yield Labelled(f"{known_run.name}, {seed}", "made", seed in HELD_OUT, run, known_run.must, known_run.may)


def rows_of(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A dict for each epoch."""
    return [{name: values[place] for name, values in columns.items()} for place in range(len(columns["epoch"]))]


def _recorded() -> Iterator[Labelled]:
    for entry in json.loads(RECORDED.read_text()):
        run = Run.from_rows(
            rows_of(entry["columns"]),
            steps=tuple(StepLoss(*step) for step in entry["steps"]),
            spec=ResolvedSpec.from_stored(entry["spec"]),
            facts=Facts(**entry["facts"]),
            diverged=entry["failure"] == "diverged",
        )
        name = f"{entry['dataset']}: {entry['name']}, {entry['seed']}"
        yield Labelled(name, "recorded", entry["seed"] % 2 == 1, run, entry["must"], entry["may"])


def _recipes() -> Iterator[Labelled]:
    """15 epochs of recipes, of which `sprint` alone is made for so few: every test loss still fell."""
    for recipe, more in RECIPES.items():
        result = json.loads((RESULTS / f"accuracy_{recipe}_resnet20_15.json").read_text())
        told = result["runs"][0]
        facts = Facts(**{name: told["facts"].get(name) for name in FACTS})
        run = Run.from_rows(told["curve"], spec=ResolvedSpec.from_stored(result["spec"]), facts=facts)
        name = f"{recipe}, 15 epochs"
        longer = ("still_improving",)
        must, may = (more, longer) if recipe == "sprint" else ((*longer, *more), ())
        yield Labelled(name, "recorded", held_out=False, run=run, must=must, may=may)


@dataclass
class Counts:
    """Of one finding."""

    due: int = 0  # curves that must have it
    found: int = 0  # of these
    right: int = 0  # said, and true
    wrong: int = 0  # said, and not true


def count(labelled: Sequence[Labelled]) -> tuple[dict[str, Counts], list[dict[str, Any]]]:
    """By code; and every curve that was read wrongly."""
    by_code: dict[str, Counts] = {}
    mistakes = []
    for curve in labelled:
        said = [finding.code for finding in diagnose(curve.run)]
        missed = [code for code in curve.must if code not in said]
        wrong = [code for code in said if code not in (*curve.must, *curve.may)]
        for code in curve.must:
            counts = by_code.setdefault(code, Counts())
            counts.due += 1
            counts.found += code in said
        for code in said:
            counts = by_code.setdefault(code, Counts())
            counts.wrong += code in wrong
            counts.right += code not in wrong
        if missed or wrong:
            mistakes.append({"curve": curve.name, "missed": missed, "false_alarms": wrong})
    return by_code, mistakes


def quality(labelled: Sequence[Labelled]) -> dict[str, Any]:
    """Precision and recall, of all and by finding."""
    by_code, mistakes = count(labelled)
    total = Counts(
        *(sum(getattr(each, name) for each in by_code.values()) for name in ("due", "found", "right", "wrong"))
    )
    silent = [curve for curve in labelled if not curve.must]
    return {
        "curves": len(labelled),
        **_shares(total),
        "curves_with_nothing_due": len(silent),
        "of_these_without_a_false_alarm": sum(not count([curve])[1] for curve in silent),
        "by_finding": {code: {**vars(by_code[code]), **_shares(by_code[code])} for code in sorted(by_code)},
        "mistakes": mistakes,
    }


def _shares(counts: Counts) -> dict[str, float | None]:
    said = counts.right + counts.wrong
    return {
        "precision": round(counts.right / said, 3) if said else None,
        "recall": round(counts.found / counts.due, 3) if counts.due else None,
    }


def coverage(labelled: Sequence[Labelled]) -> dict[str, Any]:
    """How often the last accuracy of a recorded run lay within the interval that was forecast when a half, and three
    quarters, of its epochs were known."""
    kinds: dict[str, Counter[str]] = {}
    widths: dict[str, list[float]] = {}
    for curve in labelled:
        run = curve.run
        accuracy = run.held_out_accuracy.finite()
        if curve.kind != "recorded" or run.diverged or len(accuracy) < 10 or accuracy.epochs[-1] != len(accuracy) - 1:
            continue
        constant = run.spec is not None and run.spec.schedule.name == "constant"
        for share in (0.5, 0.75):
            known = {epoch: row for epoch, row in run.rows.items() if epoch < share * len(accuracy)}
            foretold = forecast(replace(run, rows=known), int(accuracy.epochs[-1]))
            if foretold is None:
                continue
            kind = f"{'constant' if constant else 'falling'} learning rate, {share:.0%} known"
            kinds.setdefault(kind, Counter())["forecasts"] += 1
            kinds[kind]["held"] += int(foretold.low <= accuracy.values[-1] <= foretold.high)
            widths.setdefault(kind, []).append(foretold.high - foretold.low)
    return {
        kind: {
            "forecasts": found["forecasts"],
            "held": found["held"],
            "coverage": round(found["held"] / found["forecasts"], 3),
            "median_width": round(sorted(widths[kind])[len(widths[kind]) // 2], 4),
        }
        for kind, found in sorted(kinds.items())
    }


def measure() -> dict[str, Any]:
    """All of it; the same each time."""
    every = list(curves())
    return {
        "chosen_on": quality([curve for curve in every if not curve.held_out]),
        "held_out": quality([curve for curve in every if curve.held_out]),
        "held_out_recorded": quality([curve for curve in every if curve.held_out and curve.kind == "recorded"]),
        "forecast_probability": 0.8,
        "forecast_coverage": coverage(every),
    }


def main() -> None:
    """Measure, print tables, and keep the result."""
    measured = measure()
    for part in ("chosen_on", "held_out", "held_out_recorded"):
        told = measured[part]
        print(f"\n{part}: {told['curves']} curves, precision {told['precision']}, recall {told['recall']}")
        rows = [
            (code, str(each["due"]), str(each["found"]), str(each["right"]), str(each["wrong"]))
            for code, each in told["by_finding"].items()
        ]
        print_table(("finding", "due", "found", "right", "false alarms"), rows)
        for mistake in told["mistakes"]:
            print(mistake)
    print(json.dumps(measured["forecast_coverage"], indent=2))
    save("diagnosis", ["numpy"], measured)


if __name__ == "__main__":
    main()
