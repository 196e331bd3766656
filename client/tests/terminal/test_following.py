"""What a person sees of a job that trains."""

from __future__ import annotations

import io
import os
import pty
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from epochal.terminal.following import Follow, bar
from epochal.terminal.screen import Screen
from epochal.terminal.text import Style, width
from epochal.types import Event, JobError, QueuePlace

Looks = list[tuple[Any, list[Any]]]
Make = Callable[..., Any]


class Service:
    """A job that is looked at: each look finds it as in `looks`, with the epochs by then."""

    def __init__(self, looks: Looks, events: list[Any] | None = None) -> None:
        self.looks, self.events = looks, events or []
        self.epochs: list[Any] = []
        self.asked: list[int] = []

    def jobs(self) -> Iterator[Any]:
        for job, epochs in self.looks:
            self.epochs = epochs
            yield job

    def rows(self, after: int) -> list[Any]:
        return [row for row in self.epochs if row.epoch > after]

    def revised(self, after: int) -> list[Any]:
        self.asked.append(after)
        return [event for event in self.events if event.id > after]


def lines_of(looks: Looks, events: list[Any] | None = None) -> str:
    """What is written where there is no terminal."""
    stream, service = io.StringIO(), Service(looks, events)
    Follow(service.rows, service.revised, screen=Screen(stream)).run(service.jobs())
    return stream.getvalue()


@pytest.fixture
def success(job: Make, attempt: Make, row: Make, best: Make, now: datetime) -> Looks:
    """A job from the queue to its end; two epochs pass between two looks."""
    rows = [
        row(0, train_loss=2.3, train_accuracy=0.1, test_loss=2.125, test_accuracy=0.2),
        row(1, test_accuracy=0.975),
        row(2, train_loss=0.0625, train_accuracy=1.0, test_accuracy=0.95, images_per_second=987.6),
    ]
    running = {"status": "running", "attempts": (attempt(),), "started_at": now}
    finish = now + timedelta(minutes=90, seconds=30)
    under_way = {"epoch": 1, "step": 10, "steps_per_epoch": 23, "percent": 48.0, "estimated_finish": finish}
    end = {"status": "succeeded", "finished_at": now + timedelta(seconds=72), "best": best(rows[1]), "latest": rows[2]}
    waiting = QueuePlace(position=2, code="slots_busy", reason="Every slot is busy: 1 of 1.")
    return [
        (replace(job(), queue=waiting), []),
        (job(), []),
        (job(), []),
        (job(status="starting", attempts=(attempt(facts=None),)), []),
        (job(**running), []),
        (job(**running, progress=under_way, latest=rows[0]), rows[:1]),
        (job(**running, progress=under_way, latest=rows[0]), rows[:1]),
        (job(**running | end), rows),
    ]


SUCCESS = """\
Queued, place 2: Every slot is busy: 1 of 1.
Queued, place 1: A slot is free: about to start.
Starting on worker worker_a: loading the data.
Training on cpu in fp32: 269,434 parameters, 1,437 training and 360 test images, 10 classes.
Epoch   0:  train loss  2.3000, accuracy  10.00%   test loss  2.1250, accuracy  20.00%   1,234 images/s
Epoch   1:  train loss  0.5000, accuracy  90.00%   test loss  0.2500, accuracy  97.50%   1,234 images/s
Epoch   2:  train loss  0.0625, accuracy 100.00%   test loss  0.2500, accuracy  95.00%   988 images/s
Succeeded after 0:01:12. Test accuracy 95.00%, at best 97.50% in epoch 1.
"""


def test_elsewhere_than_on_a_terminal_there_are_lines_alone(success: Looks) -> None:
    assert lines_of(success) == SUCCESS


def test_a_dumb_terminal_gets_lines_alone(success: Looks, terminal: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream, service = terminal(120), Service(success)
    Follow(service.rows, screen=Screen(stream)).run(service.jobs())
    assert stream.output == SUCCESS


def test_who_comes_late_reads_in_order(success: Looks) -> None:
    running, end = success[-2:]
    lines = SUCCESS.splitlines(keepends=True)
    assert lines_of([running, end]) == "".join(lines[3:])
    assert lines_of([end]) == "".join(lines[4:])


@pytest.mark.parametrize("columns", [120, 103, 80, 40])
def test_a_terminal_has_a_bar_below_the_lines_and_keeps_the_lines_alone(
    success: Looks, terminal: Make, now: datetime, columns: int
) -> None:
    stream, service = terminal(columns), Service(success)
    screen = Screen(stream, Style(), live=True, size=stream.size)
    follow = Follow(service.rows, screen=screen, clock=lambda: now)
    with screen:
        for job in service.jobs():
            follow.show(job)
            assert not stream.cursor
            if job.progress.step:
                rows = stream.rows()
                assert "48%" in rows[-2]
                assert columns < 80 or "1:30:30 left" in rows[-2]
                assert "1/3 epochs" in rows[-1]
                assert "loss 2.3000" in rows[-1]
                assert columns < 80 or "step 10/23" in rows[-1]
                assert sum("epochs" in row for row in rows) == 1
    assert stream.cursor
    assert max(map(len, stream.lines)) <= columns
    said = " ".join(" ".join(stream.lines).split())
    if columns == 120:
        assert "\n".join(stream.lines) == SUCCESS
    for line in SUCCESS.splitlines():
        if not line.startswith("Epoch"):
            assert said.count(line) == 1
    assert [line.split("train")[0].strip("Epoch: ") for line in stream.lines if "train " in line] == ["0", "1", "2"]


def test_a_resize_in_mid_run_leaves_no_trace(job: Make, attempt: Make, row: Make, terminal: Make) -> None:
    """However the terminal wraps the bar anew, the next drawing takes its place."""
    stream, rows = terminal(120), [row(epoch) for epoch in range(6)]
    screen = Screen(stream, Style(), live=True, size=stream.size)
    follow = Follow(lambda after: rows[after + 1 : epoch + 1], screen=screen)
    with screen:
        for epoch, columns in enumerate((120, 50, 81, 24, 200, 80)):
            stream.columns = columns
            done = {"epoch": epoch + 1, "step": 1, "steps_per_epoch": 3, "percent": 10.0 * epoch}
            follow.show(job(status="running", attempts=(attempt(),), progress=done, latest=rows[epoch]))
            blocks = [line for line in stream.lines if "━" in line or "─" in line or "epochs" in line]
            assert len(blocks) == 2
            assert max(map(width, stream.lines[-2:])) < columns
    assert sum("train" in line for line in stream.lines) == 6 + 1  # and the line that says what is trained on
    assert not any("epochs" in line for line in stream.lines)


def test_a_foreign_name_is_harmless_and_takes_the_cells_that_it_has(job: Make, now: datetime) -> None:
    for name in ("日本語の名前がとても長いジョブです", "evil\x1b[2J\u202e\n", "e\u0301" * 60):
        for columns in (1, 10, 24, 40, 80, 200):
            shown = job(
                name=name, status="running", progress={"percent": 50.0, "estimated_finish": now + timedelta(hours=1)}
            )
            lines = bar(shown, now, columns)
            assert len(lines) == 2
            assert max(map(width, lines)) <= columns
            assert all(line.isprintable() for line in lines)


def test_the_bar_is_as_full_as_the_job(job: Make, now: datetime) -> None:
    for percent, full in ((0.0, 0.0), (48.0, 24.0), (51.0, 25.5), (100.0, 50.0)):
        line = bar(job(name="x", progress={"percent": percent}), now, 57)[0]
        assert line.count("━") + line.count("╸") / 2 == full
        assert sum(map(line.count, "━╸─")) == 50
    assert bar(job(progress={"percent": 50.0}), now, 80, Style(unicode=False))[0].count("#") > 20


def test_an_epoch_that_is_measured_counts_as_done(job: Make, attempt: Make, row: Make, now: datetime) -> None:
    """The service still names its last step then, up to the first one of the next epoch."""
    in_last = {"epoch": 2, "step": 10, "steps_per_epoch": 12, "percent": 99.0}
    first = {"status": "running", "attempts": (attempt(),), "progress": in_last}
    assert bar(job(**first, latest=row(1)), now, 100)[1].startswith("2/3 epochs  step 10/12  loss")
    assert bar(job(**first, latest=row(2)), now, 100)[1].startswith("3/3 epochs  loss")
    again = {**first, "attempts": (attempt(), attempt(2))}
    assert bar(job(**again, latest=row(2)), now, 100)[1].startswith("2/3 epochs  step 10/12  loss")


def test_an_expected_end_that_has_passed_is_not_told(job: Make, now: datetime) -> None:
    for seconds, told in ((1, True), (0, False), (-60, False)):
        late = {"percent": 99.0, "estimated_finish": now + timedelta(seconds=seconds)}
        assert (" left" in bar(job(progress=late), now, 80)[0]) == told


def test_a_terminal_that_lacks_a_character_gets_it_spelled_out(job: Make) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    Follow(lambda _: [], screen=Screen(stream)).run([job(queue="日本")])
    stream.seek(0)
    assert stream.read() == "Queued, place 1: \\u65e5\\u672c\n"


def test_an_epoch_that_was_measured_again_is_told_once(job: Make, attempt: Make, row: Make, now: datetime) -> None:
    """Epochs 0 and 1 are shown; the second attempt begins with epoch 1 again, and measures 2 for the first time."""
    lost, second = attempt(end_reason="worker_lost"), attempt(2, resumed_from="epoch-0001.safetensors")
    first = [row(0), row(1)]
    again = row(1, attempt=2, test_accuracy=0.5)
    then = [row(0), again, row(2, attempt=2)]
    both = (lost, second)
    event = Event(id=9, type="epoch_revised", epoch=1, attempt=2, message="Trained again: test 50.00%", created_at=now)
    other = Event(id=10, type="checkpoint_failed", attempt=2, message="no", created_at=now)
    looks: Looks = [
        (job(status="running", attempts=(attempt(),), latest=first[1]), first),
        (job(status="running", attempts=both, latest=first[1], progress={"epoch": 1}), first),
        (job(status="running", attempts=both, latest=again, progress={"epoch": 2}), [row(0), again]),
        (job(status="running", attempts=both, latest=then[2], progress={"epoch": 3}), then),
        (job(status="succeeded", attempts=both, latest=then[2], progress={"epoch": 3}), then),
    ]
    service, stream = Service(looks), io.StringIO()

    def revised(after: int) -> list[Any]:
        service.asked.append(after)
        known = [event, other] if again in service.epochs else []
        return [one for one in known if one.id > after]

    Follow(service.rows, revised, screen=Screen(stream)).run(service.jobs())
    lines = stream.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "Training on cpu in fp32",
        "Epoch   0",
        "Epoch   1",
        "Training on cpu in fp32, attempt 2",
        "Epoch   1, attempt 2",
        "Epoch   2",
        "Succeeded.",
    ]
    assert lines[4] == "Epoch   1, attempt 2: Trained again: test 50.00%"
    assert service.asked == [0, 0]  # and no more once the second attempt is further than the first


def test_who_comes_after_a_retry_is_not_told_of_what_they_have_not_seen(
    job: Make, attempt: Make, row: Make, now: datetime
) -> None:
    event = Event(id=9, type="epoch_revised", epoch=0, attempt=2, message="Trained again", created_at=now)
    both = (attempt(end_reason="worker_lost"), attempt(2))
    rows = [row(0, attempt=2)]
    looks: Looks = [
        (job(status="running", attempts=both, latest=rows[0], progress={"epoch": 1}), rows),
        (job(status="succeeded", attempts=both, latest=rows[0], progress={"epoch": 1}), rows),
    ]
    assert "again" not in lines_of(looks, [event])


def test_epochs_of_a_lost_attempt_stand_before_the_next_one(job: Make, attempt: Make, row: Make) -> None:
    both = (attempt(end_reason="worker_lost"), attempt(2))
    rows = [row(0), row(1, attempt=2)]
    looks: Looks = [
        (job(status="running", attempts=both[:1]), []),
        (job(status="running", attempts=both, latest=rows[1]), rows),
        (job(attempts=both, latest=rows[1]), rows),
    ]
    starts = [line[:12] for line in lines_of(looks).splitlines()]
    assert starts == ["Training on ", "Epoch   0:  ", "Training on ", "Epoch   1:  ", "Attempt 2 en"]


def test_a_failure_says_why_and_what_to_change(job: Make, attempt: Make, now: datetime) -> None:
    error = JobError(
        code="dataset_invalid",
        message="There is no folder [x\x1b[0m].",
        hint="Put one\nthere.",
        retryable=False,
        attempt=1,
    )
    times = {"started_at": now, "finished_at": now + timedelta(seconds=2)}
    failed = job(status="failed", attempts=(attempt(facts=None),), error=error, **times)
    assert lines_of([(failed, [])]) == (
        "Failed after 0:00:02: There is no folder [x\\x1b[0m]. (dataset_invalid)\nHint: Put one there.\n"
    )


def test_a_lost_worker_a_pause_and_a_stop_are_said(job: Make, attempt: Make) -> None:
    paused = attempt(end_reason="paused")
    name = "attempt-0001/epoch-0001-step-000006.safetensors"
    facts = {"devices": 2, "validation_images": 287, "dropped_images": 3}
    again = (paused, attempt(2, resumed_from=name, facts=facts))
    looks: Looks = [
        (job(status="running", attempts=(attempt(),), requested="pause"), []),
        (job(status="paused", attempts=(paused,), progress={"percent": 50.5}), []),
        (job(attempts=(paused,)), []),
        (job(status="running", attempts=again), []),
        (job(status="running", attempts=again, requested="stop"), []),
        (job(attempts=(paused,), requested="stop"), []),
        (job(status="running", attempts=again, requested="cancel"), []),
        (replace(job(), queue=QueuePlace(code="slots_busy", reason="Busy.")), []),
        (job(status="stopped", attempts=again), []),
    ]
    assert lines_of(looks) == (
        "Asked to pause; waiting for its worker to write a checkpoint.\n"
        "Paused at 50%, until it is resumed.\n"
        "Attempt 1 ended (paused). Queued, place 1: A slot is free: about to start.\n"
        "Training on 2 times cpu in fp32, attempt 2: 269,434 parameters, 1,437 training, 287 validation and 360 test "
        f"images (3 more could not be read), 10 classes. It goes on from {name}.\n"
        "Asked to stop; waiting for its worker to store its weights.\n"
        "Asked to stop; waiting for a worker to make its weights: A slot is free: about to start.\n"
        "Asked to cancel; waiting for its worker to let go.\n"
        "Queued, behind a thousand others: Busy.\n"
        "Stopped.\n"
    )


def test_what_is_no_number_or_was_not_evaluated_is_shown_as_such(job: Make, row: Make, best: Make) -> None:
    rows = [
        row(0, train_loss=float("nan"), test_loss=float("inf"), images_per_second=float("nan")),
        row(1, test_loss=None, test_accuracy=None),
        row(2, validation_loss=0.5, validation_accuracy=0.75),
    ]
    assert lines_of([(job(status="succeeded", latest=rows[2], best=best(rows[2])), rows)]) == (
        "Epoch   0:  train loss     nan, accuracy  90.00%   test loss     inf, accuracy  95.00%   nan images/s\n"
        "Epoch   1:  train loss  0.5000, accuracy  90.00%   1,234 images/s\n"
        "Epoch   2:  train loss  0.5000, accuracy  90.00%   validation loss  0.5000, accuracy  75.00%   "
        "test loss  0.2500, accuracy  95.00%   1,234 images/s\n"
        "Succeeded. Test accuracy 95.00%, 95.00% in epoch 2, whose validation accuracy of 75.00% is the best.\n"
    )


def test_rows_that_come_twice_are_shown_once(job: Make, row: Make) -> None:
    """Whatever the source repeats: a page, or the answer to a request that was sent again."""
    rows, stream = [row(0), row(1)], io.StringIO()
    looks = [job(status="running", latest=rows[0]), job(status="running", latest=rows[1])]
    Follow(lambda _: rows, screen=Screen(stream)).run([*looks, job(status="succeeded", latest=rows[1])])
    starts = [line[:9] for line in stream.getvalue().splitlines()]
    assert sorted(starts) == ["Epoch   0", "Epoch   1", "Running.", "Succeeded"]


@pytest.mark.parametrize("wrong", [0, 3600, -3600])
def test_the_time_that_is_left_is_told_by_the_clock_of_the_service(
    job: Make, row: Make, terminal: Make, now: datetime, wrong: int
) -> None:
    """This machine's is an hour ahead, or behind. The epochs that are new were recorded a second ago."""
    stream, seconds, rows = terminal(80), 0, [row(epoch) for epoch in range(3)]
    screen = Screen(stream, Style(), live=True, size=stream.size)
    follow = Follow(lambda _: [], screen=screen, clock=lambda: now + timedelta(seconds=seconds + wrong))
    with screen:
        for epoch in range(3):
            seconds = 60 * epoch + 1
            latest = replace(rows[epoch], recorded_at=now + timedelta(seconds=60 * epoch))
            place = {"percent": 1.0, "epoch": epoch, "estimated_finish": now + timedelta(seconds=600)}
            follow.show(job(status="running", latest=latest, progress=place))
        assert ("0:07:59 left" if wrong == 0 else "0:08:00 left") in stream.lines[-2]
        # An answer that comes after an outage tells of an epoch that was recorded long before.
        seconds = 300
        late = replace(rows[2], recorded_at=now + timedelta(seconds=180))
        follow.show(job(status="running", latest=late, progress=place))
        assert ("0:05:00 left" if wrong == 0 else "0:05:01 left") in stream.lines[-2]


def test_a_block_is_no_higher_than_the_screen(terminal: Make) -> None:
    stream = terminal(80)
    with Screen(stream, Style(), live=True, size=lambda: (80, 5)) as screen:
        screen.draw([], [f"row {number}" for number in range(9)])
        screen.draw(["line"], [f"row {number}" for number in range(9)])
        assert stream.lines == ["line", "row 0", "row 1", "row 2", "row 3"]


def test_nobody_reads_any_more(job: Make) -> None:
    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(5, "Input/output error")

    with pytest.raises(BrokenPipeError):
        Follow(lambda _: [], screen=Screen(Closed(), live=True)).run([job()])


PROGRAM = """
import os, socket, sys
from datetime import datetime
from types import SimpleNamespace as N
from epochal.terminal.following import Follow
from epochal.terminal.screen import Screen

def jobs():
    progress = N(epoch=1, epochs=3, step=1, steps_per_epoch=2, percent=40.0, estimated_finish=None)
    yield N(id="job_1", name="x", status="running", requested=None, attempts=[], latest=None, best=None,
            progress=progress, queue=None, error=None, started_at=None, finished_at=None)
    left, right = socket.socketpair()
    left.recv(1)  # nothing ever comes

try:
    Follow(lambda after: [], screen=Screen()).run(jobs())
except KeyboardInterrupt:
    print("To come back: epochal watch job_1")
    sys.exit(130)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_ends_a_blocked_read_at_once_and_leaves_the_terminal_as_it_was(number: int, code: int) -> None:
    child, terminal = pty.fork()
    if child == 0:
        folder = str(Path(sys.modules["epochal.terminal.following"].__file__ or "").parents[2])
        environ = {"PYTHONPATH": folder, "TERM": "xterm", "PATH": os.environ["PATH"]}
        os.execve(sys.executable, [sys.executable, "-c", PROGRAM], environ)
    output = b""
    while b"40%" not in output:
        output += os.read(terminal, 1000)
    while b"1/3 epochs" not in output:
        output += os.read(terminal, 1000)
    began = time.monotonic()
    os.kill(child, number)
    _, status = os.waitpid(child, 0)
    assert time.monotonic() - began < 2  # 0.02 s on a machine that is free
    try:
        while more := os.read(terminal, 1000):
            output += more
    except OSError:  # how a terminal ends
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == code
    assert b"\x1b[?25l" in output
    after = output[output.rindex(b"1/3 epochs") :]
    assert after.index(b"\r\x1b[J") < after.index(b"\x1b[?25h")
    assert (b"To come back" in after) == (number == signal.SIGINT)
