"""The evaluation of a job: from its predictions to an answer."""

from dataclasses import dataclass
from typing import Self

from fastapi import Request, Response

from api.dependencies import ProjectDatabase
from api.http.errors import NotEvaluable
from api.reading.derived import derived
from api.reading.version_pictures import PicturedVersion, Pictures, find
from api.service.service import Service
from api.views.evaluations_data import Shown
from catalog.datasets.errors import DatasetError
from jobs import queries
from storage import StoredFile


@dataclass(frozen=True, slots=True)
class EvaluatedJob:
    """A job that has predictions. `title`: of pictures. `dataset` and `version`: of an uploaded data set, where it was
    trained on one."""

    request: Request
    database: ProjectDatabase
    service: Service
    predictions: StoredFile
    title: str
    dataset: str
    version: int | None

    @classmethod
    def find(cls, request: Request, database: ProjectDatabase, service: Service, job_id: str) -> Self:
        """Raises JobNotFound and PredictionsNotFound."""
        with database.snapshot() as session:
            job = queries.job_with_predictions(session, job_id)
            file = StoredFile(**(job.predictions or {}))
            title = f"{job.name or job.id} · {job.architecture} on {job.dataset}"
            return cls(request, database, service, file, title, job.dataset or "", job.dataset_version)

    def shown(self, form: Shown, media_type: str) -> Response:
        """Raises what `Evaluations` and `derived` raise."""
        evaluations, title = self.service.evaluations, self.title if form.endswith(".svg") else ""
        report = evaluations.of_predictions(self.predictions)
        return derived(self.request, evaluations.show(self.predictions, report, form, title), media_type)

    def mistakes(self) -> Response:
        """Raises what `shown` and `Pictures` raise."""
        version = self._version()
        evaluations = self.service.evaluations
        report = evaluations.of_predictions(self.predictions)
        told = evaluations.show(self.predictions, report, "mistakes", "")
        return Pictures(self.request, self.service, version).mistakes(self.title, self.predictions.sha256, told)

    def _version(self) -> PicturedVersion:
        if self.version is None:
            raise NotEvaluable(
                f"The images of {self.dataset} are on the workers alone, as it was not uploaded: have its trained "
                "model evaluated (POST /v1/models/{model}/evaluations), which draws the sheet."
            )
        try:
            return find(self.database, self.dataset, self.version)
        except DatasetError as error:
            raise NotEvaluable(f"Its images are gone: {error}") from error
