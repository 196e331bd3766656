"""What in a log is a violation, and what a fault explains."""

import pytest

from tests.chaos.log_rules import EXPECTED, unexpected

TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\nKeyError: 1\nlevel=info event=on\n'


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("api", 'timestamp=2026-01-01T00:00:00Z level=error event="job not settled" job_id=job_1'),
        ("api", "timestamp=2026-01-01T00:00:00Z level=critical event=x"),
        ("worker-0", "Exception in thread periodic tasks:"),
        ("worker-1", "Fatal Python error: Segmentation fault"),
        ("postgresql", "2026-01-01 00:00:00 UTC [1] PANIC:  could not write"),
        ("postgresql", "2026-01-01 00:00:00 UTC [1] ERROR:  deadlock detected"),
        ("api", 'level=error event="consumer: Cannot connect to redis"'),  # expected of a worker alone
    ],
)
def test_a_line_that_nothing_explains_is_found(name: str, line: str) -> None:
    assert list(unexpected(name, f"level=info event=a\n{line}\nlevel=info event=b\n")) == [f"{name}: {line}"]


def test_a_traceback_is_told_with_what_was_raised() -> None:
    assert list(unexpected("api", TRACEBACK)) == ["api: Traceback (most recent call last): … KeyError: 1"]


def test_what_a_fault_explains_is_none() -> None:
    content = (
        'level=error event="consumer: Cannot connect to redis+socket:///x: Error 111\\nTrying again in 2.00 seconds"\n'
        'level=warning event="the database is away"\n'
    )
    assert list(unexpected("worker-0", content)) == []


def test_every_exception_has_its_reason() -> None:
    assert all(name and what and len(reason) > 10 for name, what, reason in EXPECTED)
