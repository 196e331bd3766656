"""Requests about a repeated job from two connections at once. PostgreSQL locks rows; SQLite has one writer."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import httpx2
import pytest
from fastapi.testclient import TestClient

from jobs import repeats
from tests.api.test_repeats import repeats_of, submit

if TYPE_CHECKING:
    from tests.stage import Stage

Ask = Callable[[TestClient, str], httpx2.Response]
ASKED: Mapping[str, Ask] = {
    "cancel": lambda client, job: client.post(f"{job}/cancel"),
    "delete": lambda client, job: client.delete(job),
    "repeat": lambda client, job: client.post(f"{job}/repeats", json={"repeats": 5}),
}


@pytest.mark.parametrize(
    ("verb", "status", "left"),
    [
        ("cancel", 200, ["cancelled"] * 4),
        ("delete", 409, ["cancelled", "cancelled", "queued", "queued"]),  # which have not ended
        ("repeat", 200, ["cancelled", "cancelled", "queued", "queued", "queued"]),
    ],
)
def test_what_is_asked_while_seeds_are_added_knows_them(
    client: TestClient, stage: "Stage", verb: str, status: int, left: list[str]
) -> None:
    """From another connection, which begins before the new jobs are committed, and ends after that."""
    job = submit(client, 2)
    address = f"/v1/jobs/{job['id']}"
    assert client.post(f"{address}/cancel").status_code == 200
    with ThreadPoolExecutor(1) as pool:
        with stage.database.session() as session:
            repeats.raise_to(session, job["id"], 4)
            asked = pool.submit(ASKED[verb], client, address)
            assert not wait([asked], 0.3).done
        assert asked.result().status_code == status
    found = repeats_of(client, job)["jobs"]
    assert [each["status"] for each in found] == left
    assert [each["seed"] for each in found] == [*range(3, 3 + len(left))]
