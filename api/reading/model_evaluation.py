"""An evaluation of a trained model: from its row and its files to an answer."""

from dataclasses import dataclass
from typing import Self

from fastapi import Request, Response

from api import schemas
from api.dependencies import ProjectDatabase
from api.http.errors import NotEvaluable
from api.reading.derived import derived
from api.service.service import Service
from api.views import model_task_views
from api.views.evaluations_data import Shown
from catalog.trained.file_names import MISTAKES, REPORT
from catalog.trained.references import resolve
from jobs import model_tasks, tasks
from storage import StoredFile

_NULL = '"evaluation":null}'


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """One that was asked of a trained model. `report` and `mistakes`: None until it has succeeded."""

    request: Request
    service: Service
    told: schemas.ModelEvaluation
    title: str
    report: StoredFile | None
    mistakes: StoredFile | None

    @classmethod
    def find(
        cls, request: Request, database: ProjectDatabase, service: Service, reference: str, evaluation_id: str
    ) -> Self:
        """Raises ModelNotFound and ModelTaskNotFound."""
        with database.snapshot() as session:
            model = resolve(session, session.own_project, reference)
            row = model_tasks.find(session, model, tasks.EVALUATE, evaluation_id, whole=True)
            told = model_task_views.evaluation(row, model_tasks.carried_out_by(session, [row]).get(row.id))
        files = model_tasks.stored_files(row)
        title = f"{model.architecture} on {told.dataset}{'' if told.version is None else f' version {told.version}'}"
        return cls(request, service, told, title, files.get(REPORT), files.get(MISTAKES))

    def whole(self) -> str:
        """As JSON, with everything that was measured. Raises what `Evaluations` raises."""
        text = self.told.model_dump_json()
        if self.report is None:
            return text
        evaluations = self.service.evaluations
        measured = evaluations.show(self.report, evaluations.report(self.report), "evaluation", "")
        assert text.endswith(_NULL)
        return f"{text.removesuffix('null}')}{measured.decode()}}}"

    def shown(self, form: Shown, media_type: str) -> Response:
        """Raises NotEvaluable where it is not done, and what `Evaluations` and `derived` raise."""
        file = self._done(self.report)
        evaluations, title = self.service.evaluations, self.title if form.endswith(".svg") else ""
        return derived(self.request, evaluations.show(file, evaluations.report(file), form, title), media_type)

    def sheet(self) -> Response:
        """The most confident mistakes. Raises as `shown`."""
        return derived(self.request, self.service.evaluations.report(self._done(self.mistakes)), "image/png")

    def _done(self, file: StoredFile | None) -> StoredFile:
        if file is None:
            raise NotEvaluable(
                f"Evaluation {self.told.id} is {self.told.status}: it has results once it has succeeded."
            )
        return file
