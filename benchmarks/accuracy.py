"""What a recipe reaches on CIFAR-100: mean and deviation of the last epoch's test accuracy over seeds.

    make bench-accuracy RECIPE=standard SEEDS=0,1,2 OPTIONS='--epochs 15 --architecture resnet20'

`lab-baseline`, with its own network, is compared with the lab report's run, point by point, and both curves are drawn.
A run that was broken off goes on where it was when the same command is given again; a finished one is reported anew.
"""

import argparse
import json
import statistics
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.cifar100 import load_cifar100
from benchmarks.result import RESULTS, print_table, processor, save
from settings import read_settings
from training.durable import write_durably
from training.engine.checkpoints import CheckpointWriter, load_checkpoint
from training.engine.data import Dataset
from training.engine.trainer import Trainer
from training.known.recipe_results import RecipeResult, save_result
from training.known.recipes import RECIPES
from training.metrics import EpochMetrics, RunFacts
from training.spec import TrainingSpec

REFERENCE = Path(__file__).parent / "reference" / "lab_run.json"  # the lab report's run: 32 of its 500 epochs


def train(spec: TrainingSpec, dataset: Dataset, folder: Path) -> dict[str, Any]:
    """One run, from its checkpoint in `folder` where there is one: its curve and what it ran on."""
    folder.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = Trainer(spec, dataset, device, cache_dir=read_settings().data_dir / "cache")
    checkpoint = folder / "checkpoint.safetensors"
    curve: list[dict[str, Any]] = []
    facts = trainer.facts.model_dump(mode="json")
    if checkpoint.exists():
        state = load_checkpoint(checkpoint)
        trainer.load_state_dict(state)  # raises where it is another run's: whoever wants to begin anew removes it
        curve, facts = state["curve"], state["facts"]
    writer = CheckpointWriter()
    for measured in trainer.epochs():
        if isinstance(measured, RunFacts):
            facts = measured.model_dump(mode="json")
            print(f"step: {measured.step}", flush=True)
        if isinstance(measured, EpochMetrics):
            curve.append(measured.model_dump())
            writer.save({**trainer.state_dict(), "curve": curve, "facts": facts}, partial(write_durably, checkpoint))
            accuracy = "" if measured.test_accuracy is None else f"test {measured.test_accuracy:.2%}"
            print(
                f"epoch {measured.epoch}: train loss {measured.train_loss:.4f} {accuracy} {measured.seconds:.1f} s",
                flush=True,
            )
    writer.wait()
    return {"seed": spec.seed, "facts": facts, "curve": curve}


def summary(spec: TrainingSpec, runs: list[dict[str, Any]]) -> RecipeResult:
    """What the recipe's page says of these runs, which differ in their seed alone."""
    last = [run["curve"][-1]["test_accuracy"] for run in runs]
    facts = runs[0]["facts"]
    assert spec.recipe
    return RecipeResult(
        recipe=spec.recipe,
        architecture=spec.architecture.name,
        dataset=spec.dataset,
        epochs=spec.epochs,
        seeds=tuple(run["seed"] for run in runs),
        test_accuracy_mean=round(statistics.mean(last), 4),
        test_accuracy_deviation=round(statistics.stdev(last), 4) if len(last) > 1 else None,
        seconds=round(sum(row["seconds"] for run in runs for row in run["curve"]) / len(runs)),
        device=processor() if facts["device"] == "cpu" else facts["device"],
        torch_version=facts["torch_version"],
        date=datetime.now(UTC).date(),
    )


def compare(curve: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Our test accuracy beside the report's, in percent, at every epoch that both have."""
    ours = {row["epoch"]: 100 * row["test_accuracy"] for row in curve if row["test_accuracy"] is not None}
    return [
        {
            "epoch": point["epoch"],
            "report": point["test_accuracy_percent"],
            "ours": round(ours[point["epoch"]], 2),
            "difference": round(ours[point["epoch"]] - point["test_accuracy_percent"], 2),
        }
        for point in json.loads(REFERENCE.read_text())
        if point["epoch"] in ours
    ]


def draw(curve: list[dict[str, Any]], path: Path) -> None:
    """Both curves of test accuracy over epochs."""
    from matplotlib.figure import Figure

    points = json.loads(REFERENCE.read_text())
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([row["epoch"] for row in curve], [100 * row["test_accuracy"] for row in curve], label="lab-baseline")
    axes.plot([p["epoch"] for p in points], [p["test_accuracy_percent"] for p in points], "o", label="the lab report")
    axes.set(xlabel="epoch", ylabel="test accuracy, %", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)


def main() -> None:
    """Train, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("--seeds", default="0", help="separated by commas")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--architecture")
    arguments = parser.parse_args()
    body = {"dataset": "cifar100", "recipe": arguments.recipe}
    body |= {key: value for key in ("epochs", "architecture") if (value := getattr(arguments, key)) is not None}
    dataset, kept_in = load_cifar100(), read_settings().data_dir / "benchmarks"
    specs = [TrainingSpec.model_validate({**body, "seed": int(seed)}) for seed in arguments.seeds.split(",")]
    name = f"accuracy_{arguments.recipe}_{specs[0].architecture.name}_{specs[0].epochs}"
    runs = [train(spec, dataset, kept_in / f"{name}_{spec.seed}") for spec in specs]
    result = summary(specs[0], runs)
    save_result(result)
    print_table(
        ("recipe", "network", "epochs", "seeds", "test accuracy, last epoch", "seconds a run"),
        [
            (
                arguments.recipe,
                result.architecture,
                str(result.epochs),
                str(len(runs)),
                f"{result.test_accuracy_mean:.2%}",
                f"{result.seconds:.0f}",
            )
        ],
    )
    measured: dict[str, Any] = {
        **result.model_dump(mode="json", exclude={"date", "torch_version"}),
        "spec": specs[0].model_dump(mode="json", exclude={"seed"}),
        "runs": runs,
    }
    if arguments.recipe == "lab-baseline" and result.architecture == RECIPES["lab-baseline"].spec["architecture"]:
        measured["comparison"] = compare(runs[0]["curve"])
        print_table(
            ("epoch", "report, %", "ours, %", "difference"),
            [tuple(str(value) for value in point.values()) for point in measured["comparison"]],
        )
        draw(runs[0]["curve"], RESULTS / f"{name}.svg")
    print(f"Kept in {save(name, ['torch'], measured)}.")


if __name__ == "__main__":
    main()
