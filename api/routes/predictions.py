"""What trained models say of pictures."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api import schemas
from api.dependencies import CallerDep, CoreDep
from api.http.bodies import JSON
from api.http.errors import (
    BodyTooLarge,
    InvalidRequest,
    MalformedBody,
    PredictionsUnavailable,
    UnsupportedMediaType,
)
from api.http.multipart import MEDIA_TYPE as FORM
from api.http.problem_kinds import fails_with
from api.making.idempotent import NO_IDEMPOTENCY_KEY
from api.reading.image_bodies import FILE, images_of, whole_body
from api.reading.predicting import ask, find_model, require, wire
from api.routes.models import ModelReference
from api.schemas.predictions import MOST_EXPLAINED
from api.service.admitted_route import PredictionRoute
from catalog.trained.errors import ModelNotExported, ModelNotFound
from serving import Busy, Closed, ModelUnavailable, ModelUnusable

router = APIRouter(prefix="/models", tags=["predictions"], route_class=PredictionRoute)

_PICTURE = {"type": "string", "format": "binary", "minLength": 1}
_BODY = {
    "required": True,
    "content": {
        JSON: {"schema": {"$ref": "#/components/schemas/PredictionRequest"}},
        FORM: {
            "schema": {
                "type": "object",
                "properties": {"image": {"type": "array", "items": _PICTURE, "minItems": 1}},
                "required": ["image"],
            }
        },
        **{kind: {"schema": _PICTURE} for kind in ("image/jpeg", "image/png", "image/webp", FILE)},
    },
}


@router.post(
    "/{model}/predict",
    operation_id="predict",
    summary="Ask a trained model what pictures show",
    response_model=schemas.PredictionAnswer,
    openapi_extra={"requestBody": _BODY},
    dependencies=[NO_IDEMPOTENCY_KEY],
    responses=fails_with(
        *(ModelNotFound, ModelNotExported, ModelUnusable, ModelUnavailable, Busy, Closed, PredictionsUnavailable),
        *(MalformedBody, BodyTooLarge, UnsupportedMediaType, InvalidRequest),
    ),
)
async def predict(
    request: Request,
    model: ModelReference,
    core: CoreDep,
    caller: CallerDep,
    *,
    top: Annotated[int, Query(ge=1, le=100, description="How many labels for each picture.")] = 5,
    explain: Annotated[
        bool,
        Query(
            description="Whether to show where in the picture the first label was seen. Then a request may have "
            f"{MOST_EXPLAINED} pictures."
        ),
    ] = False,
) -> Response:
    """The body is one picture, of any kind that data sets may have; or a form with a file for each picture; or JSON. At
    most 256 pictures and 16 MiB. A picture that cannot be read is an error in its own place. A key that may `read` may
    ask."""
    if core.forwarder is not None:
        return await core.forwarder.forward(request, await whole_body(request))
    found = await find_model(core, caller.project, model)
    images = await images_of(request)
    if explain and len(images) > MOST_EXPLAINED:
        raise BodyTooLarge(f"With explain, a request may have {MOST_EXPLAINED} images: send several.")
    predictor = require(core.predictor)
    answer = await ask(
        request, core, model, found, lambda served: predictor.submit(served, images, top=top, explain=explain)
    )
    return Response(await run_in_threadpool(wire, answer), media_type=JSON)
