"""From the database to the receiver: what becomes of a message, however its receiver answers."""

import threading
from collections.abc import Callable, Mapping, Sequence
from threading import Event

import pytest
from pydantic import SecretStr
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError
from structlog.testing import capture_logs

from models import Database, Webhook
from tests.webhooks.conftest import (
    LOOPBACK,
    PATIENCE_SECONDS,
    Answer,
    Receiver,
    add_webhook,
    all_deliveries,
    happen,
    make_due,
    only_delivery,
    receiving,
    seconds_to_wait,
    send_all,
)
from webhooks import endpoints
from webhooks import sender as sender_module
from webhooks.claims import LEASE_SECONDS, Claimed, any_due
from webhooks.posting import Outcome, Poster
from webhooks.retries import LONGEST_RETRY_AFTER, WAITS
from webhooks.sender import Sender, sending
from webhooks.slots import MAX_PER_WEBHOOK


def test_stock_verifier_accepts_what_arrives(database: Database, sender: Sender, receiver: Receiver) -> None:
    webhook = add_webhook(database, receiver.url)
    happen(database)
    send_all(sender)
    [got] = receiver.received
    told = Verifier(webhook.secret).verify(got.body, got.headers)
    assert told["type"] == "job.running"
    sent = only_delivery(database)
    assert (got.id, sent.response_status, sent.attempts, sent.error, sent.next_attempt_at) == (
        sent.id,
        204,
        1,
        None,
        None,
    )
    assert sent.delivered_at
    with pytest.raises(WebhookVerificationError):
        Verifier(webhook.secret).verify(got.body + b" ", got.headers)


def test_a_receiver_that_takes_its_time_gets_one_message_at_a_time(
    database: Database, sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = add_webhook(database, receiver.url)
    for prompt_seconds, at_once in ((PATIENCE_SECONDS, MAX_PER_WEBHOOK), (0.0, 1)):
        monkeypatch.setattr(sender_module, "PROMPT_SECONDS", prompt_seconds)
        happen(database)
        send_all(sender)
        assert sender._slots.available(webhook.id, "default") == at_once


def test_it_is_signed_anew_with_the_secret_that_the_webhook_has_now(
    database: Database, sender: Sender, receiver: Receiver
) -> None:
    webhook = add_webhook(database, receiver.url)
    receiver.answer = lambda _request: (401, {})
    happen(database)
    send_all(sender)
    with database.session() as session:
        rotated = endpoints.rotate_secret(session, "default", webhook.id).secret
    make_due(database)
    send_all(sender)
    first, second = receiver.received
    Verifier(webhook.secret).verify(first.body, first.headers)
    Verifier(rotated).verify(second.body, second.headers)
    assert (first.id, first.body) == (second.id, second.body)


def test_receiver_that_fails_is_asked_again_until_it_recovers(
    database: Database, sender: Sender, receiver: Receiver
) -> None:
    add_webhook(database, receiver.url)
    receiver.answer = lambda _request: (503, {})
    happen(database)
    for number, wait in enumerate(WAITS, 1):
        send_all(sender)
        failed = only_delivery(database)
        assert (failed.attempts, failed.response_status, failed.delivered_at) == (number, 503, None)
        assert failed.error
        assert 0.85 * wait - 2 <= seconds_to_wait(database) <= 1.1 * wait
        send_all(sender)  # not yet
        assert len(receiver.received) == number
        make_due(database)
    receiver.answer = lambda _request: (200, {})
    send_all(sender)
    arrived = only_delivery(database)
    assert (arrived.attempts, arrived.response_status, arrived.error) == (len(WAITS) + 1, 200, None)
    assert arrived.delivered_at
    assert len({request.id for request in receiver.received}) == 1


def test_after_a_day_it_is_given_up(database: Database, sender: Sender, receiver: Receiver) -> None:
    add_webhook(database, receiver.url)
    receiver.answer = lambda _request: (500, {})
    happen(database)
    for _ in range(len(WAITS) + 1):
        send_all(sender)
        make_due(database)
    send_all(sender)
    given_up = only_delivery(database)
    assert (given_up.attempts, given_up.next_attempt_at, given_up.delivered_at) == (len(WAITS) + 1, None, None)
    assert len(receiver.received) == len(WAITS) + 1


def test_receiver_that_is_down_gets_its_message_when_it_is_up(database: Database, sender: Sender) -> None:
    with receiving() as down:
        port = int(down.url.rpartition(":")[2].partition("/")[0])
    add_webhook(database, down.url)
    happen(database)
    send_all(sender)
    assert "could not be connected to" in str(only_delivery(database).error)
    with receiving(port=port) as up:
        make_due(database)
        send_all(sender)
    assert len(up.received) == 1
    assert only_delivery(database).delivered_at


def test_receiver_may_ask_for_patience_within_reason(database: Database, sender: Sender, receiver: Receiver) -> None:
    add_webhook(database, receiver.url)
    happen(database)
    for asked, given in (("60", 60.0), ("0", WAITS[1] * 0.9), (str(10**8), LONGEST_RETRY_AFTER)):
        receiver.answer = answering(429, {"Retry-After": asked})
        send_all(sender)
        assert given - 5 <= seconds_to_wait(database) <= given * 1.25
        make_due(database)


def test_receiver_that_is_gone_disables_its_webhook(database: Database, sender: Sender, receiver: Receiver) -> None:
    gone = add_webhook(database, receiver.url)
    receiver.answer = lambda _request: (410, {})
    happen(database)
    send_all(sender)
    happen(database)
    send_all(sender)
    [told] = all_deliveries(database)
    assert (told.response_status, told.next_attempt_at, told.delivered_at) == (410, None, None)
    with database.snapshot() as session:
        assert not session.get_one(Webhook, gone.id).enabled
        assert not any_due(session)


def test_disabled_webhook_is_sent_nothing_even_of_before(
    database: Database, sender: Sender, receiver: Receiver
) -> None:
    webhook = add_webhook(database, receiver.url)
    happen(database)
    with database.session() as session:  # as in a transaction that the disabling did not see
        session.execute(update(Webhook).values(enabled=False))
    send_all(sender)
    assert receiver.received == []
    told = only_delivery(database)
    assert (told.attempts, told.next_attempt_at, told.error) == (0, None, "The webhook is disabled.")
    with database.session() as session:
        endpoints.change(session, "default", webhook.id, {"enabled": True}, LOOPBACK)
    send_all(sender)
    assert receiver.received == []


def test_deleted_webhook_is_sent_nothing(database: Database, sender: Sender, receiver: Receiver) -> None:
    webhook, other = add_webhook(database, receiver.url), add_webhook(database, f"{receiver.url}/other")
    happen(database)
    endpoints.delete(database, "default", webhook.id)
    happen(database)
    send_all(sender)
    assert [request.path for request in receiver.received] == ["/hook/other"] * 2
    assert {told.webhook_id for told in all_deliveries(database)} == {other.id}


def test_webhook_that_is_deleted_while_it_is_sent_something(
    database: Database, sender: Sender, receiver: Receiver
) -> None:
    webhook, go_on = add_webhook(database, receiver.url), Event()
    receiver.answer = lambda _request: (204 if go_on.wait(PATIENCE_SECONDS) else 500, {})
    happen(database)
    sender.send_due()
    receiver.await_received(1)
    endpoints.delete(database, "default", webhook.id)
    go_on.set()
    assert sender.wait(PATIENCE_SECONDS)
    assert all_deliveries(database) == []


def test_address_that_has_become_forbidden_is_sent_nothing(database: Database, receiver: Receiver) -> None:
    add_webhook(database, receiver.url)
    happen(database)
    send_all(Sender(database, Poster(())))
    assert receiver.received == []
    assert "public Internet" in str(only_delivery(database).error)


def answering(status: int, headers: Mapping[str, str]) -> Callable[[object], Answer]:
    return lambda _request: (status, headers)


def test_context_sends_by_itself_and_leaves(database: Database, receiver: Receiver) -> None:
    add_webhook(database, receiver.url)
    with sending(database, LOOPBACK):
        happen(database)
        receiver.await_received(1)
    assert only_delivery(database).delivered_at
    happen(database)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("webhook")]


def test_closed_sender_begins_nothing(database: Database, sender: Sender, receiver: Receiver) -> None:
    add_webhook(database, receiver.url)
    happen(database)
    sender.close(0)
    sender.send_due()
    assert (receiver.received, only_delivery(database).attempts) == ([], 0)


def test_our_own_mistake_is_told_the_log_and_tried_again(
    database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = add_webhook(database, receiver.url)
    happen(database)

    def explode(*_arguments: object) -> Outcome:
        raise RuntimeError("a bug")

    poster = Poster(LOOPBACK)
    monkeypatch.setattr(poster, "post", explode)
    with capture_logs() as lines:
        send_all(Sender(database, poster))
    assert [line["event"] for line in lines] == ["webhook delivery failed"]
    assert webhook.secret not in str(lines)
    assert only_delivery(database).next_attempt_at


def test_secret_is_in_no_log_and_no_error(database: Database, sender: Sender, receiver: Receiver) -> None:
    webhook = add_webhook(database, f"{receiver.url}?token=hidden")
    receiver.answer = lambda _request: (500, {})
    happen(database)
    with capture_logs() as lines:
        send_all(sender)
    assert [line["event"] for line in lines] == ["webhook delivery"]
    bare = webhook.secret.removeprefix("whsec_")
    told = [str(lines), repr(webhook), str(only_delivery(database).error), str(claim_like(webhook))]
    assert not [text for text in told if bare in text]
    assert "hidden" not in str(lines)


def claim_like(webhook: Webhook) -> Claimed:
    return Claimed("msg_1", webhook.id, "default", 1, webhook.url, SecretStr(webhook.secret), "{}")


def test_database_that_is_away_leaves_the_message_to_its_lease(
    database: Database, sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_arguments: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("gone"))

    add_webhook(database, receiver.url)
    happen(database)
    monkeypatch.setattr("webhooks.sender.settle", away)
    with capture_logs() as lines:
        send_all(sender)
    assert [line["event"] for line in lines] == ["webhook delivery", "webhook delivery not recorded"]
    monkeypatch.undo()
    assert seconds_to_wait(database) > LEASE_SECONDS - 30
    make_due(database)
    send_all(sender)
    sent: Sequence[str] = [request.id for request in receiver.received]
    assert sent == [only_delivery(database).id] * 2  # a receiver knows it by its id
    assert only_delivery(database).delivered_at
