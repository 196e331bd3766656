"""The sender: what `jobs.outbox` and `webhooks.deliveries` have written is sent, again and again until it arrives."""

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

PROMPT_SECONDS = 3.0  # within which a receiver answers that may be sent several messages at once

log = structlog.get_logger()


@contextmanager
def sending(database: Database, networks: Networks) -> Iterator[None]:
    """Send what is due for as long as the context lasts. What is not done when it ends is sent by another process, or
    by the next one, once its lease has run out."""
    sender = Sender(database, Poster(networks))
    try:
        with running_periodically([PeriodicTask(POLL_SECONDS, sender.send_due)]):
            yield
    finally:
        sender.close(LEAVE_WITHIN_SECONDS)


def deleting_old_deliveries(database: Database) -> PeriodicTask:
    """Deliveries of long ago."""

    def forget() -> None:
        more = True
        while more:
            with database.session() as session:
                more = deliveries.delete_old(session)

    return PeriodicTask(FORGET_EVERY_SECONDS, forget)


class Sender:
    """Sends each message in a thread of its own, of which there are a bounded number, and none while nothing is due."""

    def __init__(self, database: Database, poster: Poster) -> None:
        self._database = database
        self._poster = poster
        self._slots = Slots()
        self._changed = Condition()  # of the slots
        self._closed = False

    def send_due(self) -> None:
        """Begin to send what is due and finds a slot. One cheap query where nothing is."""
        if self._any_due():
            with self._changed:
                self._claim_and_begin()

    def wait(self, seconds: float) -> bool:
        """Until nothing is being sent, but no longer than so. Whether nothing is."""
        with self._changed:
            return self._changed.wait_for(self._slots.idle, seconds)

    def close(self, seconds: float) -> None:
        """Begin nothing more, and wait so long at most for what is being sent."""
        with self._changed:
            self._closed = True
        self.wait(seconds)

    def _any_due(self) -> bool:
        with self._database.snapshot() as session:
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
        with _logged("webhook delivery not recorded", **_about(claimed)):  # sent again when the lease has run out
            outcome = self._attempt(claimed, deadline)
            arrived = outcome.error is None
            with self._database.session() as session:
                settle(session, claimed, outcome)
        with self._changed:
            self._slots.release(claimed.webhook_id, promptly=arrived and monotonic() - began < PROMPT_SECONDS)
            with _logged("webhooks not looked at"):  # what waited for a slot need not wait for the next look
                if self._any_due():
                    self._claim_and_begin()
            self._changed.notify_all()

    def _attempt(self, claimed: Claimed, deadline: Deadline) -> Outcome:
        try:
            headers = signing.headers(claimed.secret, claimed.id, claimed.payload, datetime.now(UTC))
            outcome = self._poster.post(claimed.url, headers, claimed.payload, deadline)
        except Exception:  # ours, and no reason to leave the message with its lease
            log.exception("webhook delivery failed", **_about(claimed))
            return Outcome(error="It could not be sent: the service's log says why.")
        say = log.debug if outcome.error is None else log.info
        say("webhook delivery", **_about(claimed), status=outcome.status, error=outcome.error)
        return outcome


@contextmanager
def _logged(event: str, **about: str | int) -> Iterator[None]:
    """What goes wrong in a thread is told the log: nobody else would hear."""
    try:
        yield
    except DatabaseUnavailable as error:
        log_outage(log, error, event, **about)
    except Exception:  # ours: without the sender, nothing would be delivered any more
        log.exception(event, **about)


def _about(claimed: Claimed) -> dict[str, str | int]:
    return {"webhook_id": claimed.webhook_id, "delivery_id": claimed.id, "attempt": claimed.attempt}
