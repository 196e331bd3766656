"""What a network will see: a worker draws it, since augmentation needs torch. The request waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import Response
from fastapi.concurrency import run_in_threadpool

from api.http.errors import InvalidRequest, PictureNotDrawn, TooManyWaiting
from api.reading.version_pictures import PNG
from api.reading.waiting import Wait
from api.schemas.dataset_images import AugmentedSamples
from api.service.fair_limiter import Slot
from api.service.service import Service
from jobs import dataset_versions, drawings
from models import DatasetVersion, Task
from storage import StoredFile
from training.spec import TrainingSpec
from training.spec.conflicts import data_conflicts

SECONDS = 20.0  # that a request waits
EPOCHS = 5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Drawing:
    """A request for samples of a version. `wait` bounds how long it waits for a worker."""

    service: Service
    project: str
    name: str
    number: int
    body: AugmentedSamples
    wait: Wait

    async def answer(self, slot: Slot) -> Response:
        """The sheet as a PNG. Raises DatasetNotFound, VersionNotFound, VersionNotReady, InvalidRequest, TooManyWaiting
        and PictureNotDrawn."""
        for anew in (False, True):  # what was drawn some time ago may have expired
            task_id = await run_in_threadpool(self._begin, anew=anew)
            file = await run_in_threadpool(self._look, task_id)
            if file is None:
                await run_in_threadpool(self.service.queue.send, dataset_versions.WAKE_UP)
            while file is None and await self.wait.again(slot):
                file = await run_in_threadpool(self._look, task_id)
            if file is None:
                break
            picture = await run_in_threadpool(self._read, file)
            if picture is not None:
                return Response(picture, headers={"Cache-Control": "no-store"}, media_type=PNG)
        raise PictureNotDrawn("No worker has drawn it yet: ask again with the same body.")

    def _begin(self, *, anew: bool) -> str:
        """The id of the task that draws it."""
        with self.service.database.session(self.project) as session:
            version = dataset_versions.find_ready(session, self.project, self.name, self.number)
            task = drawings.request(session, version, _arguments(version, self.body), anew=anew)
            if task is None:
                raise TooManyWaiting(drawings.MOST_OPEN, "augmented samples being drawn")
            return task.id

    def _look(self, task_id: str) -> StoredFile | None:
        with self.service.database.snapshot(self.project) as session:
            task = session.get(Task, task_id)
            if task is None:
                raise PictureNotDrawn("The version was deleted meanwhile.")
            if (error := drawings.error_of(task)) is not None:
                raise PictureNotDrawn(error)
            return drawings.file_of(task)

    def _read(self, file: StoredFile) -> bytes | None:
        """None where it has expired."""
        try:
            return self.service.storage.read_verified(file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("drawing not read", name=file.name, error=str(error))
            raise PictureNotDrawn("It is drawn, and the storage does not give it out: ask again.") from error


def _arguments(version: DatasetVersion, body: AugmentedSamples) -> dict[str, Any]:
    """What a worker needs to know. Raises InvalidRequest where the augmentation does not fit the images."""
    shape = dataset_versions.data_shape(version, body.image_size)
    if shape is None:
        raise _refused([(["image_size"], "the images are of a size that no network takes: say to which to bring them")])
    spec = TrainingSpec(dataset=version.dataset, augmentation=body.augmentation, image_size=shape.image_size)
    found = [([*map(str, path)], why) for path, _, why in data_conflicts(spec, shape) if path[0] == "augmentation"]
    if found:
        raise _refused(found)
    return {
        **body.model_dump(mode="json"),
        "image_size": shape.image_size,
        "channels": shape.channels,
        "fill": list((version.report or {}).get("mean", ())) or [0.5] * shape.channels,
        "epochs": EPOCHS,
    }


def _refused(errors: Sequence[tuple[Sequence[str], str]]) -> InvalidRequest:
    told: list[dict[str, Any]] = [{"pointer": "/".join(("#", *path)), "detail": why} for path, why in errors]
    return InvalidRequest(told, len(told))
