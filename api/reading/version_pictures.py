"""Pictures of the images of a version, and what is known of each image: from rows, index and storage to an answer."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from api.dependencies import ProjectDatabase
from api.http.errors import InvalidRequest
from api.http.etags import REVALIDATE, etag_of, if_none_match_of, matches, not_modified
from api.http.preconditions import check_preconditions
from api.service.picture_renderer import DRAWING, ImageFile, PictureOrder
from api.service.service import Service
from api.views import sample_sheets
from api.views.image_table import ImageTable
from api.views.sample_sheets import Choice
from catalog.datasets.errors import ImageNotFound
from jobs import dataset_versions
from storage import StoredFile
from training.images.sheet_layout import Sheet
from training.names import did_you_mean, quoted

PNG = "image/png"
LARGEST_FILE = 64 * 2**20  # of one image that is drawn


@dataclass(frozen=True, slots=True)
class PicturedVersion:
    """What pictures need of a version that is ready. `findings`: of its report, by code, where they were asked for."""

    project: str
    name: str
    number: int
    identity: str
    classes: Sequence[str]
    image_size: int | None
    index: StoredFile
    packs: Sequence[StoredFile]
    findings: Mapping[str, Mapping[str, Any]]

    @property
    def title(self) -> str:
        """Of a sheet."""
        return f"{self.name} · version {self.number}"

    def label_of(self, name: str) -> int:
        """A class's place. Raises InvalidRequest."""
        if name not in self.classes:
            raise _unknown("class", "class", name, self.classes)
        return self.classes.index(name)


def find(database: ProjectDatabase, name: str, number: int, *, findings: bool = False) -> PicturedVersion:
    """Raises DatasetNotFound, VersionNotFound and VersionNotReady."""
    with database.snapshot() as session:
        row = dataset_versions.find_ready(session, session.own_project, name, number)
        index, *packs = dataset_versions.trained_files(row)
        told: Sequence[Mapping[str, Any]] = (row.report or {}).get("findings", ()) if findings else ()
        return PicturedVersion(
            project=row.project,
            name=row.dataset,
            number=row.number,
            identity=row.identity or "",
            classes=row.classes or (),
            image_size=row.image_size,
            index=index,
            packs=packs,
            findings={finding["code"]: finding for finding in told},
        )


@dataclass(frozen=True, slots=True)
class Pictures:
    """Answers one request for pictures of a version."""

    request: Request
    service: Service
    version: PicturedVersion

    def samples(self, choice: Choice) -> Response:
        """Images drawn at random. Raises what `_answer` raises."""
        version = self.version

        def order() -> PictureOrder:
            table = self._table()
            return self._order(table, *sample_sheets.sample_sheet(version.title, table, version.image_size, choice))

        return self._answer(["samples", choice.label, choice.split, choice.seed, choice.count], order)

    def examples(self, code: str) -> Response:
        """The examples of a finding. Raises InvalidRequest where the report has none of this code, and what `_answer`
        raises."""
        version = self.version
        finding = version.findings.get(code)
        if finding is None:
            raise _unknown("finding", "finding of its report", code, sorted(version.findings))

        table = self._table()
        planned = sample_sheets.finding_sheet(version.title, table, version.image_size, finding)
        if planned is None:
            detail = f"{code} has no examples that are images: the report of the version says what it is about"
            raise InvalidRequest([{"parameter": "finding", "detail": detail}], 1)
        return self._answer(["finding", finding], lambda: self._order(table, *planned))

    def mistakes(self, title: str, evaluated: str, told: bytes) -> Response:
        """The most confident mistakes, as `api.views.evaluations` tells them of the file with the hash `evaluated`.
        Raises what `_answer` raises."""

        def order() -> PictureOrder:
            table = self._table()
            return self._order(table, *sample_sheets.mistake_sheet(title, table, self.version.image_size, told))

        return self._answer(["mistakes", title, evaluated], order)

    def image(self, image: str) -> Response:
        """One image. Raises ImageNotFound and what `_answer` raises."""
        table = self._table()
        row = row_of(self.version, table, image)

        def order() -> PictureOrder:
            is_small = table.place_of(row).length <= LARGEST_FILE
            return self._order(table, None, [row] if is_small else [])

        return self._answer(["image", image], order)

    def _table(self) -> ImageTable:
        return self.service.indexes.get(self.version.index)

    def _order(self, table: ImageTable, sheet: Sheet | None, rows: Sequence[int]) -> PictureOrder:
        places = [table.place_of(row) for row in rows]
        files = [ImageFile(self.version.packs[place.pack].name, place.offset, place.length) for place in places]
        return PictureOrder(sheet, files, self.service.settings.largest_image_megapixels)

    def _answer(self, drawn: Sequence[Any], order: Callable[[], PictureOrder]) -> Response:
        """The picture of what `drawn` tells. A version never changes, so that its ETag is known before it is drawn.
        Raises PreconditionFailed, StorageUnavailable and PictureNotDrawn."""
        version = self.version
        bound = self.service.settings.largest_image_megapixels
        told = [DRAWING, bound, version.name, version.number, version.identity, *drawn]
        etag, etags = etag_of(json.dumps(told)), if_none_match_of(self.request)
        check_preconditions(self.request, etag)
        if etags and matches(etags, etag):
            return not_modified(etag, {})
        key = f"{version.project} {etag}"
        known = self.service.pictures.cached(key)
        if known is None:
            picture = self.service.pictures.draw(key, order())
            if not picture.is_final:
                return Response(picture.png, headers={"Cache-Control": "no-store"}, media_type=PNG)
            known = picture.png
        return Response(known, headers={**REVALIDATE, "ETag": etag}, media_type=PNG)


def row_of(version: PicturedVersion, table: ImageTable, image: str) -> int:
    """The row of an image. Raises ImageNotFound."""
    row = table.row_of(image)
    if row is None:
        raise ImageNotFound(version.name, version.number, image)
    return row


def _unknown(parameter: str, what: str, name: str, known: Sequence[str]) -> InvalidRequest:
    detail = f"there is no {what} {quoted(name)}{did_you_mean(name, known)}"
    if not known:
        detail = f"there is no {what}"
    return InvalidRequest([{"parameter": parameter, "detail": detail}], 1)
