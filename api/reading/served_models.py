"""Which model a reference stands for, as the predictor takes it."""

from catalog.trained.errors import ModelNotExported
from catalog.trained.file_names import ONNX
from catalog.trained.references import resolve
from jobs.trained_models import file_of, files_of, manifest_of
from models import ProjectSession
from serving import ModelUnusable, ServedModel
from storage import Storage


def served_model(session: ProjectSession, storage: Storage, reference: str) -> ServedModel:
    """What `reference` names now, all of it from one row: whoever moves an alias meanwhile changes nothing of it.
    Raises ModelNotFound, ModelNotExported and ModelUnusable."""
    from training.images.decoding import Form  # here, since it imports Pillow: many an API predicts nothing

    row = resolve(session, session.own_project, reference)
    if ONNX not in files_of(row):
        raise ModelNotExported(row.id)
    manifest = manifest_of(row)
    taken, calibration = manifest["input"], manifest.get("calibration")
    if taken["resize"] not in ("crop", "pad", "stretch", None):
        raise ModelUnusable(f"Its pictures are resized in a way that this release does not know: {taken['resize']}.")
    return ServedModel.stored(
        storage,
        file_of(row, ONNX),
        id=row.id,
        project=session.own_project,
        classes=manifest["classes"],
        input=Form(taken["size"], taken["channels"], taken["resize"] or "crop"),
        temperature=calibration["temperature"] if calibration else None,
    )
