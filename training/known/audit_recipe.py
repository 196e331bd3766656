"""How the networks of an audit are trained that does not say so itself: shortly, and well enough to tell classes apart.
Torch-free.

An audit needs a network that is right about most images, not one that is as good as can be: benchmarks/audit.py
measures which wrong labels it finds.
"""

from typing import Any

LARGEST_FOR_SMALL_NETWORK = 40  # pixels a side: up to there, ResNet-20 is the usual network
LONGEST_SIDE = 96  # pixels, to which larger images are brought
IMAGES_TRAINED = 150_000  # of all epochs together, within the bounds of the next
FEWEST_EPOCHS, MOST_EPOCHS = 12, 60
BATCH_SIZE, SMALL_BATCH_SIZE = 128, 32
FEW_IMAGES = 2_500  # below, smaller batches, for more steps


def audit_recipe(train_images: int, image_size: int | None, channels: int, epochs: int | None = None) -> dict[str, Any]:
    """The fields of a spec for a data set of so many training images. `image_size`: of its squares, None where images
    are of several sizes; `channels`: 1 for grey, 3 for colour; `epochs`: where somebody wants another number."""
    side = min(image_size or LONGEST_SIDE, LONGEST_SIDE)
    is_small = side <= LARGEST_FOR_SMALL_NETWORK
    epochs = epochs or min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(IMAGES_TRAINED / max(1, train_images))))
    batch = BATCH_SIZE if train_images >= FEW_IMAGES else min(SMALL_BATCH_SIZE, max(2, train_images // 4))
    augmentation: dict[str, Any] = {"crop": {"padding": max(1, side // 16), "padding_mode": "reflect"}}
    if channels == 3:  # what is grey may be digits or letters, which are not the same mirrored
        augmentation["flip"] = True
    return {
        **({} if side == image_size else {"image_size": side}),
        "architecture": {"name": "resnet20"} if is_small else {"name": "resnet18", "stem": "imagenet"},
        "epochs": epochs,
        "batch_size": batch,
        "optimizer": {"name": "muon", "learning_rate": 0.06, "weight_decay": 0.02},
        "schedule": {"name": "linear", "warmup_epochs": min(1, epochs - 1)},
        "augmentation": augmentation,
        "evaluation_interval": max(1, epochs // 4),
        "checkpoints": {"keep": 1, "keep_best": False},
    }
