"""What the same specs come to without faults: trained once each, by the library's own command; up to a place on the
way, by this module's: `python -m tests.chaos.reference FOLDER VARIANT.EPOCH.STEP...`."""

import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from tests.chaos.programs import ROOT
from training.spec import TrainingSpec

THREADS = 1  # as each worker has it, which is kept to one core
LIMIT_SECONDS = 300.0


Place = tuple[int, int, int]  # a variant, and the epoch and the step that would be the next


class References:
    """Trains in the background, one spec after the other, from the start on."""

    def __init__(self, folder: Path, specs: Sequence[TrainingSpec]) -> None:
        folder.mkdir()
        self._folder = folder
        self._specs = specs
        self._sha256: dict[int, str] = {}
        self._said = ""
        self._thread = threading.Thread(target=self._train_all, name="references", daemon=True)
        self._thread.start()

    def sha256(self) -> dict[int, str]:
        """Of the final weights, by the spec's place; those that could not be trained are missing. Waits for them."""
        self._thread.join()
        if len(self._sha256) < len(self._specs):
            raise RuntimeError(f"a spec does not train even without faults: {self._said}")
        return self._sha256

    def part_way(self, places: Collection[Place]) -> dict[Place, str]:
        """SHA-256 of the weights of a run that stops at each of them; those that it does not come by are missing."""
        if not places:
            return {}
        stops = [".".join(map(str, place)) for place in sorted(places)]
        command = [sys.executable, "-m", "tests.chaos.reference", str(self._folder), *stops]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"the runs up to {', '.join(stops)} failed: {done.stderr[-2000:]}")
        files = {place: _part_way_file(self._folder, place) for place in places}
        return {place: sha256(file.read_bytes()).hexdigest() for place, file in files.items() if file.exists()}

    def _spec_file(self, variant: int) -> Path:
        return self._folder / f"spec-{variant}.json"

    def _train_all(self) -> None:
        for place, spec in enumerate(self._specs):
            file, weights = self._spec_file(place), self._folder / f"weights-{place}.safetensors"
            file.write_text(spec.model_dump_json(exclude_unset=True))
            folders = [f"--{name}-dir={self._folder / name}" for name in ("datasets", "downloads", "cache", "weights")]
            options = [f"--save-weights={weights}", f"--threads={THREADS}", *folders]
            launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={spec.devices}", "-m"]
            together = launcher if spec.devices > 1 else []
            command = [sys.executable, "-m", *together, "training", str(file), *options]
            # A little behind the service: what it is late with, nobody misses before the end.
            polite = ["nice", "-n", "5", *command]
            done = subprocess.run(polite, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
            if done.returncode != 0:
                self._said = (done.stdout + done.stderr)[-2000:]
                return
            self._sha256[place] = sha256(weights.read_bytes()).hexdigest()


def _part_way_file(folder: Path, place: Place) -> Path:
    return folder / f"part-way-{'-'.join(map(str, place))}.safetensors"


def main(folder: Path, places: Sequence[Place]) -> None:
    """Train each variant once, stopping at each of its places; they are in order."""
    import torch  # which the harness itself has no use for

    torch.set_num_threads(THREADS)
    for variant, of_it in groupby(places, key=itemgetter(0)):
        _train_up_to(folder, variant, list(of_it))


def _train_up_to(folder: Path, variant: int, places: Sequence[Place]) -> None:
    from training.engine.data import load_dataset
    from training.engine.trainer import Trainer

    spec = TrainingSpec.model_validate_json((folder / f"spec-{variant}.json").read_bytes())
    datasets, downloads, cache = (folder / name for name in ("datasets", "downloads", "cache"))
    dataset = load_dataset(spec.dataset, datasets_dir=datasets, downloads_dir=downloads, cache_dir=cache)
    trainer = Trainer(spec, dataset, "cpu", cache_dir=cache)

    def here() -> Place:
        return variant, trainer.progress.epoch, trainer.progress.step

    for place in places:
        for _ in trainer.epochs(partial(_is_at, here, place)):
            pass
        if here() == place:
            trainer.save_weights(_part_way_file(folder, place))


def _is_at(here: Callable[[], Place], place: Place) -> bool:
    return here() == place


def _read(place: str) -> Place:
    variant, epoch, step = place.split(".")
    return int(variant), int(epoch), int(step)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [_read(place) for place in sys.argv[2:]])
