"""There are forty threads, and many more may ask at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx2
import pytest

if TYPE_CHECKING:
    from tests.stage import Stage

AT_ONCE = 120

ASK: dict[str, Callable[[httpx2.Client, str], httpx2.Response]] = {
    "cancel": lambda client, job_id: client.post(f"/v1/jobs/{job_id}/cancel"),
    "change": lambda client, job_id: client.patch(f"/v1/jobs/{job_id}", json={"name": "another"}),
    "submit": lambda client, _: client.post("/v1/jobs", json={"spec": {"dataset": "digits"}}),
    "checkpoints": lambda client, job_id: client.get(f"/v1/jobs/{job_id}/checkpoints"),
    "list": lambda client, _: client.get("/v1/jobs"),
    "workers": lambda client, _: client.get("/v1/workers"),
    "keys": lambda client, _: client.get("/v1/keys"),
}


@pytest.mark.parametrize("what", ASK)
def test_nobody_waits_for_a_thread_that_waits_for_him(live: httpx2.Client, stage: "Stage", what: str) -> None:
    """With a connection, or the turn to write, in hand."""
    job_id = stage.submit()
    with (
        httpx2.Client(base_url=live.base_url, timeout=60, limits=httpx2.Limits(max_connections=AT_ONCE)) as client,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        answers = list(threads.map(lambda _: ASK[what](client, job_id).status_code, range(AT_ONCE)))
    # On a machine that has much else to do, one or the other gets no turn to write in time. Without a thread of its own
    # for what a route returns, it was one in two.
    done = [status for status in answers if status // 100 == 2]
    assert set(answers) - set(done) <= {503}
    assert len(done) > 0.8 * AT_ONCE, answers
