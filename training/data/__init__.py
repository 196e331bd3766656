"""What a network learns from: every data set, decoded to uint8 images in memory. Needs torch."""

from training.data.dataset import Dataset, DatasetInvalid, Split
from training.data.loading import load_dataset

__all__ = ["Dataset", "DatasetInvalid", "Split", "load_dataset"]
