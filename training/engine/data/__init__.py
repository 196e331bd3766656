"""Data sets: loaded, decoded to uint8 images, identified by content, and fed to a device in batches."""

from training.engine.data.dataset import Dataset, Split
from training.engine.data.differences import changes
from training.engine.data.feeds import Batch, Feed, make_feed
from training.engine.data.identity import Contents
from training.engine.data.loading import load_dataset
from training.engine.data.packed import load_packed
from training.engine.data.validation import split_off, validation_split
from training.errors import DatasetInvalid

__all__ = [
    "Batch",
    "Contents",
    "Dataset",
    "DatasetInvalid",
    "Feed",
    "Split",
    "changes",
    "load_dataset",
    "load_packed",
    "make_feed",
    "split_off",
    "validation_split",
]
