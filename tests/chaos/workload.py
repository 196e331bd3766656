"""What clients do while the faults happen: submit jobs, and cancel, stop, pause and resume some of them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from models import TERMINAL
from tests.chaos.client import Client, Heard, InternalError
from tests.chaos.contract import Offers, Verb
from tests.chaos.plan import Plan, PlannedJob

ROUND_SECONDS = 0.2


@dataclass(slots=True)
class Ticket:
    """A job as its client knows it."""

    planned: PlannedJob
    job_id: str
    accepted_at: float
    taken: Verb | None = None  # what was asked of it, once that was acknowledged
    taken_at: float | None = None  # when the acknowledgement arrived
    refused: bool = False  # it had ended already
    unanswered: bool = False  # what was asked of it was answered with an internal error, and is not asked again
    resumed: bool = False
    ran_at: float | None = None  # when it was first seen to run
    status: str = "queued"

    @property
    def ended(self) -> bool:
        """Nothing more happens to it."""
        return self.status in TERMINAL


class Workload:
    """Clients at work, in a thread, from the start on. Times are those of `time.monotonic`."""

    def __init__(self, url: str, plan: Plan, offers: Offers, heard: Heard) -> None:
        self.tickets: tuple[Ticket, ...] = ()
        self.problems: list[str] = []  # answers that a good client should never have got
        self._plan = plan
        self._offers = offers
        self._url = url
        self._client = Client(url, heard)
        self._submitting, self._working = threading.Event(), threading.Event()
        self._submitting.set()
        self._working.set()
        self._planned = plan.jobs()
        self._next = next(self._planned)
        self._senders = ThreadPoolExecutor(3)
        self._thread = threading.Thread(target=self._work, name="workload", daemon=True)
        self._thread.start()

    def finish(self, seconds: float) -> None:
        """After the last fault: have one more job accepted, submit no more, and wait until every accepted job has ended
        and the service says that it is ready; for so long at most."""
        deadline, accepted = time.monotonic() + seconds, len(self.tickets)
        if not self._wait(lambda: len(self.tickets) > accepted, deadline):
            self.problems.append("no job was accepted after the last fault")
        self._submitting.clear()
        self._wait(self._all_ended, deadline)
        if not self._wait(self._client.is_ready, deadline):
            self.problems.append("the service was not ready again after the last fault")
        self.stop()

    def _wait(self, until: Callable[[], bool], deadline: float) -> bool:
        """Whether it came to be, in time or at the last moment."""
        while not until():
            if time.monotonic() >= deadline or not self._thread.is_alive():
                return False
            time.sleep(ROUND_SECONDS)
        return True

    def stop(self) -> None:
        """At once, whatever is under way."""
        self._working.clear()
        self._thread.join()
        self._senders.shutdown()
        self._client.close()

    def _all_ended(self) -> bool:
        return all(ticket.ended for ticket in self.tickets)

    def _work(self) -> None:
        while self._working.is_set():
            try:
                for act in self._acts():
                    with suppress(InternalError):  # it is noted
                        act()
            except Exception as error:  # whatever a client meets must be judged, and the others must go on
                self.problems.append(f"{type(error).__name__}: {error}")
            time.sleep(ROUND_SECONDS)

    def _acts(self) -> Iterator[Callable[[], None]]:
        """What there is to do in this round."""
        under_way = [ticket for ticket in self.tickets if not ticket.ended]
        for ticket in under_way:
            yield partial(self._look_after, ticket)
        if self._submitting.is_set() and len(under_way) < self._plan.in_flight:
            yield self._submit

    def _submit(self) -> None:
        """The next job: until it is accepted, it stays the next."""
        planned = self._next
        spec = self._plan.variants[planned.variant].model_dump(mode="json", exclude_unset=True)
        if planned.time_limit_minutes is not None:
            spec["time_limit_minutes"] = planned.time_limit_minutes
        body: dict[str, Any] = {"name": planned.name, "spec": spec}
        if self._offers.max_retries is not None:
            body["max_retries"] = self._offers.max_retries
        try:
            ids = self._send_together(planned, body)
        except InternalError:  # not to be repeated: it is left out
            self._next = next(self._planned)
            raise
        if not ids:
            return
        if len(set(ids)) > 1:
            self.problems.append(f"{planned.name}: requests with one key were answered with {len(set(ids))} jobs")
        self.tickets = (*self.tickets, Ticket(planned, ids[0], time.monotonic()))
        self._next = next(self._planned)

    def _send_together(self, planned: PlannedJob, body: dict[str, Any]) -> Sequence[str]:
        """The ids that identical requests were answered with, those that were."""
        if planned.at_once == 1:
            answers: Sequence[str | None] = [self._client.submit(planned.name, body)]
        else:
            sent = [self._senders.submit(self._client.submit, planned.name, body) for _ in range(planned.at_once)]
            answers = [each.result() for each in sent]
        return [answer for answer in answers if answer is not None]

    def _look_after(self, ticket: Ticket) -> None:
        verb = ticket.planned.verb
        is_asked = ticket.taken is not None or ticket.refused or ticket.unanswered
        if verb in self._offers.verbs and _is_due(ticket) and not is_asked:
            self._ask(ticket, verb)
        elif ticket.taken == "pause" and time.monotonic() - (ticket.taken_at or 0.0) >= ticket.planned.paused_seconds:
            self._resume(ticket)
        ticket.status = self._client.status(ticket.job_id) or ticket.status
        if ticket.status == "running" and ticket.ran_at is None:
            ticket.ran_at = time.monotonic()

    def _resume(self, ticket: Ticket) -> None:
        """Or take the pause back, should it not have begun. A pause that was sent twice may come twice."""
        if ticket.status == "paused" or not ticket.resumed:
            ticket.resumed = self._client.ask(ticket.job_id, "resume") is not None

    def _ask(self, ticket: Ticket, verb: Verb | None) -> None:
        assert verb
        try:
            taken = self._client.ask(ticket.job_id, verb)
        except InternalError:
            ticket.unanswered = True
            raise
        ticket.refused = taken is False
        if taken:
            ticket.taken, ticket.taken_at = verb, time.monotonic()


def _is_due(ticket: Ticket) -> bool:
    """Whether it is time for what is to be asked of the job."""
    since = ticket.ran_at if ticket.planned.once_it_runs else ticket.accepted_at
    return since is not None and time.monotonic() - since >= ticket.planned.verb_after_seconds
