"""Sends the messages that `jobs.outbox` and `webhooks.deliveries` have stored, repeatedly until each arrives."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Condition, Thread
from time import monotonic

import structlog

from jobs.periodic import PeriodicTask, running_periodically
from models import Database, DatabaseUnavailable, log_outage
from webhooks import deliveries, signing
from webhooks.addresses import Networks
from webhooks.claims import Claimed, any_due, claim, settle
from webhooks.posting import Deadline, Outcome, Poster
from webhooks.slots import Slots

POLL_SECONDS = 1.0
FORGET_EVERY_SECONDS = 3600.0
LEAVE_WITHIN_SECONDS = 2.0

PROMPT_SECONDS = 3.0  # a receiver that answers within this time may be sent several messages at once

log = structlog.get_logger()


@contextmanager
def sending(database: Database, networks: Networks) -> Iterator[None]:
    """Send due messages for as long as the context lasts. Those that are not sent when it ends are sent by another
    process, once their leases have run out."""
    sender = Sender(database, Poster(networks))
    try:
        with running_periodically([PeriodicTask(POLL_SECONDS, sender.send_due)]):
            yield
    finally:
        sender.close(LEAVE_WITHIN_SECONDS)


def deleting_old_deliveries(database: Database) -> PeriodicTask:
    """Delete old deliveries, as a periodic task."""

    def forget() -> None:
        more = True
        while more:
            with database.session() as session:
                more = deliveries.delete_old(session)

    return PeriodicTask(FORGET_EVERY_SECONDS, forget)


class Sender:
    """Sends each message in a thread of its own. Their number is bounded; while nothing is due, there is none."""

    def __init__(self, database: Database, poster: Poster) -> None:
        self._database = database
        self._poster = poster
        self._slots = Slots()
        self._changed = Condition()  # of the slots
        self._closed = False

    def send_due(self) -> None:
        """Begin to send due messages, as many as there are slots for. Costs one cheap query when nothing is due."""
        if self._any_due():
            with self._changed:
                self._claim_and_begin()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is being sent, for `seconds` at most. Whether nothing is being sent."""
        with self._changed:
            return self._changed.wait_for(self._slots.idle, seconds)

    def close(self, seconds: float) -> None:
        """Begin nothing more, and wait up to `seconds` for what is being sent."""
        with self._changed:
            self._closed = True
        self.wait(seconds)

    def _any_due(self) -> bool:
        with self._database.autocommit_read() as session:
            return any_due(session)

    def _claim_and_begin(self) -> None:
        if self._closed:
            return
        with self._database.session() as session:
            claimed = claim(session, self._slots.copy())
        deadline = Deadline()
        for each in claimed:
            Thread(target=self._send, args=(each, deadline), name=f"webhook {each.id}", daemon=True).start()
            self._slots.acquire(each.webhook_id, each.project, 1)

    def _send(self, claimed: Claimed, deadline: Deadline) -> None:
        began, arrived = monotonic(), False
        # What is not recorded here is sent again when the lease has run out.
        with _logged("webhook delivery not recorded", **_about(claimed)):
            outcome = self._attempt(claimed, deadline)
            arrived = outcome.error is None
            with self._database.session() as session:
                settle(session, claimed, outcome)
        with self._changed:
            self._slots.release(claimed.webhook_id, promptly=arrived and monotonic() - began < PROMPT_SECONDS)
            with _logged("webhooks not looked at"):  # a message that waits for a slot gets this one now
                if self._any_due():
                    self._claim_and_begin()
            self._changed.notify_all()

    def _attempt(self, claimed: Claimed, deadline: Deadline) -> Outcome:
        try:
            headers = signing.headers(claimed.secret, claimed.id, claimed.payload, datetime.now(UTC))
            outcome = self._poster.post(claimed.url, headers, claimed.payload, deadline)
        except Exception:  # a fault of ours: store it as the outcome, instead of waiting for the lease
            log.exception("webhook delivery failed", **_about(claimed))
            return Outcome(error="It could not be sent: the service's log says why.")
        say = log.debug if outcome.error is None else log.info
        say("webhook delivery", **_about(claimed), status=outcome.status, error=outcome.error)
        return outcome


@contextmanager
def _logged(event: str, **about: str | int) -> Iterator[None]:
    """Write what is raised inside to the log: in a thread of its own, nothing else would report it."""
    try:
        yield
    except DatabaseUnavailable as error:
        log_outage(log, error, event, **about)
    except Exception:  # a fault of ours, after which the sender must go on
        log.exception(event, **about)


def _about(claimed: Claimed) -> dict[str, str | int]:
    return {"webhook_id": claimed.webhook_id, "delivery_id": claimed.id, "attempt": claimed.attempt}
