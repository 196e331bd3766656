"""How often a verdict on two repeated jobs is right, with networks that are really trained.

`python -m benchmarks.significance` trains a ResNet-20 on digits under many seeds, by one spec and by one whose accuracy
is a few points lower. Then, TRIALS times each:

- equal specs: two groups of five runs under other seeds; no run is in two groups. How often are they told apart?
- the two specs: five runs of each say how many seeds would show their difference. So many runs of each are drawn. How
  often are they told apart?

Accuracies are kept in `data/bench/significance.json` as they come; a run that broke off goes on from there.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from benchmarks.result import print_table, save
from training.notebook import EpochMetrics, Trainer, TrainingSpec, load_dataset
from training.significance import MOST_REPEATS, Difference, compare_runs

REPEATS, TRIALS = 5, 20
RUNS = 2 * REPEATS * TRIALS
COMMON = {"dataset": "digits", "architecture": "resnet20", "epochs": 2, "batch_size": 64, "compile": "off"}
SPECS = {
    name: {"optimizer": {"name": "sgd", "learning_rate": rate}} for name, rate in {"base": 0.05, "lower": 0.015}.items()
}
KEPT = Path(__file__).parents[1] / "data" / "bench" / "significance.json"


def train(runs: dict[str, int]) -> tuple[dict[str, list[float]], float]:
    """Test accuracies after the last epoch, by spec, for the seeds from 0; and one image's share of them."""
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[float]] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    dataset = load_dataset("digits")
    for name, count in runs.items():
        done = found.setdefault(name, [])
        for seed in range(len(done), count):
            spec = TrainingSpec.model_validate({**COMMON, **SPECS[name], "seed": seed})
            *_, last = (each for each in Trainer(spec, dataset).epochs() if isinstance(each, EpochMetrics))
            assert last.test_accuracy is not None
            done.append(last.test_accuracy)
            KEPT.write_text(json.dumps(found))
    return {name: found[name][:count] for name, count in runs.items()}, 1 / len(dataset.test.labels)


def equal_specs(accuracies: Sequence[float], resolution: float) -> dict[str, Any]:
    """Groups of runs of one spec, none of which share seeds, and the same as if each pair of runs shared one."""
    told_apart = {"paired": 0, "not_paired": 0}
    for trial in range(TRIALS):
        start = 2 * REPEATS * trial
        first, second = accuracies[start : start + REPEATS], accuracies[start + REPEATS : start + 2 * REPEATS]
        told_apart["paired"] += _is_different(_compare(first, second, resolution, paired=True))
        told_apart["not_paired"] += _is_different(_compare(first, second, resolution, paired=False))
    return {"trials": TRIALS, "runs_of_each": REPEATS, "told_apart": told_apart}


def two_specs(base: Sequence[float], lower: Sequence[float], resolution: float) -> dict[str, Any]:
    """With as many runs as five of each have asked for."""
    rng, difference = random.Random(0), fmean(base) - fmean(lower)
    at_once, asked, told_apart, too_many = 0, list[int](), 0, 0
    for _ in range(TRIALS):
        pilot = _compare(rng.sample(base, REPEATS), rng.sample(lower, REPEATS), resolution, paired=False)
        at_once += _is_different(pilot)
        assert pilot.repeats_for is not None
        needed = next(
            (count for each, count in sorted(pilot.repeats_for.items(), reverse=True) if each <= difference), None
        )
        if needed is None:
            too_many += 1
            continue
        asked.append(needed)
        drawn = _compare(rng.sample(base, needed), rng.sample(lower, needed), resolution, paired=False)
        told_apart += _is_different(drawn)
    return {
        "trials": TRIALS,
        "difference_of_all_runs": round(difference, 4),
        "told_apart_by_five": at_once,
        "seeds_asked_for": asked,
        f"asked_for_more_than_{MOST_REPEATS}": too_many,
        "told_apart_by_as_many_as_asked_for": told_apart,
    }


def _compare(first: Sequence[float], second: Sequence[float], resolution: float, *, paired: bool) -> Difference:
    start = 0 if paired else len(first)
    return compare_runs(dict(enumerate(first)), dict(enumerate(second, start)), resolution)


def _is_different(found: Difference) -> bool:
    return found.verdict == "different"


def main() -> None:
    """Train, judge, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lower-runs", type=int, default=RUNS // 2, help="of the second spec")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    accuracies, resolution = train({"base": RUNS, "lower": arguments.lower_runs})
    base, lower = accuracies["base"], accuracies["lower"]
    equal, apart = equal_specs(base, resolution), two_specs(base, lower, resolution)
    print_table(
        ("spec", "runs", "mean", "deviation"),
        [[name, str(len(all_)), f"{fmean(all_):.4f}", f"{stdev(all_):.4f}"] for name, all_ in accuracies.items()],
    )
    print_table(("equal specs", ""), [[name, str(value)] for name, value in equal.items()])
    print_table(("two specs", ""), [[name, str(value)] for name, value in apart.items()])
    specs = {name: {**COMMON, **fields} for name, fields in SPECS.items()}
    found = {"specs": specs, "accuracies": accuracies, "equal_specs": equal, "two_specs": apart}
    print(f"Written to {save('significance', ['torch'], found)}.")


if __name__ == "__main__":
    main()
