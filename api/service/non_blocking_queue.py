"""What the API does beside answering: it tells workers of new jobs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue

import structlog

from jobs.delivery import BROKER_TIMEOUT_SECONDS, BrokerState, TrainingQueue

# Messages that wait to be sent. One that finds no room is not sent: workers look for themselves.
MOST_WAITING = 1000

# Of those that wait, the last so many are sent.
MOST_AT_ONCE = 8

log = structlog.get_logger()


class NonBlockingQueue:
    """A training queue whose `send` returns at once: a broker that does not answer slows no request, and holds none
    of the threads that answer requests. What it loses, workers find by themselves.
    """

    def __init__(self, queue: TrainingQueue) -> None:
        self._queue = queue
        self._unsent: Queue[str | None] = Queue(MOST_WAITING)

    def send(self, job_id: str) -> bool:
        """False where too many wait already."""
        try:
            self._unsent.put_nowait(job_id)
        except Full:
            return False
        return True

    def state(self) -> BrokerState:
        """As the queue says."""
        return self._queue.state()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send what there is to send, in a thread, for as long as the context lasts."""
        thread = threading.Thread(target=self._send_all, name="send", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._close()
            thread.join(BROKER_TIMEOUT_SECONDS)

    def _send_all(self) -> None:
        while (job_id := self._unsent.get()) is not None:
            try:
                self._queue.send(job_id)
            except Exception:  # of whatever kind: the thread must live to send the next one
                log.exception("message not sent", job_id=job_id)
            self._pace()

    def _pace(self) -> None:
        """Of very many at once only some are sent, so that whoever submits thousands does not slow everybody's requests
        down: a worker that was told of one job takes every other that it finds, too."""
        while self._unsent.qsize() > MOST_AT_ONCE:
            if self._unsent.get() is None:  # the end
                self._unsent.put(None)
                return

    def _close(self) -> None:
        """Drop what is unsent, so that the thread sees its end at once."""
        while True:
            try:
                self._unsent.get_nowait()
            except Empty:
                break
        self._unsent.put(None)
