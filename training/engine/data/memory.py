"""Whether a decoded data set fits into memory: checked before the first image is decoded."""

from training.errors import DatasetInvalid
from training.host_memory import available_memory
from training.images.decoding import Form

LARGEST_SHARE = 0.5  # of the available memory; the network, its batches and the operating system need the rest


def fits_memory(images: int, form: Form) -> bool:
    """Whether `images` decoded images of `form` take no more than their share of the memory."""
    return form.bytes_of(images) <= available_memory() * LARGEST_SHARE


def require_memory(name: str, images: int, form: Form) -> None:
    """Raises DatasetInvalid, with the size that would fit, where `fits_memory` says no."""
    if fits_memory(images, form):
        return
    allowed = available_memory() * LARGEST_SHARE
    largest_size = int((allowed / Form(1, form.channels).bytes_of(images)) ** 0.5)
    raise DatasetInvalid(
        f"The {images:,} images of {name} take {form.bytes_of(images) / 1e9:,.1f} GB when decoded to {form.size} x "
        f"{form.size} pixels; {allowed / 1e9:,.1f} GB of this machine's memory are free for them.",
        f"Set image_size to {largest_size} or less, use fewer images, or train on a machine with more memory.",
    )
