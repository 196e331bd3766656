"""What a network learns from: every data set, decoded to uint8 images in memory. Needs torch."""

from training.data.dataset import Dataset, Split
from training.data.differences import changes
from training.data.feeds import Batch, Bounds, Feed, make_feed
from training.data.identity import Contents
from training.data.loading import load_dataset
from training.data.validation import split_off
from training.invalid import DatasetInvalid

__all__ = [
    "Batch",
    "Bounds",
    "Contents",
    "Dataset",
    "DatasetInvalid",
    "Feed",
    "Split",
    "changes",
    "load_dataset",
    "make_feed",
    "split_off",
]
