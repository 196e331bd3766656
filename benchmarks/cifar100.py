"""The data set that the benchmarks train on."""

from settings import read_settings
from training.engine.data import Dataset, load_dataset


def load_cifar100() -> Dataset:
    """From this deployment's image folder of that name where there is one, otherwise downloaded; decoded once."""
    settings = read_settings()
    return load_dataset(
        "cifar100",
        datasets_dir=settings.datasets_dir,
        downloads_dir=settings.downloads_dir,
        cache_dir=settings.data_dir / "cache",
    )
