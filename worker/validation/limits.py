"""Bounds on what a validation may take of its machine."""

import resource

from environment.process_limits import GIB, address_space, limit

MEMORY_BYTES = 4 * GIB  # of address space, beside what the program itself has
DECODER_BYTES = 3 * GIB  # likewise, of each process that decodes
CPU_SECONDS = 4 * 3600  # of one process
OPEN_FILES = 256
FILE_BYTES = 256 * GIB

# CPU time that an image may take. Measured here, of 256 megapixels of noise in colour: JPEG 2.4 s, progressive 7 s, PNG
# 10 s for 605 MB, WebP, AVIF and TIFF up to 13 s for their 80 to 1,000 MB. JPEG 2000 alone goes with the bytes of the
# file: 0.24 to 0.35 s a megabyte.
IMAGE_SECONDS = 30.0
SECONDS_A_MEGABYTE = 0.5

# Time that a validation may take, by the clock: other tenants' wait meanwhile. Measured here, on 2 cores: 1 ms an image
# of CIFAR-100, and 30 ms a megabyte of photographs.
VALIDATION_SECONDS = 1200.0
VALIDATION_SECONDS_AN_IMAGE = 0.5
VALIDATION_SECONDS_A_MEGABYTE = 1.0  # of the upload
MOST_VALIDATION_SECONDS = 12 * 3600.0


def image_seconds(encoded_bytes: int) -> float:
    """CPU time that decoding an image may take."""
    return IMAGE_SECONDS + SECONDS_A_MEGABYTE * encoded_bytes / 1e6


def validation_seconds(images: int, uploaded_bytes: int) -> float:
    """Time that a validation may take, by the clock."""
    grown = VALIDATION_SECONDS_AN_IMAGE * images + VALIDATION_SECONDS_A_MEGABYTE * uploaded_bytes / 1e6
    return min(VALIDATION_SECONDS + grown, MOST_VALIDATION_SECONDS)


def limit_validation() -> None:
    """For the whole process, and those that it starts."""
    limit(resource.RLIMIT_AS, address_space() + MEMORY_BYTES)
    limit(resource.RLIMIT_CPU, CPU_SECONDS)
    limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    limit(resource.RLIMIT_CORE, 0)


def limit_decoder() -> None:
    """For a process that decodes."""
    limit(resource.RLIMIT_AS, address_space() + DECODER_BYTES)
