"""What programs are told of trained models."""

from pathlib import Path

from jobs import tasks
from jobs.verified_storage import VerifiedStorage
from models import Database
from settings import Settings
from tests.stage import Stage
from worker.model_orders import export_order


def test_a_card_is_made_of_every_epoch(database: Database, tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path})
    stage = Stage(database, VerifiedStorage(settings.storage_url))
    claim = stage.start(stage.submit(epochs=150))
    stage.many_epochs(claim, range(150))
    stage.succeed(claim, exports=["onnx"])
    with database.session() as session:
        task = tasks.claim_next(session, "w", 60)
    assert task
    epochs = export_order(task, database, settings, None, tmp_path).epochs
    assert [(each["epoch"], each["seconds"]) for each in epochs] == [(number, 1.0) for number in range(150)]
