"""Image folders: what one is, and which images it holds. Torch-free: the trainer and the API's catalogue find the same.

`finding` walks a data set and judges its layout, `listing` says which entries of one directory matter, `file_kinds`
tells what a file is from its first bytes.
"""

from training.image_folders.finding import (
    LARGEST_IMAGE_MEGAPIXELS,
    ClassFolder,
    ImageFolder,
    ListDirectory,
    find_images,
    layout,
    visible_folders,
)

__all__ = [
    "LARGEST_IMAGE_MEGAPIXELS",
    "ClassFolder",
    "ImageFolder",
    "ListDirectory",
    "find_images",
    "layout",
    "visible_folders",
]
