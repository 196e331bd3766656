"""Long answers are written piece by piece, and read as if they were written at once."""

from datetime import UTC, datetime
from typing import Any

import pytest

from api.schemas import Page, StepRow
from api.schemas.comparison import ComparedJob, Comparison, Curves, Difference
from models import JobStatus

RECORDED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def step(loss: float) -> StepRow:
    return StepRow(epoch=1, step=2, loss=loss, learning_rate=0.1, attempt=1, recorded_at=RECORDED_AT)


@pytest.mark.parametrize("losses", [[], [0.5], [0.5, float("nan"), float("-inf")]])
@pytest.mark.parametrize("following", [None, '/v1/jobs?name="data":[]'])
def test_a_page(losses: list[float], following: str | None) -> None:
    page = Page[StepRow](data=[step(loss) for loss in losses], has_more=bool(losses), next=following)
    assert page.to_json() == page.model_dump_json()


@pytest.mark.parametrize("name", [None, 'é "jobs":[] \\ "data":[]'])
def test_a_comparison(name: str | None) -> None:
    curves = Curves.model_validate({name: [0.5, None, float("nan")] for name in Curves.model_fields})
    fields: dict[str, Any] = {
        "name": name,
        "status": JobStatus.RUNNING,
        "best": None,
        "repeats": 1,
        "curves": curves,
        "spreads": None,
    }
    jobs = [ComparedJob(id=job_id, **fields) for job_id in "ab"]
    differences = [Difference(pointer="/seed", values={"a": '"jobs":[]', "b": None})]
    comparison = Comparison(epochs=[0, 1, 2], jobs=jobs, differences=differences, verdicts=[])
    assert comparison.to_json() == comparison.model_dump_json()
