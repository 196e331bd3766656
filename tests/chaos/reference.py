"""What the same specs come to without faults: trained once each, by the library's own command."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from tests.chaos.programs import ROOT
from training.spec import TrainingSpec

THREADS = 1  # as each worker has it, which is kept to one core
LIMIT_SECONDS = 120.0


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

    def _train_all(self) -> None:
        for place, spec in enumerate(self._specs):
            file, weights = self._folder / f"spec-{place}.json", self._folder / f"weights-{place}.safetensors"
            file.write_text(spec.model_dump_json(exclude_unset=True))
            folders = [f"--{name}-dir={self._folder / name}" for name in ("datasets", "downloads", "cache", "weights")]
            options = [f"--save-weights={weights}", f"--threads={THREADS}", *folders]
            command = [sys.executable, "-m", "training", str(file), *options]
            # A little behind the service: what it is late with, nobody misses before the end.
            polite = ["nice", "-n", "5", *command]
            done = subprocess.run(polite, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
            if done.returncode != 0:
                self._said = (done.stdout + done.stderr)[-2000:]
                return
            self._sha256[place] = sha256(weights.read_bytes()).hexdigest()
