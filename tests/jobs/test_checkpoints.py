from collections.abc import Callable

from jobs import lifecycle, queries, recording, requests
from jobs.fence import Claim
from models import Database, Job
from tests.jobs.conftest import (
    checkpoint_of,
    checkpoints_of,
    drop,
    epoch_metrics,
    events_of,
    job_of,
    lose,
    publish,
    spec,
    start,
    take,
)


def keeping(
    database: Database, submitted: Callable[..., Job], keep: int, *, keep_best: bool = False, **options: int
) -> Claim:
    """A running attempt whose job keeps so many checkpoints."""
    rules = {"keep": keep, "keep_best": keep_best}
    claim = take(database, submitted(spec(epochs=50, checkpoints=rules), **options).id)
    start(database, claim)
    return claim


def again(database: Database, claim: Claim) -> Claim:
    """The next attempt, its worker having drained."""
    drop(database, claim)
    return take(database, claim.job_id)


def positions(claim: Claim) -> list[tuple[int, int]]:
    """That it could go on from."""
    return [(checkpoint.epoch, checkpoint.step) for checkpoint in claim.checkpoints]


def test_what_is_published_is_there_for_the_next_attempt_the_furthest_first(
    database: Database, submitted: Callable[..., Job]
) -> None:
    first = keeping(database, submitted, keep=9)
    publish(database, first, (1, 0), (1, 7), (2, 0))
    second = again(database, first)
    assert positions(second) == [(2, 0), (1, 7), (1, 0)]
    assert second.checkpoints[0] == checkpoint_of(first, 2, 0)
    publish(database, second, (1, 7))
    third = again(database, second)
    assert [(each.epoch, each.step, each.file.name.split("/")[1]) for each in third.checkpoints] == [
        (2, 0, "attempt-0001"),
        (1, 7, "attempt-0002"),
        (1, 7, "attempt-0001"),
        (1, 0, "attempt-0001"),
    ]


def test_publishing_twice_is_publishing_once(database: Database, running: Claim) -> None:
    publish(database, running, (1, 0), (1, 0))
    assert checkpoints_of(database, running.job_id) == [(1, 1, 0)]


def test_the_last_few_are_kept_and_the_others_named_as_superfluous(
    database: Database, submitted: Callable[..., Job]
) -> None:
    claim = keeping(database, submitted, keep=2)
    assert publish(database, claim, (1, 0), (2, 0)) == []
    assert publish(database, claim, (2, 6)) == [checkpoint_of(claim, 1).file.name]
    assert checkpoints_of(database, claim.job_id) == [(1, 2, 6), (1, 2, 0)]


def test_the_best_is_kept_too_however_far_back_it_lies(database: Database, submitted: Callable[..., Job]) -> None:
    claim = keeping(database, submitted, keep=1, keep_best=True)
    retired = []
    for epoch, accuracy in enumerate([0.2, 0.8, 0.8, None, 0.3]):
        with database.session() as session:
            recording.record_epoch(session, claim, epoch_metrics(epoch, accuracy))
        retired += publish(database, claim, (epoch + 1, 0))
    # Of two as good the first; the one after epoch 1 stands at the beginning of epoch 2.
    assert checkpoints_of(database, claim.job_id) == [(1, 5, 0), (1, 2, 0)]
    assert retired == [checkpoint_of(claim, epoch).file.name for epoch in (1, 3, 4)]
    with database.session() as session:
        recording.record_epoch(session, claim, epoch_metrics(5, 0.9))
    publish(database, claim, (6, 0))
    assert checkpoints_of(database, claim.job_id) == [(1, 6, 0)]


def test_one_in_the_middle_of_an_epoch_is_never_the_best(database: Database, submitted: Callable[..., Job]) -> None:
    claim = keeping(database, submitted, keep=1, keep_best=True)
    with database.session() as session:
        recording.record_epoch(session, claim, epoch_metrics(0, 0.9))
    publish(database, claim, (1, 6), (2, 0))
    assert checkpoints_of(database, claim.job_id) == [(1, 2, 0)]


def test_where_something_was_split_off_the_best_is_chosen_on_that(
    database: Database, submitted: Callable[..., Job]
) -> None:
    claim = keeping(database, submitted, keep=1, keep_best=True)
    for epoch, (test, validation) in enumerate([(0.1, 0.9), (0.9, 0.1), (0.5, 0.5)]):
        with database.session() as session:
            recording.record_epoch(session, claim, epoch_metrics(epoch, test, validation_accuracy=validation))
        publish(database, claim, (epoch + 1, 0))
    assert checkpoints_of(database, claim.job_id) == [(1, 3, 0), (1, 1, 0)]


def test_one_that_is_damaged_is_tried_no_more_and_forgotten_with_its_successor(
    database: Database, submitted: Callable[..., Job]
) -> None:
    first = keeping(database, submitted, keep=2)
    publish(database, first, (1, 0), (2, 0))
    second = again(database, first)
    with database.session() as session:
        recording.record_unusable(session, second, checkpoint_of(first, 2).file.name, "its hash is wrong")
    assert events_of(database, first.job_id)[-1] == "checkpoint_unusable"
    assert checkpoints_of(database, first.job_id) == [(1, 2, 0), (1, 1, 0)]
    third = again(database, second)
    assert positions(third) == [(1, 0)]
    start(database, third, third.checkpoints[0].file.name)
    assert publish(database, third, (2, 0)) == [checkpoint_of(first, 2).file.name]
    assert checkpoints_of(database, first.job_id) == [(3, 2, 0), (1, 1, 0)]


def test_the_best_is_not_one_that_cannot_be_used(database: Database, submitted: Callable[..., Job]) -> None:
    claim = keeping(database, submitted, keep=1, keep_best=True)
    for epoch, accuracy in enumerate([0.5, 0.9]):
        with database.session() as session:
            recording.record_epoch(session, claim, epoch_metrics(epoch, accuracy))
            recording.record_checkpoint(session, claim, checkpoint_of(claim, epoch + 1))
    with database.session() as session:
        recording.record_unusable(session, claim, checkpoint_of(claim, 2).file.name, "torn")
    publish(database, claim, (2, 4))
    assert checkpoints_of(database, claim.job_id) == [(1, 2, 4)]


def load(database: Database, claim: Claim) -> str:
    """Begin to go on from its furthest checkpoint."""
    name = claim.checkpoints[0].file.name
    with database.session() as session:
        recording.record_loading(session, claim, name)
    return name


def test_one_that_two_attempts_died_of_loading_is_left_for_the_one_before(
    database: Database, submitted: Callable[..., Job]
) -> None:
    claim = keeping(database, submitted, keep=2, max_retries=9)
    publish(database, claim, (1, 0), (2, 0))
    found = []
    for _ in range(3):
        lose(database, claim)
        claim = take(database, claim.job_id)
        found.append(positions(claim))
        load(database, claim)
    assert found == [[(2, 0), (1, 0)], [(2, 0), (1, 0)], [(1, 0)]]


def test_one_that_loads_in_the_end_is_as_good_as_new(database: Database, running: Claim) -> None:
    publish(database, running, (1, 0))
    claim = running
    for _ in range(3):
        lose(database, claim)  # died while it loaded, and once more when it had
        claim = take(database, running.job_id)
        load(database, claim)
        drop(database, claim)
        claim = take(database, running.job_id)
        start(database, claim, load(database, claim))
    assert positions(claim) == [(1, 0)]


def test_leaving_while_it_loads_is_not_the_checkpoint_s_fault(database: Database, running: Claim) -> None:
    publish(database, running, (1, 0))
    drop(database, running)
    for _ in range(2):
        claim = take(database, running.job_id)
        load(database, claim)
        drop(database, claim)
    assert positions(take(database, running.job_id)) == [(1, 0)]


def test_pausing_while_it_loads_is_not_the_checkpoint_s_fault(database: Database, running: Claim) -> None:
    publish(database, running, (1, 0))
    drop(database, running)
    for _ in range(2):
        claim = take(database, running.job_id)
        load(database, claim)
        with database.session() as session:
            requests.request_pause(session, claim.job_id)
            lifecycle.release_job(session, claim)
            requests.resume(session, claim.job_id)
    assert positions(take(database, running.job_id)) == [(1, 0)]


def test_a_cancelled_job_has_none(database: Database, running: Claim) -> None:
    publish(database, running, (1, 0))
    with database.session() as session:
        requests.request_cancel(session, running.job_id)
        lifecycle.release_job(session, running)
    assert checkpoints_of(database, running.job_id) == []
    assert job_of(database, running.job_id).weights is None


def test_a_checkpoint_is_found_by_its_name_and_shown_with_its_epoch(database: Database, running: Claim) -> None:
    with database.session() as session:
        recording.record_epoch(session, running, epoch_metrics(0, 0.6))
    publish(database, running, (1, 0), (1, 6))
    with database.snapshot() as session:
        shown = queries.checkpoints(session, running.job_id).rows
        name = checkpoint_of(running, 1).file.name.removeprefix(f"{running.job_id}/")
        assert queries.checkpoint_file(session, running.job_id, name) == checkpoint_of(running, 1).file
    assert [(each.checkpoint.step, each.epoch and each.epoch.epoch) for each in shown] == [(6, None), (0, 0)]
