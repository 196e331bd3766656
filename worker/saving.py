"""A run's files: checkpoints while it trains, weights at its end, and what it predicts where that is asked for.

Checkpoints are stored in a thread. If the storage does not accept one, the run goes on: the checkpoint before it still
stands. Weights and predictions are the result of the run: if the storage is full or away, the run waits for it.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from jobs.checkpoints import CheckpointFile
from storage import Storage, StoredFile
from training.engine.checkpoints import CheckpointWriter
from training.engine.progress import Progress
from training.engine.trainer import Trainer
from training.grace_periods import STORE_SECONDS, grace_period
from training.images.predictions import Predictions
from worker.messages import Alive, CheckpointStored, Command, Order, Report, Trouble

Done = TypeVar("Done")

# A storage that does not answer, or is full, is tried again every RETRY_SECONDS, for GIVE_UP_SECONDS.
GIVE_UP_SECONDS = 600.0
RETRY_SECONDS = 2.0


class RetryingReader:
    """Reads files, and waits for a storage that is away. To go on from an earlier checkpoint at once, or to fail, would
    throw away what has been trained."""

    def __init__(self, storage: Storage, send: Callable[[Report], None]) -> None:
        self._storage = storage
        self._send = send

    def read(self, file: StoredFile) -> bytes:
        """The file as it was put. Raises FileNotFoundError, FileDamaged, and OSError where the storage is away for too
        long."""
        return _retrying(lambda: self._storage.read_verified(file), f"{file.name} cannot be read yet", self._send)


class Saver:
    """Saves one run. In a team, the first process stores the files, and the others help to gather the state."""

    def __init__(self, order: Order, storage: Storage, trainer: Trainer, send: Callable[[Report], None]) -> None:
        self._folder = f"{order.job_id}/attempt-{order.attempt:04}"
        self._rules = order.spec.checkpoints
        self._storage = storage
        self._trainer = trainer
        self._send = send
        self._leads = trainer.team.rank == 0
        self._writer = CheckpointWriter()
        self._saved_at = time.monotonic()
        self._saved: tuple[int, int] | None = _position(trainer.progress)  # the run began with this checkpoint
        self._failing = False

    def is_due(self) -> bool:
        """Whether it is time to save within an epoch. In a team, the first process decides."""
        minutes = self._rules.minutes
        return (
            self._leads
            and minutes is not None
            and time.monotonic() - self._saved_at >= 60 * minutes
            and not self._writer.busy
        )

    def after_epoch(self) -> None:
        """Save if the spec asks for a checkpoint after the epoch that has just ended."""
        if self._trainer.progress.epoch % self._rules.interval == 0:
            self.save()

    def save(self) -> None:
        """Save the current state, unless the checkpoint before is still being stored: training does not wait for it.
        Every process of a team must call this at the same step."""
        state = self._trainer.state_dict()
        position = _position(self._trainer.progress)
        if self._leads and not self._writer.busy and position != self._saved:
            self._saved, self._saved_at = position, time.monotonic()
            self._writer.save(state, partial(self._store, *position))

    def save_and_wait(self) -> None:
        """Save the current state. Returns when it is stored, or could not be stored."""
        self.wait()
        self.save()
        self.wait()

    def wait(self) -> None:
        """Wait until no checkpoint is being stored."""
        with grace_period(STORE_SECONDS, urgent=True):
            self._writer.wait()

    def store_weights(self, read_command: Callable[[], Command | None]) -> StoredFile | None:
        """Store the weights; None after Command.QUIT, which ends the wait for the storage. Raises OSError where the
        storage is away for too long."""
        return self._store_result("weights", self._trainer.packed_weights(), read_command)

    def store_weights_and_best(
        self, read_command: Callable[[], Command | None]
    ) -> tuple[StoredFile, StoredFile | None] | None:
        """The same, and those of the best epoch where the run keeps them beside its weights. None after Command.QUIT:
        then neither counts, and the attempt that follows stores both."""
        best = self._trainer.packed_best_weights()
        stored = self._store_result("best", best, read_command) if best else None
        if best and not stored:
            return None
        weights = self.store_weights(read_command)
        return (weights, stored) if weights else None

    def store_predictions(self, found: Predictions, read_command: Callable[[], Command | None]) -> StoredFile | None:
        """The same for predictions."""
        return self._store_result("predictions", found.to_bytes(), read_command)

    def _store_result(self, name: str, content: bytes, read_command: Callable[[], Command | None]) -> StoredFile | None:
        def store() -> StoredFile | None:
            with grace_period(STORE_SECONDS, urgent=True):
                if read_command() is Command.QUIT:
                    return None
                return self._storage.put(f"{self._folder}/{name}.safetensors", content)

        return store_with_retries(store, self._send)

    def _store(self, epoch: int, step: int, content: bytes) -> None:
        """In the writer's thread."""
        name = f"{self._folder}/epoch-{epoch:04}-step-{step:06}.safetensors"
        try:
            file = self._storage.put(name, content)
        except OSError as error:
            self._saved = None
            if not self._failing:  # said once, until one succeeds
                self._send(Trouble(event="checkpoint_failed", message=f"A checkpoint could not be stored: {error}."))
            self._failing = True
        else:
            self._failing = False
            self._send(CheckpointStored(checkpoint=CheckpointFile(file, epoch, step)))


def store_with_retries(store: Callable[[], Done], send: Callable[[Report], None]) -> Done:
    """Call `store`, which stores a run's result. Raises OSError where the storage is away for too long."""
    return _retrying(store, "Its weights cannot be stored yet", send)


def _retrying(do: Callable[[], Done], trouble: str, send: Callable[[Report], None]) -> Done:
    """Repeat `do` while it raises OSError, for up to GIVE_UP_SECONDS. FileNotFoundError is not repeated."""
    deadline, is_told = time.monotonic() + GIVE_UP_SECONDS, False
    while True:
        try:
            return do()
        except FileNotFoundError:
            raise
        except OSError as error:
            if time.monotonic() >= deadline:
                raise
            if not is_told:
                send(Trouble(event="storage_waiting", message=f"{trouble}: {error}."))
                is_told = True
            send(Alive())
            time.sleep(RETRY_SECONDS)


def _position(progress: Progress) -> tuple[int, int]:
    return progress.epoch, progress.step
