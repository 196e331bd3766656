"""Sends the messages that `jobs.outbox` and `webhooks.messages` write, until they arrive or are given up."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Condition, Thread
from time import monotonic

import structlog

from jobs.reconciler import Chore, doing
from models import Database, DatabaseUnavailable
from webhooks import messages, signing
from webhooks.addresses import Networks
from webhooks.claims import Claimed, any_due, claim, settle
from webhooks.posting import Deadline, Outcome, Poster
from webhooks.slots import Slots

LOOK_EVERY_SECONDS = 1.0
FORGET_EVERY_SECONDS = 3600.0
LEAVE_WITHIN_SECONDS = 2.0

PROMPT_SECONDS = 3.0  # a receiver that answers within this time may receive several messages at once

log = structlog.get_logger()


@contextmanager
def sending(database: Database, networks: Networks) -> Iterator[None]:
    """Send due messages while the context lasts. Messages that are unfinished at its end are sent by another process,
    once their lease has run out."""
    sender = Sender(database, Poster(networks))
    try:
        with doing([Chore(LOOK_EVERY_SECONDS, sender.look)]):
            yield
    finally:
        sender.close(LEAVE_WITHIN_SECONDS)


def forgetting(database: Database) -> Chore:
    """Deletes old deliveries."""

    def forget() -> None:
        more = True
        while more:
            with database.session() as session:
                more = messages.forget_old(session)

    return Chore(FORGET_EVERY_SECONDS, forget)


class Sender:
    """Sends each message in a thread of its own. The number of threads is bounded; while nothing is due, there are
    none."""

    def __init__(self, database: Database, poster: Poster) -> None:
        self._database = database
        self._poster = poster
        self._slots = Slots()
        self._changed = Condition()  # of the slots
        self._closed = False

    def look(self) -> None:
        """Start sending due messages, as many as there are slots for. If nothing is due, this costs one cheap query."""
        if self._any_due():
            with self._changed:
                self._claim_and_begin()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is being sent, at most this long. False if something still is."""
        with self._changed:
            return self._changed.wait_for(self._slots.idle, seconds)

    def close(self, seconds: float) -> None:
        """Start no more messages, and wait at most this long for those that are being sent."""
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
            self._slots.take(each.webhook_id, each.project, 1)

    def _send(self, claimed: Claimed, deadline: Deadline) -> None:
        began, arrived = monotonic(), False
        # After an error here, the message is sent again when its lease has run out.
        with _logged("webhook delivery not recorded", **_about(claimed)):
            outcome = self._attempt(claimed, deadline)
            arrived = outcome.error is None
            with self._database.session() as session:
                settle(session, claimed, outcome)
        with self._changed:
            self._slots.free(claimed.webhook_id, promptly=arrived and monotonic() - began < PROMPT_SECONDS)
            with _logged("webhooks not looked at"):  # the freed slot is used now, not at the next periodic check
                if self._any_due():
                    self._claim_and_begin()
            self._changed.notify_all()

    def _attempt(self, claimed: Claimed, deadline: Deadline) -> Outcome:
        try:
            headers = signing.headers(claimed.secret, claimed.id, claimed.payload, datetime.now(UTC))
            outcome = self._poster.post(claimed.url, headers, claimed.payload, deadline)
        except Exception:  # a bug of ours: the message is retried on schedule, not only after its lease
            log.exception("webhook delivery failed", **_about(claimed))
            return Outcome(error="It could not be sent: the service's log says why.")
        say = log.debug if outcome.error is None else log.info
        say("webhook delivery", **_about(claimed), status=outcome.status, error=outcome.error)
        return outcome


@contextmanager
def _logged(event: str, **about: str | int) -> Iterator[None]:
    """Log errors in a thread: nothing else would report them."""
    try:
        yield
    except DatabaseUnavailable as error:
        log.warning(event, **about, **error.told)
    except Exception:  # a bug of ours must not end the sending
        log.exception(event, **about)


def _about(claimed: Claimed) -> dict[str, str | int]:
    return {"webhook_id": claimed.webhook_id, "delivery_id": claimed.id, "attempt": claimed.attempt}
