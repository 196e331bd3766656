"""When a message is sent again, and how many at once."""

import pytest

from webhooks.retries import HOUR, LONGEST_RETRY_AFTER, WAITS, wait_after
from webhooks.slots import MAX_PER_WEBHOOK, MAX_SENDING, MAX_UNPROVEN, Slots


def test_retries_last_about_a_day() -> None:
    for _ in range(100):
        waits = [wait_after(attempt) for attempt in range(1, len(WAITS) + 1)]
        assert 21 * HOUR < sum(wait for wait in waits if wait) < 26.5 * HOUR
        assert all(0.89 * usual <= (wait or 0) <= 1.11 * usual for wait, usual in zip(waits, WAITS, strict=True))
    assert wait_after(len(WAITS) + 1) is wait_after(100) is None


def test_waits_are_not_all_alike() -> None:
    assert len({wait_after(3) for _ in range(20)}) > 10


def test_receiver_delays_but_never_hastens_and_gets_no_more_attempts() -> None:
    assert wait_after(1, 60.0) == 60.0
    assert (wait_after(4, 1.0) or 0) > HOUR
    assert wait_after(1, 1e9) == LONGEST_RETRY_AFTER
    assert wait_after(len(WAITS) + 1, 60.0) is None


def test_receiver_proves_itself_by_answering_promptly() -> None:
    slots = Slots()
    assert slots.available("new", "a") == 1
    slots.acquire("new", "a", 1)
    assert slots.available("new", "a") == 0
    slots.release("new", promptly=True)
    assert slots.available("new", "a") == MAX_PER_WEBHOOK
    slots.acquire("new", "a", 3)
    assert slots.available("new", "a") == MAX_PER_WEBHOOK - 3
    slots.release("new", promptly=False)
    assert slots.available("new", "a") == 0
    slots.release("new", promptly=False)
    slots.release("new", promptly=False)
    assert slots.idle()
    assert slots.available("new", "a") == 1


def test_those_that_are_unproven_leave_room_for_the_others() -> None:
    slots = Slots()
    slots.acquire("good", "good", 1)
    slots.release("good", promptly=True)
    for number in range(MAX_UNPROVEN):
        assert slots.available(f"dead {number}", f"project {number}") == 1
        slots.acquire(f"dead {number}", f"project {number}", 1)
    assert slots.available("dead too", "another project") == 0
    assert slots.available("good", "good") == MAX_PER_WEBHOOK


@pytest.mark.parametrize("proven", [True, False])
def test_a_project_takes_a_part_of_what_is_free(*, proven: bool) -> None:
    """However many webhooks it has: the next one finds nearly as much."""
    slots = Slots()
    parts = [fill(slots, project, proven=proven) for project in ("a", "b", "c", "d")]
    assert parts == sorted(parts, reverse=True)
    assert parts[0] < MAX_UNPROVEN / 3
    assert parts[-1] > 1


def fill(slots: Slots, project: str, *, proven: bool) -> int:
    """With as many receivers as it likes. How much it got."""
    taken = 0
    for number in range(100):
        webhook = f"{project} {number}"
        if proven and slots.available(webhook, project):
            slots.acquire(webhook, project, 1)
            slots.release(webhook, promptly=True)
        room = slots.available(webhook, project)
        slots.acquire(webhook, project, room)
        taken += room
    return taken


@pytest.mark.parametrize("proven", [True, False])
def test_there_is_an_end(*, proven: bool) -> None:
    slots = Slots()
    taken = sum(fill(slots, f"project {number}", proven=proven) for number in range(100))
    assert taken == (MAX_SENDING if proven else MAX_UNPROVEN)


def test_copy_is_for_planning() -> None:
    slots = Slots()
    slots.copy().acquire("a", "a", 1)
    assert slots.idle()
