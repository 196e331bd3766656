"""The data sets that Epochal knows by name. Torch-free: the API lists them without loading any."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class KnownDataset:
    """A data set whose contents are fixed by its publisher.

    `image_size` is the side of its square images in pixels, `channels` 1 for grey and 3 for RGB.
    """

    name: str
    title: str
    source: Literal["shipped", "download"]
    classes: int
    image_size: int
    channels: int
    train_images: int
    test_images: int
    licence: str


KNOWN_DATASETS: dict[str, KnownDataset] = {
    known.name: known
    for known in (
        KnownDataset(
            name="digits",
            title="Optical recognition of handwritten digits (E. Alpaydin, C. Kaynak), as in scikit-learn",
            source="shipped",
            classes=10,
            image_size=8,
            channels=1,
            train_images=1437,
            test_images=360,
            licence="CC BY 4.0",
        ),
        KnownDataset(
            name="cifar10",
            title="CIFAR-10 (A. Krizhevsky, 2009)",
            source="download",
            classes=10,
            image_size=32,
            channels=3,
            train_images=50_000,
            test_images=10_000,
            licence="none stated by its publisher",
        ),
        KnownDataset(
            name="cifar100",
            title="CIFAR-100, fine labels (A. Krizhevsky, 2009)",
            source="download",
            classes=100,
            image_size=32,
            channels=3,
            train_images=50_000,
            test_images=10_000,
            licence="none stated by its publisher",
        ),
        KnownDataset(
            name="fashion_mnist",
            title="Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf, 2017)",
            source="download",
            classes=10,
            image_size=28,
            channels=1,
            train_images=60_000,
            test_images=10_000,
            licence="MIT",
        ),
        KnownDataset(
            name="svhn",
            title="Street View House Numbers, cropped digits (Y. Netzer et al., 2011)",
            source="download",
            classes=10,
            image_size=32,
            channels=3,
            train_images=73_257,
            test_images=26_032,
            licence="non-commercial use only",
        ),
    )
}

# No image folder may have one of these names: a spec with such a name is checked against the known data set before the
# job is accepted.
SHIPPED = frozenset(name for name, known in KNOWN_DATASETS.items() if known.source == "shipped")
