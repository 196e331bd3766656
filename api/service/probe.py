"""Asking something that may never answer."""

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
    """Asks `question` in a thread of its own, so that its caller waits only as long as it wants.

    There is one such thread at most, however often is asked: who asks while it runs shares its answer.
    """

    def __init__(self, question: Callable[[], Answer]) -> None:
        self._question = question
        self._lock = threading.Lock()
        self._asked: Future[Answer] | None = None
        self._answered: tuple[Answer | None, float] | None = None  # and when; None for an answer: it failed

    def ask(self, timeout_seconds: float) -> Answer | None:
        """None where there is no answer in time, or an error for one."""
        try:
            return self._begin().result(timeout_seconds)
        except Exception:  # whatever it raised, there is no answer; `_answer` has logged it
            return None

    async def hear(self, timeout_seconds: float, fresh_seconds: float) -> Answer | None:
        """The same, without a thread that waits; an answer so old will do."""
        if self._answered and monotonic() - self._answered[1] < fresh_seconds:
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
        except Exception as error:  # whatever it is, who asked must hear of it
            log.warning("probe failed", error=str(error))
            self._answered = None, monotonic()
            asked.set_exception(error)
        else:
            self._answered = answer, monotonic()
            asked.set_result(answer)
