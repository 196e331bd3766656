"""Bounds on what a validation may take of its machine."""

import resource

from environment.process_limits import GIB, address_space, limit

MEMORY_BYTES = 4 * GIB  # of address space, beside what the program itself has
DECODER_BYTES = 3 * GIB  # likewise, of each process that decodes
CPU_SECONDS = 4 * 3600
DECODER_CPU_SECONDS = 300  # for one chunk of images
OPEN_FILES = 256
FILE_BYTES = 256 * GIB


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
    limit(resource.RLIMIT_CPU, DECODER_CPU_SECONDS)
