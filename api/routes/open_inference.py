"""The Open Inference Protocol, for clients of KServe and Triton. It is published there: these operations are not in the
API's own contract. Their errors have the protocol's form, `{"error": "…"}`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from access.keys import Caller
from api.dependencies import CallerDep, CoreDep, may_predict
from api.http.bodies import JSON
from api.http.errors import NotReady
from api.http.strict_route import KeylessRoute
from api.reading.image_bodies import FILE, whole_body
from api.reading.open_inference import HEADER_LENGTH, metadata, parse, render
from api.reading.predicting import ask, find_model, require
from api.service.admitted_route import AdmittedRoute, PredictionRoute
from api.service.readiness import MAX_AGE_SECONDS, TIMEOUT_SECONDS
from api.service.service import Core
from catalog.trained.errors import ModelNotFound
from catalog.trained.references import is_name, is_reference
from jobs import model_names
from training.release import release

keyless = APIRouter(prefix="/v2", route_class=KeylessRoute, include_in_schema=False)
models = APIRouter(
    prefix="/v2/models", route_class=AdmittedRoute, include_in_schema=False, dependencies=[Depends(may_predict)]
)
inference = APIRouter(
    prefix="/v2/models", route_class=PredictionRoute, include_in_schema=False, dependencies=[Depends(may_predict)]
)


@keyless.get("")
async def get_server_metadata() -> Mapping[str, Any]:
    """Which server this is, and which extensions it has."""
    return {"name": "epochal", "version": release(), "extensions": ["binary_tensor_data"]}


@keyless.get("/health/live")
async def get_server_live() -> Mapping[str, Any]:
    """Whether the process answers."""
    return {"live": True}


@keyless.get("/health/ready")
async def get_server_ready(core: CoreDep) -> Mapping[str, Any]:
    """Whether models can be looked up: whether the database answers."""
    if not await core.database_answers.ask_async(TIMEOUT_SECONDS, MAX_AGE_SECONDS):
        raise NotReady(["database"], [], {})
    return {"ready": True}


def _reference(name: str, version: str | None) -> str:
    """As the rest of the API names it. Raises ModelNotFound."""
    reference = name if version is None else f"{name}@{version}"
    if not is_reference(reference) or (version is not None and not version.isdigit()):
        raise ModelNotFound(reference)
    return reference


async def _get_model(core: Core, caller: Caller, name: str, version: str | None) -> Response:
    model = await find_model(core, caller.project, _reference(name, version))
    versions = await run_in_threadpool(_versions, core, caller.project, name)
    return JSONResponse(metadata(model, name, versions))


def _versions(core: Core, project: str, name: str) -> Sequence[str]:
    """The newest hundred of a name; an id has none."""
    word = name.partition("@")[0]
    if not is_name(word):
        return []
    with core.database.snapshot(project) as session:
        return [str(row.number) for row in model_names.list_versions(session, project, word, None, 100).rows]


async def _get_ready(core: Core, caller: Caller, name: str, version: str | None) -> Response:
    await find_model(core, caller.project, _reference(name, version))
    return JSONResponse({"name": name, "ready": True})


async def _infer(request: Request, core: Core, caller: Caller, name: str, version: str | None) -> Response:
    if core.forwarder is not None:
        return await core.forwarder.forward(request, await whole_body(request))
    reference = _reference(name, version)
    model = await find_model(core, caller.project, reference)
    content = await whole_body(request)
    asked = await run_in_threadpool(parse, content, request.headers.get(HEADER_LENGTH), model.input)
    predictor = require(core.predictor)
    answer = await ask(
        request, core, reference, model, lambda served: predictor.submit_pixels(served, asked.pixels, top=1)
    )
    body, length = await run_in_threadpool(render, asked, answer, name, version)
    if length is None:
        return Response(body, media_type=JSON)
    return Response(body, headers={HEADER_LENGTH: str(length)}, media_type=FILE)


@models.get("/{name}")
async def get_model_metadata(name: str, core: CoreDep, caller: CallerDep) -> Response:
    """What the model takes and gives."""
    return await _get_model(core, caller, name, None)


@models.get("/{name}/versions/{version}")
async def get_model_version_metadata(name: str, version: str, core: CoreDep, caller: CallerDep) -> Response:
    """What this version takes and gives."""
    return await _get_model(core, caller, name, version)


@models.get("/{name}/ready")
async def get_model_ready(name: str, core: CoreDep, caller: CallerDep) -> Response:
    """Whether it is there, and exported. It is loaded when it is first asked."""
    return await _get_ready(core, caller, name, None)


@models.get("/{name}/versions/{version}/ready")
async def get_model_version_ready(name: str, version: str, core: CoreDep, caller: CallerDep) -> Response:
    """Whether this version is."""
    return await _get_ready(core, caller, name, version)


@inference.post("/{name}/infer")
async def infer(request: Request, name: str, core: CoreDep, caller: CallerDep) -> Response:
    """What the images show."""
    return await _infer(request, core, caller, name, None)


@inference.post("/{name}/versions/{version}/infer")
async def infer_version(request: Request, name: str, version: str, core: CoreDep, caller: CallerDep) -> Response:
    """What this version says that they show."""
    return await _infer(request, core, caller, name, version)
