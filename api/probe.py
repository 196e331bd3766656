"""Asking something that may never answer."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
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

    def ask(self, timeout_seconds: float) -> Answer | None:
        """None where there is no answer in time, or an error for one."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = Future()
                threading.Thread(target=self._answer, args=(self._asked,), name="probe", daemon=True).start()
            asked = self._asked
        try:
            return asked.result(timeout_seconds)
        except Exception:  # whatever it raised, there is no answer; `_answer` has logged it
            return None

    def _answer(self, asked: "Future[Answer]") -> None:
        try:
            asked.set_result(self._question())
        except Exception as error:  # whatever it is, who asked must hear of it
            log.warning("probe failed", error=str(error))
            asked.set_exception(error)
