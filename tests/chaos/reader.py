"""A reader who polls the metrics all the time, from the outside."""

import threading
import time
from dataclasses import dataclass, replace

from tests.chaos.client import Client, Heard, InternalError
from tests.chaos.workload import Workload

ROUND_SECONDS = 0.1
NEWEST = 8  # jobs that are still read after their end


@dataclass(frozen=True, slots=True)
class Seen:
    """The same answer to one read, or to several in a row. Times are when they were asked, by `time.monotonic`."""

    job_id: str
    first_asked_at: float
    last_asked_at: float
    epochs: tuple[int, ...]


class Reader:
    """Reads in a thread, from the start until `stop`."""

    def __init__(self, url: str, workload: Workload, heard: Heard) -> None:
        self.seen: list[Seen] = []
        self.problems: list[str] = []
        self._latest: dict[str, int] = {}  # place in `seen` of each job's latest
        self._workload = workload
        self._client = Client(url, heard)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name="reader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._stopping.set()
        self._thread.join()
        self._client.close()

    def _read(self) -> None:
        while not self._stopping.wait(ROUND_SECONDS):
            tickets = self._workload.tickets
            newest = {ticket.job_id for ticket in tickets[-NEWEST:]}
            for job_id in newest | {ticket.job_id for ticket in tickets if not ticket.ended}:
                try:
                    self._look_at(job_id)
                except InternalError:
                    continue  # it is noted
                except Exception as error:  # whatever a reader meets must be judged
                    self.problems.append(f"{job_id}: {type(error).__name__}: {error}")

    def _look_at(self, job_id: str) -> None:
        asked_at = time.monotonic()
        epochs = self._client.epochs(job_id)
        if epochs is None:
            return
        place = self._latest.get(job_id)
        if place is not None and self.seen[place].epochs == epochs:
            self.seen[place] = replace(self.seen[place], last_asked_at=asked_at)
            return
        self._latest[job_id] = len(self.seen)
        self.seen.append(Seen(job_id, asked_at, asked_at, epochs))
