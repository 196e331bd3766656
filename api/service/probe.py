"""Calls a function that may never return, and waits for its result only for a limited time."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import Generic, TypeVar

import structlog

Answer = TypeVar("Answer")

log = structlog.get_logger()


class Probe(Generic[Answer]):
    """Calls `question` in a thread of its own, so that the caller of `ask` waits no longer than its timeout.

    At most one such thread runs at a time: a call of `ask` while it runs waits for the same answer.
    """

    def __init__(self, question: Callable[[], Answer]) -> None:
        self._question = question
        self._lock = threading.Lock()
        self._asked: Future[Answer] | None = None
        self._answered: tuple[Answer | None, float] | None = None  # the last answer, None if it failed, and when

    def ask(self, timeout_seconds: float) -> Answer | None:
        """The answer. None if it does not come in time, or if `question` raises."""
        try:
            return self._begin().result(timeout_seconds)
        except Exception:  # whatever it is: `_answer` has logged it
            return None

    async def ask_async(self, timeout_seconds: float, max_age_seconds: float) -> Answer | None:
        """As `ask`, but without blocking a thread. Returns the last answer if it is younger than `max_age_seconds`."""
        if self._answered and monotonic() - self._answered[1] < max_age_seconds:
            return self._answered[0]
        try:
            async with asyncio.timeout(timeout_seconds):
                return await asyncio.shield(asyncio.wrap_future(self._begin()))
        except Exception:  # as above
            return None

    def _begin(self) -> "Future[Answer]":
        with self._lock:
            if self._asked is None or self._asked.done():
                asked: Future[Answer] = Future()
                threading.Thread(target=self._answer, args=(asked,), name="probe", daemon=True).start()
                self._asked = asked  # not before there is a thread that answers it
            return self._asked

    def _answer(self, asked: "Future[Answer]") -> None:
        try:
            answer = self._question()
        except Exception as error:  # whatever it is: those who wait must get an answer
            log.warning("probe failed", error=str(error))
            self._answered = None, monotonic()
            asked.set_exception(error)
        else:
            self._answered = answer, monotonic()
            asked.set_result(answer)
