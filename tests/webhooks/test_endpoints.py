"""A project's webhooks and what they were sent; another project's are not there."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select
from sqlalchemy.orm import Session
from ulid import ULID

from jobs.outbox import EVENT_TYPES, enqueue
from models import Database, Event, Job, JobStatus, Webhook, WebhookDelivery
from models.columns import DatabaseNow
from tests.webhooks.conftest import (
    PATIENCE_SECONDS,
    Receiver,
    add_project,
    add_webhook,
    all_deliveries,
    happen,
    only_delivery,
    send_all,
)
from webhooks import deliveries, endpoints, sender
from webhooks.claims import any_due, claim
from webhooks.endpoints import MAX_WEBHOOKS
from webhooks.errors import AddressRefused, DeliveryNotFound, TooManyWebhooks, WebhookDisabled, WebhookNotFound
from webhooks.sender import Sender
from webhooks.slots import Slots

URL = "https://example.com/hook"


def test_secret_has_enough_bits_and_is_each_webhooks_own(database: Database) -> None:
    secrets = {add_webhook(database, URL).secret for _ in range(3)}
    assert len(secrets) == 3
    assert all(secret.startswith("whsec_") and len(secret) == 50 for secret in secrets)


def test_address_is_checked_when_it_is_set(database: Database) -> None:
    webhook = add_webhook(database, URL)
    with database.session() as session:
        with pytest.raises(AddressRefused):
            endpoints.make(session, "default", "https://10.0.0.1/", EVENT_TYPES, ())
        with pytest.raises(AddressRefused):
            endpoints.change(session, "default", webhook.id, {"url": "http://example.com/"}, ())
    with database.snapshot() as session:
        assert [row.url for row in endpoints.list_webhooks(session, "default")] == [URL]


def test_project_has_so_many_at_most(database: Database) -> None:
    """Also where two are made at one moment."""
    for _ in range(MAX_WEBHOOKS - 1):
        add_webhook(database, URL)
    refused: list[Exception] = []

    def add() -> None:
        try:
            add_webhook(database, URL)
        except TooManyWebhooks as error:
            refused.append(error)

    late = threading.Thread(target=add)
    with database.session() as session:
        endpoints.make(session, "default", URL, EVENT_TYPES, ())
        late.start()
        late.join(0.5)
    late.join(PATIENCE_SECONDS)
    assert len(refused) == 1
    add_project(database, "other")
    add_webhook(database, URL, project="other")
    with database.snapshot() as session:
        assert session.scalars(select(func.count()).where(Webhook.project == "default")).one() == MAX_WEBHOOKS


FOREIGN: list[Callable[[Session, str, str], object]] = [
    lambda session, webhook, _: endpoints.find(session, "other", webhook),
    lambda session, webhook, _: endpoints.change(session, "other", webhook, {"enabled": False}, ()),
    lambda session, webhook, _: endpoints.rotate_secret(session, "other", webhook),
    lambda session, webhook, _: deliveries.ping(session, "other", webhook),
    lambda session, webhook, _: deliveries.list_deliveries(session, "other", webhook),
    lambda session, webhook, told: deliveries.find_delivery(session, "other", webhook, told),
    lambda session, webhook, told: deliveries.redeliver(session, "other", webhook, told),
]


@pytest.mark.parametrize("ask", FOREIGN)
def test_another_projects_webhook_is_not_there(database: Database, ask: Callable[..., object]) -> None:
    add_project(database, "other")
    webhook = add_webhook(database, URL)
    happen(database)
    told = only_delivery(database)
    with pytest.raises(WebhookNotFound), database.session() as session:
        ask(session, webhook.id, told.id)
    with pytest.raises(WebhookNotFound):
        endpoints.delete(database, "other", webhook.id)
    with database.snapshot() as session:
        assert endpoints.list_webhooks(session, "other") == []
        assert endpoints.find(session, "default", webhook.id).secret == webhook.secret


def test_another_webhooks_delivery_is_not_there(database: Database) -> None:
    first, second = add_webhook(database, URL, ["job.running"]), add_webhook(database, URL, ["job.failed"])
    happen(database)
    told = only_delivery(database)
    assert told.webhook_id == first.id
    for ask in (deliveries.find_delivery, deliveries.redeliver):
        with pytest.raises(DeliveryNotFound), database.session() as session:
            ask(session, "default", second.id, told.id)


def test_lists_are_newest_first_and_page_by_key(database: Database) -> None:
    ids = [add_webhook(database, URL, ["job.running"]).id for _ in range(4)]
    happen(database)
    happen(database, times=3)
    with database.snapshot() as session:
        assert [row.id for row in endpoints.list_webhooks(session, "default", limit=2)] == ids[:1:-1]
        assert [row.id for row in endpoints.list_webhooks(session, "default", after=ids[2])] == ids[1::-1]
        whole = [row.id for row in deliveries.list_deliveries(session, "default", ids[0])]
        assert whole == sorted(whole, reverse=True)
        assert len(whole) == 4
        rest = deliveries.list_deliveries(session, "default", ids[0], whole[1], 1)
        assert [row.id for row in rest] == whole[2:3]


def test_disabling_gives_up_what_waits(database: Database) -> None:
    webhook = add_webhook(database, URL)
    happen(database, times=2)
    with database.session() as session:
        endpoints.change(session, "default", webhook.id, {"enabled": False, "description": "off"}, ())
    assert {(told.next_attempt_at, told.error) for told in all_deliveries(database)} == {
        (None, "The webhook is disabled.")
    }
    with database.snapshot() as session:
        assert not any_due(session)
    with database.session() as session:
        with pytest.raises(WebhookDisabled):
            deliveries.ping(session, "default", webhook.id)
        with pytest.raises(WebhookDisabled):
            deliveries.redeliver(session, "default", webhook.id, all_deliveries(database)[0].id)


def test_delivery_is_sent_again_by_hand(database: Database, sender: Sender, receiver: Receiver) -> None:
    webhook = add_webhook(database, receiver.url)
    happen(database)
    send_all(sender)
    first = only_delivery(database)

    def again() -> WebhookDelivery:
        with database.session() as session:
            return deliveries.redeliver(session, "default", webhook.id, first.id)

    assert again().delivered_at is None
    again()  # twice is once: it is about to be sent
    send_all(sender)
    send_all(sender)
    assert [request.id for request in receiver.received] == [first.id] * 2
    assert receiver.received[0].body == receiver.received[1].body
    assert only_delivery(database).attempts == 2
    assert only_delivery(database).delivered_at


def test_waiting_delivery_is_sent_at_once_by_hand(database: Database, sender: Sender, receiver: Receiver) -> None:
    webhook = add_webhook(database, receiver.url)
    receiver.answer = lambda _request: (500, {})
    happen(database)
    send_all(sender)
    receiver.answer = lambda _request: (204, {})
    with database.session() as session:
        deliveries.redeliver(session, "default", webhook.id, only_delivery(database).id)
    send_all(sender)
    assert only_delivery(database).delivered_at


def test_delivery_that_is_being_sent_is_not_sent_twice_by_hand(
    database: Database, sender: Sender, receiver: Receiver
) -> None:
    webhook, go_on = add_webhook(database, receiver.url), threading.Event()
    receiver.answer = lambda _request: (204 if go_on.wait(PATIENCE_SECONDS) else 500, {})
    happen(database)
    sender.send_due()
    receiver.await_received(1)
    with database.session() as session:
        deliveries.redeliver(session, "default", webhook.id, only_delivery(database).id)
    with database.snapshot() as session:
        assert not any_due(session)
    go_on.set()
    assert sender.wait(PATIENCE_SECONDS)
    assert len(receiver.received) == 1
    assert only_delivery(database).attempts == 1


def test_ping_arrives_whatever_the_webhook_asks_for(database: Database, sender: Sender, receiver: Receiver) -> None:
    webhook = add_webhook(database, receiver.url, ["job.failed"])
    with database.session() as session:
        deliveries.ping(session, "default", webhook.id)
    send_all(sender)
    assert b'"type":"webhook.ping"' in receiver.received[0].body
    assert only_delivery(database).delivered_at


def test_deletion_waits_for_an_event_that_is_being_written(database: Database) -> None:
    """And the event is stored: that a webhook goes must not undo what happened to a job."""
    webhook = add_webhook(database, URL)
    gone = threading.Thread(target=endpoints.delete, args=(database, "default", webhook.id))
    job = Job(id="job_1", project="default", status=JobStatus.RUNNING, attempt=1)
    with database.session() as session:
        enqueue(session, job, Event(job_id=job.id, attempt=1, type="running", message=""))
        gone.start()
        gone.join(0.5)
        session.flush()
    gone.join(PATIENCE_SECONDS)
    assert not gone.is_alive()
    assert all_deliveries(database) == []
    with database.snapshot() as session:
        assert session.get(Webhook, webhook.id) is None


def test_deletion_takes_a_long_log_with_it(database: Database) -> None:
    webhook = add_webhook(database, URL)
    _fill(database, webhook.id, 2500, age_days=0)
    endpoints.delete(database, "default", webhook.id)
    assert all_deliveries(database) == []


def test_old_deliveries_are_forgotten(database: Database) -> None:
    webhook = add_webhook(database, URL)
    _fill(database, webhook.id, 1500, age_days=31)
    _fill(database, webhook.id, 3, age_days=29)
    sender.deleting_old_deliveries(database).run()
    assert len(all_deliveries(database)) == 3


def _fill(database: Database, webhook_id: str, count: int, age_days: int) -> None:
    with database.session() as session:
        now = session.scalars(select(DatabaseNow(-86_400.0 * age_days))).one()
        rows: list[dict[str, Any]] = [
            {
                "id": f"msg_{str(ULID.from_datetime(now)).lower()}",
                "webhook_id": webhook_id,
                "type": "job.epoch",
                "payload": "{}",
                "attempts": 1,
                "created_at": now,
            }
            for _ in range(count)
        ]
        session.execute(insert(WebhookDelivery), rows)


def test_sender_reads_no_more_of_a_long_log_than_it_sends(database: Database) -> None:
    webhook = add_webhook(database, URL)
    for _ in range(30):
        _fill(database, add_webhook_past_the_bound(database), 100, age_days=1)
    happen(database, times=3)
    with database.session() as session:
        if database.engine.dialect.name == "postgresql":
            session.connection().exec_driver_sql("ANALYZE")
    noted: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if statement.startswith("SELECT") and "webhook_deliveries" in statement:
            noted.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    with database.session() as session:
        assert any_due(session)
        assert [each.webhook_id for each in claim(session, Slots())] == [webhook.id]
    event.remove(database.engine, "before_cursor_execute", note)
    assert len(noted) == 3
    explain = "EXPLAIN " if database.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
    with database.session() as session:
        for statement, parameters in noted:
            plan = str(session.connection().exec_driver_sql(explain + statement, parameters).all())
            assert "ix_webhook_deliveries" in plan
            assert "Seq Scan on webhook_deliveries" not in plan
            assert "SCAN webhook_deliveries" not in plan


def add_webhook_past_the_bound(database: Database) -> str:
    """As many projects together have."""
    webhook_id = f"whk_{str(ULID()).lower()}"
    with database.session() as session:
        session.add(Webhook(id=webhook_id, project="default", url=URL, events=[], secret="whsec_"))
    return webhook_id
