"""Turns rows of trained models into response schemas."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from api import schemas
from api.http.root_path import public_path
from api.views.translate import job_url
from catalog.trained.references import Named
from models import ModelAlias, ModelVersion, TrainedModel

MODELS = "/v1/models"


def model_url(reference: str) -> str:
    """The URL of a trained model, by its id or by a name."""
    return public_path(f"{MODELS}/{reference}")


def model_file(row: TrainedModel, each: Mapping[str, Any]) -> schemas.ModelFile:
    """A file of a trained model, which is an item of its `files`."""
    file = each["file"]
    url = f"{model_url(row.id)}/files/{each['name']}"
    return schemas.ModelFile(name=each["name"], bytes=file["size_bytes"], sha256=file["sha256"], url=url)


def summary(row: TrainedModel, names: Sequence[Named]) -> schemas.TrainedModelSummary:
    """A trained model, without what is long."""
    here = model_url(row.id)
    return schemas.TrainedModelSummary(
        id=row.id,
        job_id=row.job_id,
        which=row.which,
        architecture=row.architecture,
        dataset=row.dataset or None,
        class_count=row.class_count,
        metrics=schemas.ModelMetrics.model_validate(row.metrics, from_attributes=False) if row.metrics else None,
        files=[model_file(row, each) for each in row.files],
        names=[
            schemas.ModelVersionName(name=each.name, version=each.version, aliases=list(each.aliases)) for each in names
        ],
        created_at=row.created_at,
        links=schemas.ModelLinks(
            self=here,
            job=job_url(row.job_id) if row.job_id else None,
            manifest=f"{here}/files/manifest.json",
            archive=f"{here}/archive",
        ),
    )


def whole(row: TrainedModel, names: Sequence[Named], manifest: Mapping[str, Any]) -> schemas.TrainedModel:
    """All of it."""
    return schemas.TrainedModel(
        **dict(summary(row, names)),
        classes=manifest["classes"],
        input=schemas.ModelInput.model_validate(manifest["input"], from_attributes=False),
        data=schemas.ModelDataset.model_validate(manifest["data"], from_attributes=False),
        source=schemas.ModelSource.model_validate(source, from_attributes=False)
        if (source := manifest.get("source"))
        else None,
    )


def manifest_text(manifest: Mapping[str, Any]) -> bytes:
    """A manifest as a file. Equal manifests give equal bytes."""
    return (json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def version(row: ModelVersion) -> schemas.ModelVersion:
    """A version of a name."""
    url = model_url(f"{row.name}@{row.number}")
    return schemas.ModelVersion(
        name=row.name, version=row.number, model_id=row.model_id, created_at=row.created_at, url=url
    )


def alias(row: ModelAlias) -> schemas.ModelAlias:
    """An alias of a name."""
    url = model_url(f"{row.name}@{row.alias}")
    return schemas.ModelAlias(name=row.name, alias=row.alias, version=row.version, moved_at=row.moved_at, url=url)
