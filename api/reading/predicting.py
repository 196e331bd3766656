"""Asks the predictor, and waits in the event loop: no thread of other requests is held meanwhile."""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api import schemas
from api.reading.served_models import served_model
from api.service.service import Core
from serving import ModelUnavailable, Prediction, Predictions, Predictor, ServedModel


async def find_model(core: Core, project: str, reference: str) -> ServedModel:
    """What `reference` names now. Raises ModelNotFound, ModelNotExported and ModelUnusable."""

    def find() -> ServedModel:
        with core.database.snapshot(project) as session:
            return served_model(session, core.storage, reference)

    return await run_in_threadpool(find)


async def ask(
    request: Request,
    core: Core,
    reference: str,
    model: ServedModel,
    submit: Callable[[ServedModel], Future[Predictions]],
) -> Predictions:
    """The answer to what `submit` submits. Where the model's file is gone, because the model was exported anew or
    deleted meanwhile, what `reference` names now answers. Raises what the predictor does, and what `find_model` does.
    """
    try:
        return await _answer(request, submit(model))
    except ModelUnavailable:
        now = await find_model(core, model.project, reference)
        if now.key == model.key:
            raise
        return await _answer(request, submit(now))


async def _answer(request: Request, future: Future[Predictions]) -> Predictions:
    """Drops what is not done where the client is gone."""
    answer = asyncio.wrap_future(future)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait(_both(answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientDisconnect
        return answer.result()
    finally:
        gone.cancel()
        answer.cancel()


def _both(*futures: asyncio.Future[Any]) -> Sequence[asyncio.Future[Any]]:
    return futures


async def _disconnected(request: Request) -> None:
    """Once the body has been read, the next message is that."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def wire(predictions: Predictions) -> str:
    """As JSON."""
    model = predictions.model
    return schemas.PredictionAnswer(
        model=schemas.PredictionModel(id=model.id, sha256=model.sha256),
        calibrated=model.temperature is not None,
        temperature=model.temperature,
        predictions=[
            _image(each)
            if isinstance(each, Prediction)
            else schemas.PredictedImage(labels=[], activation_map=None, error=each.reason)
            for each in predictions.images
        ],
    ).model_dump_json()


def _image(prediction: Prediction) -> schemas.PredictedImage:
    png = prediction.activation_map
    return schemas.PredictedImage(
        labels=[schemas.PredictedLabel(label=each.label, probability=each.probability) for each in prediction.labels],
        activation_map=b64encode(png).decode() if png else None,
        error=None,
    )


def require(predictor: Predictor | None) -> Predictor:
    """Of a process that predicts."""
    assert predictor is not None
    return predictor
