"""Whose turn it is, without threads: a session here knows no more than how many images it takes at once."""

from collections import Counter
from typing import Any, cast

import numpy as np

from serving.limits import Limits
from serving.onnx_session import OnnxSession, session_bytes
from serving.schedule import Batch, Schedule
from serving.served_model import ServedModel
from serving.waiting import Item, Request
from tests.serving.onnx_models import served

PIXELS = np.zeros((16, 16, 3), np.uint8)
LIMITS = Limits(threads=1, largest_batch=8)


class Ten:
    """Takes ten images at once."""

    batch_limit = 10


def submit(schedule: Schedule, model: ServedModel, images: int, *, decoded: bool = True) -> Request:
    request = Request(model, images, 5)
    lane = schedule.lane_of(model)
    pixels = PIXELS if decoded else None
    schedule.add([Item(request, number, lane, 1000, content=b"", pixels=pixels) for number in range(images)])
    return request


def load(schedule: Schedule) -> str | None:
    found = schedule.next_to_load()
    if found is not None:
        schedule.loaded(found.lane, cast("OnnxSession", Ten()))
    return found.lane.model.id if found else None


def run(schedule: Schedule) -> tuple[str, int] | None:
    batch = schedule.next_batch()
    if not isinstance(batch, Batch):
        return None
    schedule.ran(batch)
    for item in batch.items:
        schedule.leave(item)
    return batch.lane.model.id, len(batch.items)


def test_ten_thousand_images_make_another_project_wait_for_one_batch() -> None:
    schedule = Schedule(LIMITS)
    submit(schedule, served(name="mdl_large"), 10_000)
    load(schedule)
    assert run(schedule) == ("mdl_large", 10)
    submit(schedule, served(name="mdl_small", project="second"), 1)
    load(schedule)
    assert ("mdl_small", 1) in [run(schedule), run(schedule)]


def test_models_of_a_project_take_turns() -> None:
    schedule = Schedule(LIMITS)
    for name in ("mdl_a", "mdl_b"):
        submit(schedule, served(name=name), 25)
        load(schedule)
    order = [run(schedule) for _ in range(6)]
    assert order == [("mdl_a", 10), ("mdl_b", 10), ("mdl_a", 10), ("mdl_b", 10), ("mdl_a", 5), ("mdl_b", 5)]
    assert run(schedule) is None
    assert (schedule.images, schedule.bytes) == (0, 0)


def test_projects_take_turns_at_decoding_within_a_window() -> None:
    schedule = Schedule(LIMITS)  # of 16 decoded images a project, and a thread
    submit(schedule, served(name="mdl_large"), 1000, decoded=False)
    for _ in range(4):
        item = schedule.next_to_prepare()
        assert item is not None
        assert schedule.next_to_prepare() is None  # the other thread is kept for other projects
        schedule.prepared(item)
        schedule.ready(item)
    submit(schedule, served(name="mdl_small", project="second"), 4, decoded=False)
    order = list[str]()
    while (item := schedule.next_to_prepare()) is not None:
        order.append(item.lane.model.id)
        item.pixels = PIXELS
        schedule.prepared(item)
        schedule.ready(item)
    assert order[:8].count("mdl_small") == 4
    assert Counter(order) == {"mdl_large": 12, "mdl_small": 4}


def test_images_wait_for_those_that_are_being_decoded_but_not_long() -> None:
    schedule = Schedule(LIMITS)
    submit(schedule, served(), 2, decoded=False)
    load(schedule)
    first = schedule.next_to_prepare()
    assert first is not None
    schedule.prepared(first)
    schedule.ready(first)
    wait = schedule.next_batch()
    assert isinstance(wait, float)
    assert 0 < wait <= LIMITS.gathering_seconds
    first.ready_at -= LIMITS.gathering_seconds
    assert run(schedule) == ("mdl_a", 1)


def test_project_with_many_models_evicts_its_own() -> None:
    quiet = served(name="mdl_quiet", project="second")
    schedule = Schedule(Limits(threads=1, session_bytes=4 * session_bytes(quiet)))
    submit(schedule, quiet, 1)
    load(schedule)
    run(schedule)
    for number in range(8):
        submit(schedule, served(name=f"mdl_{number}"), 1)
        assert load(schedule) == f"mdl_{number}"
        run(schedule)
    assert schedule.sessions.get(quiet.key) is not None
    assert schedule.sessions.evictions == 5


def test_model_that_is_loaded_stays_until_it_has_run() -> None:
    one = served(name="mdl_a")
    schedule = Schedule(Limits(threads=1, session_bytes=session_bytes(one)))
    models: list[Any] = [one, served(name="mdl_b")]
    for model in models:
        submit(schedule, model, 25)
    assert load(schedule) == "mdl_a"
    assert load(schedule) is None
    assert schedule.lacks_room
    assert run(schedule) == ("mdl_a", 10)
    assert load(schedule) == "mdl_b"  # though mdl_a is not done
    assert [run(schedule), load(schedule), run(schedule)] == [("mdl_b", 10), "mdl_a", ("mdl_a", 10)]


def test_models_that_are_not_loaded_do_not_keep_others_from_being_decoded() -> None:
    schedule = Schedule(LIMITS)
    submit(schedule, served(name="mdl_a"), 100, decoded=False)
    while (item := schedule.next_to_prepare()) is not None:
        item.pixels = PIXELS
        schedule.prepared(item)
        schedule.ready(item)
    submit(schedule, served(name="mdl_b"), 100, decoded=False)
    item = schedule.next_to_prepare()
    assert item is not None
    assert item.lane.model.id == "mdl_b"


def test_images_of_a_cancelled_request_do_not_run() -> None:
    schedule = Schedule(LIMITS)
    dropped = submit(schedule, served(), 16)
    submit(schedule, served(), 3)
    load(schedule)
    dropped.future.cancel()
    assert run(schedule) == ("mdl_a", 3)
    assert run(schedule) is None
    assert (schedule.images, schedule.bytes) == (0, 0)
    assert dropped not in schedule.requests
