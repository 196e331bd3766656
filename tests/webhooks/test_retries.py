"""When a message is sent again, and how many at once."""

import pytest

from webhooks.retries import HOUR, LONGEST_RETRY_AFTER, WAITS, wait_after
from webhooks.slots import MOST, MOST_OF_ONE, MOST_UNPROVEN, Slots


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
    assert slots.room("new") == 1
    slots.take("new", 1)
    assert slots.room("new") == 0
    slots.free("new", promptly=True)
    assert slots.room("new") == MOST_OF_ONE
    slots.take("new", 3)
    assert slots.room("new") == MOST_OF_ONE - 3
    slots.free("new", promptly=False)
    assert slots.room("new") == 0
    slots.free("new", promptly=False)
    slots.free("new", promptly=False)
    assert slots.idle()
    assert slots.room("new") == 1


def test_those_that_are_unproven_leave_room_for_the_others() -> None:
    slots = Slots()
    slots.take("good", 1)
    slots.free("good", promptly=True)
    for number in range(MOST_UNPROVEN):
        assert slots.room(f"dead {number}") == 1
        slots.take(f"dead {number}", 1)
    assert slots.room("dead too") == 0
    assert slots.room("good") == MOST_OF_ONE


@pytest.mark.parametrize("proven", [True, False])
def test_there_is_an_end(*, proven: bool) -> None:
    slots = Slots()
    taken = 0
    for number in range(100):
        if proven:
            slots.take(str(number), 1)
            slots.free(str(number), promptly=True)
        room = slots.room(str(number))
        slots.take(str(number), room)
        taken += room
    assert taken == (MOST if proven else MOST_UNPROVEN)


def test_copy_is_for_planning() -> None:
    slots = Slots()
    slots.copy().take("a", 1)
    assert slots.idle()
