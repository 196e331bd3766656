"""Who sends what: one sender a message, none that is lost with its sender, and nobody who is held up by another."""

import threading
from contextlib import ExitStack
from threading import Event

from sqlalchemy import event, update

from models import Database, Webhook, WebhookDelivery
from models.columns import DatabaseNow
from tests.webhooks.conftest import (
    LOOPBACK,
    PATIENCE_SECONDS,
    Receiver,
    add_project,
    add_webhook,
    all_deliveries,
    happen,
    make_due,
    only_delivery,
    receiving,
    seconds_to_wait,
    send_all,
)
from webhooks import deliveries
from webhooks.claims import LEASE_SECONDS, Claimed, claim, settle
from webhooks.endpoints import MAX_WEBHOOKS
from webhooks.posting import Outcome, Poster
from webhooks.sender import Sender
from webhooks.slots import MAX_PER_WEBHOOK, MAX_UNPROVEN, SHARE, Slots


def claim_one(database: Database) -> Claimed:
    """As a sender does that then dies."""
    with database.session() as session:
        [claimed] = claim(session, Slots())
    return claimed


def test_another_sends_what_a_killed_sender_had(database: Database, sender: Sender, receiver: Receiver) -> None:
    add_webhook(database, receiver.url)
    happen(database)
    lost = claim_one(database)
    send_all(sender)
    assert receiver.received == []
    assert LEASE_SECONDS - 30 < seconds_to_wait(database) <= LEASE_SECONDS
    make_due(database)
    send_all(sender)
    [got] = receiver.received
    assert (got.id, only_delivery(database).attempts) == (lost.id, 2)


def test_sender_that_comes_back_changes_nothing(database: Database, sender: Sender, receiver: Receiver) -> None:
    add_webhook(database, receiver.url)
    happen(database)
    stopped = claim_one(database)
    make_due(database)
    send_all(sender)
    with database.session() as session:
        settle(session, stopped, Outcome(error="It took too long."))
    settled = only_delivery(database)
    assert (settled.attempts, settled.error, settled.next_attempt_at) == (2, None, None)
    assert settled.delivered_at


def test_two_senders_at_once_send_each_message_once(database: Database, database_url: str) -> None:
    with ExitStack() as stack:
        receivers = [stack.enter_context(receiving()) for _ in range(4)]
        for receiver in receivers:
            add_webhook(database, receiver.url)
        happen(database, times=15)
        others = [Database(database_url) for _ in range(2)]
        senders = [Sender(other, Poster(LOOPBACK)) for other in others]
        barrier = threading.Barrier(2)

        def run(sender: Sender) -> None:
            barrier.wait()
            while any(told.delivered_at is None for told in all_deliveries(database)):
                sender.send_due()
                assert sender.wait(PATIENCE_SECONDS)

        threads = [threading.Thread(target=run, args=(sender,)) for sender in senders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * PATIENCE_SECONDS)
        for other in others:
            stack.callback(other.dispose)
    arrived = [request.id for receiver in receivers for request in receiver.received]
    assert len(arrived) == len(set(arrived)) == 60
    assert {told.attempts for told in all_deliveries(database)} == {1}


def test_two_claims_at_once_do_not_share(database: Database) -> None:
    """Also where the first is not committed yet: the second neither waits for it nor takes the same."""
    add_webhook(database, "http://127.0.0.1:1/")
    happen(database, times=2)
    taken: list[str] = []

    def second() -> None:
        with database.session() as session:
            taken.extend(each.id for each in claim(session, Slots()))

    with database.session() as session:
        [first] = claim(session, Slots())
        thread = threading.Thread(target=second)
        thread.start()
        if database.engine.dialect.name == "postgresql":  # SQLite has one writer at a time
            thread.join(PATIENCE_SECONDS)
            assert taken
    thread.join(PATIENCE_SECONDS)
    assert len(taken) == 1
    assert taken != [first.id]


def test_slow_receiver_holds_up_nobody(database: Database, sender: Sender) -> None:
    with receiving() as slow, receiving() as quick:
        go_on = Event()
        slow.answer = lambda _request: (204 if go_on.wait(PATIENCE_SECONDS) else 500, {})
        add_webhook(database, slow.url)
        happen(database, times=10)
        sender.send_due()
        slow.await_received(1)
        add_webhook(database, quick.url, ["job.failed"])
        happen(database, "failed", times=10)
        sender.send_due()
        quick.await_received(10)
        assert len(slow.received) == 1  # at a time, of one that has not shown that it is quick
        go_on.set()
        slow.await_received(20)
        assert sender.wait(PATIENCE_SECONDS)
    assert {told.attempts for told in all_deliveries(database)} == {1}


def test_a_project_whose_receivers_hang_holds_up_no_other_project(database: Database, sender: Sender) -> None:
    add_project(database, "other")
    with receiving() as hanging, receiving() as quick:
        go_on = Event()
        hanging.answer = lambda _request: (204 if go_on.wait(PATIENCE_SECONDS) else 500, {})
        for _ in range(MAX_WEBHOOKS):
            add_webhook(database, hanging.url)
        happen(database, times=3)
        sender.send_due()
        sender.send_due()
        hanging.await_received(MAX_UNPROVEN // SHARE // 2)  # as much as there is for one
        webhook = add_webhook(database, quick.url, project="other")
        with database.session() as session:
            deliveries.ping(session, "other", webhook.id)
        sender.send_due()
        quick.await_received(1)
        assert hanging.at_once < MAX_UNPROVEN // 2
        go_on.set()
        assert sender.wait(PATIENCE_SECONDS)
    assert len(hanging.received) == 3 * MAX_WEBHOOKS


def test_claims_go_round_the_projects(database: Database) -> None:
    """However many more one of them has, and however much longer they wait."""
    add_project(database, "other")
    crowd = {add_webhook(database, f"http://127.0.0.1:1/{number}").id for number in range(MAX_WEBHOOKS)}
    happen(database)
    make_due(database)
    single = add_webhook(database, "http://127.0.0.1:1/other", project="other")
    happen(database, project="other")
    with database.session() as session:
        claimed = [each.webhook_id for each in claim(session, Slots())]
    assert single.id in claimed[:2]
    assert 1 < len(crowd & set(claimed)) < MAX_WEBHOOKS


def test_no_more_than_a_few_at_once_go_to_one_receiver(database: Database, sender: Sender, receiver: Receiver) -> None:
    add_webhook(database, receiver.url)
    happen(database)
    send_all(sender)  # it is quick
    all_there = threading.Barrier(MAX_PER_WEBHOOK)

    def together(_request: object) -> tuple[int, dict[str, str]]:
        all_there.wait(PATIENCE_SECONDS)
        return 204, {}

    receiver.answer = together
    happen(database, times=3 * MAX_PER_WEBHOOK)
    sender.send_due()
    receiver.await_received(1 + 3 * MAX_PER_WEBHOOK)
    assert sender.wait(PATIENCE_SECONDS)
    assert receiver.most_at_once == MAX_PER_WEBHOOK


def test_longest_waiting_webhook_is_first(database: Database) -> None:
    late, early = (add_webhook(database, f"http://127.0.0.1:1/{name}") for name in ("late", "early"))
    happen(database)
    with database.session() as session:
        of_early = WebhookDelivery.webhook_id == early.id
        session.execute(update(WebhookDelivery).where(of_early).values(next_attempt_at=DatabaseNow(-60)))
    with database.session() as session:
        assert [each.webhook_id for each in claim(session, Slots())] == [early.id, late.id]


def test_nothing_due_costs_one_query(database: Database, sender: Sender, receiver: Receiver) -> None:
    add_webhook(database, receiver.url)
    with database.session() as session:
        session.execute(update(Webhook).values(enabled=True))
    queries: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        queries.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    sender.send_due()
    assert len([query for query in queries if query.startswith("SELECT")]) == 1
