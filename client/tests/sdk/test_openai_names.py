"""What openai-python writes works here."""

from __future__ import annotations

import asyncio

import httpx2
from sdk.answers import Answers, job_body, page

import epochal
from epochal import AsyncEpochal, Epochal

URL = "http://epochal.test"


def _answers() -> Answers:
    return Answers(page(job_body("job_2"), following="/v1/jobs?after=job_2"), page(job_body("job_1")))


def test_the_first_page_of_a_list() -> None:
    answers = _answers()
    with Epochal(URL, transport=httpx2.MockTransport(answers)) as client:
        listed = client.jobs.list(limit=1)
        assert ([job.id for job in listed.data], listed.has_more) == (["job_2"], True)
        assert answers.asked() == ["GET /v1/jobs?limit=1"]


def test_the_first_page_of_a_list_is_awaited() -> None:
    async def first() -> tuple[list[str], bool]:
        async with AsyncEpochal(URL, transport=httpx2.MockTransport(_answers())) as client:
            listed = await client.jobs.list(limit=1)
            return [job.id for job in listed.data], listed.has_more

    assert asyncio.run(first()) == (["job_2"], True)


def test_the_version() -> None:
    assert epochal.__version__.split(".")[0].isdecimal() or epochal.__version__ == "0+checkout"
