"""Sends messages about new jobs to the workers, outside the requests that make the jobs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue

import structlog

from jobs.delivery import BROKER_TIMEOUT_SECONDS, BrokerState, TrainingQueue

# How many messages may wait to be sent. Further ones are dropped: workers also poll the database for jobs.
MAX_UNSENT = 1000

# While more messages wait than this, the oldest are dropped.
MAX_BURST = 8

log = structlog.get_logger()


class NonBlockingQueue:
    """A training queue whose `send` returns at once.

    A broker that does not answer then delays no request, and blocks none of the threads that answer requests. A message
    may be lost: workers find its job when they poll the database.
    """

    def __init__(self, queue: TrainingQueue) -> None:
        self._queue = queue
        self._unsent: Queue[str | None] = Queue(MAX_UNSENT)

    def send(self, job_id: str) -> bool:
        """Queue a message. False if too many messages wait already."""
        try:
            self._unsent.put_nowait(job_id)
        except Full:
            return False
        return True

    def state(self) -> BrokerState:
        """Whether the broker takes messages."""
        return self._queue.state()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send the queued messages in a thread while the context lasts."""
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
            except Exception:  # whatever it is: the thread must survive to send the next message
                log.exception("message not sent", job_id=job_id)
            self._drop_excess()

    def _drop_excess(self) -> None:
        """Drop the oldest messages while more than MAX_BURST wait.

        Sending thousands of messages would slow all requests down, and is not needed: a worker that receives one
        message then claims every other job that it finds, too.
        """
        while self._unsent.qsize() > MAX_BURST:
            if self._unsent.get() is None:  # the end marker of `_close`
                self._unsent.put(None)
                return

    def _close(self) -> None:
        """Drop the unsent messages, so that the thread reads the end marker at once."""
        while True:
            try:
                self._unsent.get_nowait()
            except Empty:
                break
        self._unsent.put(None)
