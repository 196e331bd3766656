"""Makes a trained model of weights that somebody sends, in constant memory."""

import errno
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from anyio import CancelScope, to_thread
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError

from api import schemas
from api.http.bodies import require_uncoded
from api.http.errors import InvalidRequest, MalformedBody, StorageUnavailable
from api.http.multipart import Texts, file_of, is_multipart
from api.http.validation_messages import error_message
from api.making.brought_description import describe
from api.service.service import Service
from api.views import trained_model_views
from catalog.trained.file_names import WEIGHTS
from catalog.trained.references import names_of
from jobs import brought_models, idempotency, model_names, model_tasks
from jobs.brought_models import Brought, PartReader, PartWriter, Received
from jobs.trained_models import manifest_of
from models import DatabaseUnavailable, ProjectSession, TrainedModel
from storage import FileDamaged
from training.brought import match, read_header, refuse_pickle, rewrite

OPERATION = "bring_model"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """The trained model as JSON, and whether it was made by an earlier request with the same key."""

    model_id: str
    body: str
    replayed: bool = False


async def bring(
    request: Request, service: Service, project: str, asked: schemas.ModelToBring, key: str | None
) -> Answer:
    """Receive the body, and make the trained model. Nothing is left of one that is refused.

    Raises WeightsRefused, ModelTooLarge, QuotaExceeded, MalformedBody, InvalidRequest, IdempotencyKeyReused and
    StorageUnavailable.
    """
    model_id = await run_in_threadpool(brought_models.new_id, service.database)
    answer: Answer | None = None
    received: Received | None = None
    try:
        received, texts = await _receive(request, service, project, model_id)
        asked = _with_fields(asked, texts)
        make = partial(_make, service, project, model_id, received, asked, key)
        answer = await to_thread.run_sync(make, limiter=service.limits.rewriting_threads)
    except (OSError, FileDamaged, EOFError) as error:
        log.warning("storage takes no weights", error=str(error))
        told = "It is full: whoever runs the service has to make room." if _is_full(error) else "Send it again."
        raise StorageUnavailable(told) from error
    finally:
        await _clean(service, project, model_id, received if answer and not answer.replayed else None)
    return answer


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.ENOSPC


async def _receive(
    request: Request, service: Service, project: str, model_id: str
) -> tuple[Received, dict[str, list[str]]]:
    """Store the file in parts; and what the form says beside it."""
    require_uncoded(request)
    texts = Texts(frozenset(schemas.ModelToBring.model_fields))
    writer = PartWriter(service.database, service.storage, project, model_id, service.settings.max_model_bytes)
    limiter = service.limits.upload_threads
    is_first = True
    async for content in _file(request, texts):
        is_full = writer.write(content)
        if is_first and writer.received.size_bytes >= 8:
            is_first = False
            refuse_pickle(writer.begins_with)
        if is_full:
            await to_thread.run_sync(writer.store, limiter=limiter)
    if not writer.received.size_bytes:
        raise MalformedBody("It is empty: send a safetensors file as the body, with curl -T resnet18.safetensors.")
    received = await to_thread.run_sync(writer.finish, limiter=limiter)
    return received, texts.values()


async def _file(request: Request, texts: Texts) -> AsyncIterator[bytes]:
    content_type, body = request.headers.get("content-type", ""), request.stream()
    async for content in file_of(content_type, body, texts) if is_multipart(content_type) else body:
        if content:
            yield content


def _with_fields(asked: schemas.ModelToBring, texts: dict[str, list[str]]) -> schemas.ModelToBring:
    """What the address says, and what the form says. Raises InvalidRequest where both say the same thing."""
    said = asked.model_dump(exclude_unset=True)
    if both := sorted(said.keys() & texts.keys()):
        detail = "should be in the address or in the form, not in both"
        raise InvalidRequest([{"parameter": name, "detail": detail} for name in both], len(both))
    lists = {"mean", "deviation"}
    fields: dict[str, Any] = {name: values if name in lists else values[-1] for name, values in texts.items()}
    if repeated := sorted(name for name, values in texts.items() if name not in lists and len(values) > 1):
        raise InvalidRequest(
            [{"parameter": name, "detail": "should be there once"} for name in repeated], len(repeated)
        )
    try:
        return schemas.ModelToBring.model_validate({**said, **fields})
    except ValidationError as error:
        errors = [
            {"parameter": ".".join(map(str, item["loc"])), "detail": error_message(item)} for item in error.errors()
        ]
        raise InvalidRequest(errors, len(errors)) from error


def _make(
    service: Service, project: str, model_id: str, received: Received, asked: schemas.ModelToBring, key: str | None
) -> Answer:
    source = PartReader(service.storage, received)
    found = match(read_header(source, received.size_bytes))
    about = describe(found, asked)
    name = f"{brought_models.folder_of(project, model_id)}/{WEIGHTS}"
    weights = service.storage.put_pieces(name, rewrite(source, found, about.model_dump(mode="json")))
    names = "epochal" if found.ours else "torchvision"
    told = {"bytes": received.size_bytes, "sha256": received.sha256, "names": names}
    brought = Brought(model_id, about, asked.resize, weights, told)
    with service.database.session(project) as session:
        if key:
            said = f"{received.sha256} {json.dumps(asked.model_dump(), sort_keys=True)}".encode()
            first = idempotency.reserve(session, project, key, OPERATION, said)
            if first:
                return Answer(first.job_id, first.answer, replayed=True)
        model = brought_models.create(session, project, brought)
        model_tasks.export_at_end(session, model, service.settings.export_formats)
        if asked.name:
            model_names.add_version(session, project, asked.name, model_id)
        answer = Answer(model_id, _body(session, model))
        if key:
            idempotency.answer(session, project, key, model_id, answer.body)
    return answer


def _body(session: ProjectSession, model: TrainedModel) -> str:
    names = names_of(session, model.project, [model.id])[model.id]
    return trained_model_views.whole(model, names, manifest_of(model)).model_dump_json()


async def _clean(service: Service, project: str, model_id: str, kept: Received | None) -> None:
    """Delete the parts that were received, and all files of a model that was not made. A worker does it a day later
    where storage or database do not answer, and where the model was made although its maker was told otherwise."""

    def delete() -> None:
        with suppress(OSError, DatabaseUnavailable):
            if kept:
                service.storage.delete(part.name for part in kept.parts)
            elif not _is_made(service, project, model_id):
                brought_models.discard(service.storage, project, model_id)

    with CancelScope(shield=True):
        await to_thread.run_sync(delete, limiter=service.limits.upload_threads)


def _is_made(service: Service, project: str, model_id: str) -> bool:
    """Whether its row is there: a commit may have succeeded whose confirmation was lost."""
    with service.database.snapshot(project) as session:
        return session.get(TrainedModel, model_id) is not None
