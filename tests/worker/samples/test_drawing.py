"""What is drawn is what a job's network sees."""

from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from storage import Storage
from tests.api.picture_data import _packed, pets
from training.engine.batches import Batches
from training.engine.data.packed import load_packed
from training.engine.team import ALONE
from training.images.packs import ImageIndex
from training.spec import Augmentation, TrainingSpec
from worker.samples.__main__ import carry_out
from worker.samples.drawing import _batches, _drawn, _pixels, draw
from worker.samples.messages import Drawn, SamplesOrder
from worker.validation.messages import Rejected

AUGMENTATION = Augmentation.model_validate({"crop": {"padding": 4}, "flip": True, "rotation": {"degrees": 20}})


def order(storage: Storage, **fields: object) -> tuple[SamplesOrder, ImageIndex]:
    index, pack = _packed(pets(each=6))
    values = {
        "task_id": "task_1",
        "storage_url": storage.url,
        "storage_id": None,
        "name": "sheet.png",
        "index": storage.put("index.npz", index.to_bytes()),
        "packs": (storage.put("pack", pack),),
        "title": "pets",
        "augmentation": AUGMENTATION,
        "image_size": 16,
        "channels": 3,
        "resize": "crop",
        "fill": (0.5, 0.5, 0.5),
        "seed": 7,
        "count": 5,
        "epochs": 3,
        "largest_image_megapixels": 256,
    }
    return SamplesOrder.model_validate({**values, **fields}), index


def test_an_image_looks_as_it_would_to_a_job_with_this_seed(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}")
    asked, index = order(storage)
    dataset = load_packed("pets", index, lambda: [tmp_path / "pack"])
    spec = TrainingSpec(dataset="pets", seed=7, augmentation=AUGMENTATION, batch_size=2, precision="fp32")
    batches = Batches(spec, dataset, torch.device("cpu"), ALONE)
    rows = torch.from_numpy(_drawn(index, asked))
    images = torch.from_numpy(np.stack([_pixels(index, row, asked, storage) for row in rows.tolist()]))
    _, *drawn = _batches(asked, images, rows)
    for epoch, (_name, looks) in enumerate(drawn):
        (batch,) = batches.feed.batches(rows, [(0, len(rows))])
        seen = batches._augmenter.batch(batch.source, batch.positions, batch.samples, epoch)
        assert torch.equal(seen, looks)


def test_a_sheet_has_a_row_for_each_epoch_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}")
    mixing = Augmentation.model_validate({"mixup": {}})
    plain, mixed = (draw(order(storage, augmentation=each)[0], storage) for each in (Augmentation(), mixing))
    sizes = [Image.open(BytesIO(png)).size for png in (plain, mixed)]
    assert sizes[1][1] - sizes[0][1] == 36  # a line of text at the foot


def test_grey_images_are_drawn_grey(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}")
    assert isinstance(carry_out(order(storage, channels=1, fill=(0.5,))[0], storage), Drawn)


def test_what_is_gone_is_told(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}")
    asked, _ = order(storage)
    storage.delete(["pack"])
    result = carry_out(asked, storage)
    assert isinstance(result, Rejected)
    assert (result.code, result.retryable) == ("dataset_invalid", False)
