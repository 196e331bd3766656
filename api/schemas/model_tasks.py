"""Exports of trained models, and what they have in common with evaluations."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from api.http.validation import RequestBody
from api.schemas.base import ResponseSchema
from api.schemas.trained_models import ModelFile
from environment.export_formats import ExportFormat

ModelTaskStatus = Literal["queued", "running", "succeeded", "failed"]


def _without_repeats(formats: list[ExportFormat]) -> list[ExportFormat]:
    return list(dict.fromkeys(formats))


class ExportCreate(RequestBody):
    """To which formats a trained model is exported."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"formats": ["onnx", "int8", "html"]}]})

    formats: Annotated[list[ExportFormat], AfterValidator(_without_repeats)] = Field(
        min_length=1,
        max_length=20,
        description="`onnx`: model.onnx, which onnxruntime runs. `python`: model.py, one file that predicts with "
        "onnxruntime, numpy and Pillow. `int8`: model.int8.onnx, four times as small and faster on a CPU, with the "
        "accuracy that this costs. `html`: model.html, a page that classifies offline what is dropped on it. `torch`: "
        "model.pt2, of torch.export.",
    )


class ModelTaskError(ResponseSchema):
    """Why an export or an evaluation has failed."""

    code: str
    message: str
    hint: str = Field(description="What to change.")


class ModelTaskProgress(ResponseSchema):
    """How far a worker is."""

    stage: str
    done: int
    total: int | None


class ExportLinks(ResponseSchema):
    """URLs of an export."""

    self: str
    model: str


class ModelExport(ResponseSchema):
    """An export of a trained model. Its files are files of the trained model."""

    id: str
    model_id: str
    status: ModelTaskStatus
    formats: list[str]
    progress: ModelTaskProgress | None = Field(description="Null unless a worker has it.")
    files: list[ModelFile] = Field(description="That it has made; empty until it has succeeded.")
    error: ModelTaskError | None = Field(description="Null unless it has failed.")
    created_at: datetime
    finished_at: datetime | None
    links: ExportLinks
