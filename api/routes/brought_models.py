"""Trained weights that somebody brings as a file."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Query, Request, Response

from api import schemas
from api.dependencies import CallerDep, ServiceDep
from api.http.errors import InvalidRequest, MalformedBody, StorageUnavailable
from api.http.problem_kinds import fails_with
from api.making import bringing
from api.making.idempotent import REPLAYED, IdempotencyKeyDep
from api.service.admitted_route import UploadRoute
from api.views.trained_model_views import model_url
from catalog.trained.errors import ModelTooLarge
from jobs.dataset_versions import WAKE_UP
from jobs.errors import IdempotencyKeyReused, QuotaExceeded
from training.brought import WeightsRefused

router = APIRouter(prefix="/models", tags=["trained models"], route_class=UploadRoute)

_FILE = {"type": "string", "format": "binary", "minLength": 1}
_WEIGHTS = {
    "required": True,
    "content": {
        "application/octet-stream": {"schema": _FILE},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": _FILE},
                "required": ["file"],
                "additionalProperties": False,
            }
        },
    },
}
_CREATED: dict[int | str, dict[str, Any]] = {
    HTTPStatus.CREATED.value: {
        "headers": {
            "Location": {"description": "Where the trained model is.", "schema": {"type": "string"}},
            REPLAYED: {"description": "An earlier request has made it.", "schema": {"type": "string"}},
        }
    }
}


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="bring_model",
    summary="Bring trained weights, such as those of torchvision or timm",
    response_model=schemas.TrainedModel,
    response_description="A trained model, to start from and to use.",
    openapi_extra={"requestBody": _WEIGHTS},
    responses=_CREATED
    | fails_with(
        MalformedBody,
        WeightsRefused,
        ModelTooLarge,
        QuotaExceeded,
        IdempotencyKeyReused,
        StorageUnavailable,
        InvalidRequest,
    ),
)
async def bring_model(
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    asked: Annotated[schemas.ModelToBring, Query()],
    key: IdempotencyKeyDep,
    background: BackgroundTasks,
) -> Response:
    """The body is a safetensors file, or a form with one and with what the address may say as fields. Which network it
    is of, is told from the names and shapes of its tensors: torchvision's and timm's of a ResNet or ResNeXt, or those
    of a `weights.safetensors` that a job has left. Numbers may be float32, float16 or bfloat16. What does not fit is
    refused with what differs. A `.pth` is a pickle, and refused with the line that converts it."""
    answer = await bringing.bring(request, service, caller.project, asked, key)
    background.add_task(service.queue.send, WAKE_UP)  # a worker exports it, as what a job leaves
    headers = {"Location": model_url(answer.model_id)} | ({REPLAYED: "true"} if answer.replayed else {})
    return Response(answer.body, HTTPStatus.CREATED, headers, media_type="application/json", background=background)
