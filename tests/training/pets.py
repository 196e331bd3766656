"""How the tests of image folders load the `pets` of conftest.py, look at what the cache keeps, and compare."""

from pathlib import Path
from typing import Any

import torch

from training.engine.data import Dataset, load_dataset


def load(folder: Path, **options: Any) -> Dataset:
    parent = folder.parent
    return load_dataset(
        folder.name, **{"datasets_dir": parent, "downloads_dir": parent, "cache_dir": parent / "cache", **options}
    )


def kept(folder: Path, suffix: str = ".pixels") -> list[Path]:
    return sorted((folder.parent / "cache/decoded").glob(f"*{suffix}"))


def assert_same(found: Dataset, expected: Dataset) -> None:
    assert (found.name, found.source, found.classes) == (expected.name, expected.source, expected.classes)
    assert found.dropped == expected.dropped
    for split, other in ((found.train, expected.train), (found.test, expected.test)):
        assert torch.equal(split.images, other.images)
        assert torch.equal(split.labels, other.labels)
