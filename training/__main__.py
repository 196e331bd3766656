"""Train from a spec in a file, and print what is measured, a JSON object a line:

    python -m training spec.json
    torchrun --nproc-per-node 2 -m training spec.json

Several processes train together, and the first of them prints: `facts`, `step`, `epoch`, or an `error` with its
`kind` and `detail`, and a `path` or a `hint` where there is one. SIGTERM ends the run between two steps. Exit codes: 0
for a run that ended or was told to stop, 1 with a line of `error` for one that cannot go on.
"""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import distributed

from training.engine.conflicts import SpecConflict
from training.engine.data import DatasetInvalid, load_dataset
from training.engine.progress import SavePoint
from training.engine.team import Team
from training.engine.totals import Diverged
from training.engine.trainer import Trainer
from training.image_folders import LARGEST_IMAGE_MEGAPIXELS
from training.metrics import EpochMetrics, RunFacts, StepMetrics
from training.parent_death_signal import die_with_parent
from training.spec import TrainingSpec

KINDS = {RunFacts: "facts", StepMetrics: "step", EpochMetrics: "epoch"}


def main() -> int:
    """The exit code."""
    arguments = _arguments()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if distributed.is_torchelastic_launched():
        die_with_parent(signal.SIGKILL)  # a killed launcher leaves nobody behind
    team = Team.from_launcher()
    torch.set_num_threads(arguments.threads or max(1, (os.cpu_count() or 1) // team.size))
    try:
        _train(arguments, team, stop.is_set)
    except Diverged as error:
        if team.rank == 0:
            _print(error.metrics)
            _write(json.dumps({"error": _told(error)}))
        return 1
    except (
        DatasetInvalid,
        SpecConflict,
        ValueError,
        OSError,
    ) as error:  # mistakes of the spec or the data, a full disk
        if team.rank == 0:
            _write(json.dumps({"error": _told(error)}))
        return 1
    finally:
        if team.size > 1:
            distributed.destroy_process_group()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train a network as a spec says.")
    parser.add_argument("spec", type=Path, help="JSON file, as POST /v1/jobs takes it under `spec`")
    parser.add_argument("--save-weights", type=Path, help="file for the trained weights, once every epoch is done")
    parser.add_argument("--datasets-dir", type=Path, default=Path("data/datasets"), help="image folders")
    parser.add_argument("--downloads-dir", type=Path, default=Path("data/downloads"), help="downloaded data sets")
    parser.add_argument("--cache-dir", type=Path, default=Path("data/cache"), help="decoded images, measured speeds")
    parser.add_argument("--weights-dir", type=Path, default=Path("data/weights"), help="where starting_weights are")
    parser.add_argument(
        "--largest-image-megapixels",
        type=int,
        default=LARGEST_IMAGE_MEGAPIXELS,
        help="a larger image counts as broken: by default, one of more than 256",
    )
    parser.add_argument("--threads", type=int, help="of each process; all cores shared out, by default")
    return parser.parse_args()


def _train(arguments: argparse.Namespace, team: Team, should_stop: Callable[[], bool]) -> None:
    spec = TrainingSpec.model_validate_json(arguments.spec.read_bytes())
    dataset = load_dataset(
        spec.dataset,
        image_size=spec.image_size,
        resize=spec.resize,
        unreadable=spec.unreadable_images,
        datasets_dir=arguments.datasets_dir,
        downloads_dir=arguments.downloads_dir,
        cache_dir=arguments.cache_dir,
        largest_image_megapixels=arguments.largest_image_megapixels,
    )
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    if torch.cuda.is_available():
        torch.cuda.set_device(device)
    trainer = Trainer(
        spec, dataset, device, team=team, cache_dir=arguments.cache_dir, weights_dir=arguments.weights_dir
    )
    say = _print if team.rank == 0 else _ignore
    say(trainer.facts)
    for measured in trainer.epochs(should_stop):
        if not isinstance(measured, SavePoint):
            say(measured)
    if arguments.save_weights and team.rank == 0 and trainer.progress.finished(spec):
        trainer.save_weights(arguments.save_weights)


def _told(error: Exception) -> dict[str, Any]:
    told = {"kind": type(error).__name__, "detail": str(error)}
    match error:
        case DatasetInvalid():
            return told | {"detail": error.detail, "hint": error.hint}
        case SpecConflict():
            return told | {"path": list(error.path)}
        case ValidationError():
            first = error.errors(include_url=False)[0]
            return told | {"detail": first["msg"], "path": list(first["loc"])}
    return told


def _print(measured: RunFacts | StepMetrics | EpochMetrics) -> None:
    _write(f'{{"{KINDS[type(measured)]}": {measured.model_dump_json()}}}')


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _ignore(measured: RunFacts | StepMetrics | EpochMetrics) -> None:
    pass


if __name__ == "__main__":
    code = main()
    if distributed.is_torchelastic_launched():
        # A thread of gloo's may still have to let go of the last sum, which a dying interpreter aborts.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
