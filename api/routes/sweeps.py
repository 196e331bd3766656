"""Sweeps: several jobs that answer one question."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api import schemas
from api.dependencies import CatalogueDep, DatabaseDep, SessionDep, SlotDep, SnapshotDep
from api.http.path_ids import path_id
from api.http.problem_kinds import fails_with
from api.making import sweeping
from api.making.idempotent import REPLAYED, IdempotentSubmissionDep, Made
from api.reading.waiting import WaitDep
from api.schemas import sweeps as answers
from api.service.admitted_route import AdmittedRoute
from api.views import sweep_views
from catalog.trained.errors import ModelInUse
from jobs.errors import IdempotencyKeyReused, QuotaExceeded, StartingWeightsMissing, StartingWeightsUnfit
from jobs.ids import SWEEP_PATTERN, is_sweep_id
from models import ProjectSession
from sweeps import changes, making, queries
from sweeps.errors import SweepFinished, SweepNotFinished, SweepNotFound
from sweeps.status import OVER

router = APIRouter(prefix="/sweeps", tags=["sweeps"], route_class=AdmittedRoute)

SweepId = Annotated[
    str,
    path_id(
        "sweep_id",
        "As the answer to the sweep's POST has it.",
        "swp_01kasm2pbk5s9d0w3g6vq8zrhf",
        is_sweep_id,
        lambda path: SweepNotFound(path["sweep_id"]),
    ),
]

MADE: dict[int | str, dict[str, Any]] = {
    HTTPStatus.CREATED.value: {
        "headers": {
            "Location": {"description": "Where the sweep is.", "schema": {"type": "string"}},
            REPLAYED: {
                "description": "`true`: the first request with this key made the sweep, and this is its answer.",
                "schema": {"type": "string"},
            },
        }
    }
}
MAKING_ERRORS = fails_with(StartingWeightsMissing, StartingWeightsUnfit, IdempotencyKeyReused, QuotaExceeded)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="submit_sweep",
    summary="Submit a job for every combination of values",
    response_model=answers.Sweep,
    response_description="Accepted: all of its jobs are stored, and will run.",
    responses=MADE | MAKING_ERRORS,
)
def submit_sweep(body: answers.SweepCreate, submission: IdempotentSubmissionDep, catalogue: CatalogueDep) -> Response:
    """Every job is checked first, as `POST /v1/jobs` checks it. All of them are accepted, or none is, by the same
    quotas as any others. Each is an ordinary job, whose `parent` is the sweep."""
    planned = sweeping.planned(body, catalogue)  # before the transaction, which must not wait for a disk

    def make() -> Made:
        session = submission.session
        trials = sweeping.fitting(session, body.spec, planned)
        sweep = making.create(session, trials, spec=body.spec, space=body.space, name=body.name)
        return made(session, sweep.id)

    return submission.once("submit_sweep", sweep_views.sweep_url, make)


@router.get("", operation_id="list_sweeps", summary="List sweeps, the newest first")
def list_sweeps(
    session: SnapshotDep,
    after: Annotated[str | None, Query(pattern=SWEEP_PATTERN, description="The last one before the page.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.Page[answers.SweepSummary]:
    """Without their trials."""
    return sweep_views.page(queries.newest(session, after, limit), limit)


@router.get(
    "/{sweep_id}",
    operation_id="get_sweep",
    summary="A sweep: how far it is, and what each trial has measured",
    response_model=answers.Sweep,
)
async def get_sweep(
    sweep_id: SweepId,
    database: DatabaseDep,
    slot: SlotDep,
    wait: WaitDep,
    sort: Annotated[
        answers.TrialOrder,
        Query(
            description="The order of the trials: `number` as the sweep has them; otherwise the best first, by the "
            "best epoch's accuracy or by what the latest epoch measured. Those without a value come last."
        ),
    ] = "number",
) -> Response:
    """With `Prefer: wait=20`, the answer comes once all of its jobs have ended, or after 20 seconds."""

    def read() -> answers.Sweep:
        with database.snapshot() as session:
            return _sweep(session, sweep_id, sort)

    found = await wait.until_over(slot, read, lambda sweep: sweep.status in OVER)
    return wait.answer(found.model_dump_json())


@router.post(
    "/{sweep_id}/cancel",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="cancel_sweep",
    summary="Cancel the jobs of a sweep that have not ended",
    response_description="They are cancelled, or will be within seconds.",
    responses=fails_with(SweepFinished),
)
def cancel_sweep(sweep_id: SweepId, session: SessionDep) -> answers.Sweep:
    """Jobs that have ended keep their weights. Repeating the request changes nothing."""
    changes.cancel(session, sweep_id)
    return _sweep(session, sweep_id)


@router.delete(
    "/{sweep_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="delete_sweep",
    summary="Delete a sweep whose jobs have all ended, with its jobs",
    response_class=Response,
    response_description="Deleted. The files of its jobs are removed within seconds.",
    responses=fails_with(SweepNotFinished, ModelInUse),
)
def delete_sweep(sweep_id: SweepId, session: SessionDep) -> Response:
    """Its jobs are deleted as `DELETE /v1/jobs/{job_id}` deletes one. Where the trained model of one of them is needed,
    none is deleted. A sweep whose jobs were all deleted one by one is forgotten within hours."""
    changes.remove(session, sweep_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def made(session: ProjectSession, sweep_id: str) -> Made:
    """A sweep that this transaction has made, as the answer to its request."""
    answer = _sweep(session, sweep_id)
    return Made(sweep_id, answer.model_dump_json(), [trial.job_id for trial in answer.trials])


def _sweep(session: ProjectSession, sweep_id: str, order: answers.TrialOrder = "number") -> answers.Sweep:
    state = queries.find(session, sweep_id)
    return sweep_views.sweep(state, queries.trials_of(session, state.sweep), order)
