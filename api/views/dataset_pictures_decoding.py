"""Decodes images that strangers have sent, in processes that can do nothing else.

A process is forked for the images of one picture, so that nothing which an image does to its decoder lasts until the
next one, which may be another tenant's. It can open no file and no connection, and has bounds on its memory and its
time. Where it dies, the image that it was at is shown as one that cannot be shown, and another process goes on with the
next.
"""

import os
import resource
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from PIL import Image

from api.views.pipe_messages import read, write
from environment.process_limits import GIB, address_space, limit
from training.images.contact_sheet import Shown, fitted, reduced
from training.images.decoding import ImageUnreadable, draft, open_image, strict_pillow, whole_image
from training.parent_death_signal import die_with_parent

MEMORY_BYTES = 2 * GIB  # of address space, beside what the program itself has
IMAGE_SECONDS = 10  # that decoding one may take
TOTAL_SECONDS = 20.0  # until the images that are left are given up
CPU_SECONDS = 25

TOO_MUCH = "it takes more memory or time to decode than is allowed, or its decoder crashes on it"
NO_TIME = "there was no time for it"

_SIZE = Struct("!?II")  # whether it is grey, width, height; a message without it is a reason


@dataclass(frozen=True, slots=True)
class Decoding:
    """`cell`: the side of the square that images are fitted to; None: they are reduced to `largest_side`."""

    cell: int | None
    largest_side: int
    largest_megapixels: int

    @property
    def most(self) -> int:
        """The longest side of what comes of an image, in pixels."""
        return self.cell or self.largest_side


def decode(images: Sequence[bytes], decoding: Decoding) -> tuple[list[Shown], bool]:
    """Each of `images`, upright and opaque, or why it cannot be shown; and whether it would always be so."""
    found, until, is_final = list[Shown](), time.monotonic() + TOTAL_SECONDS, True
    while len(found) < len(images):
        if time.monotonic() > until:
            return [*found, *[NO_TIME] * (len(images) - len(found))], False
        decoded = _in_a_process(images[len(found) :], decoding, until)
        found += decoded
        if len(found) < len(images) and time.monotonic() <= until:
            found.append(TOO_MUCH)
            is_final = False
    return found, is_final


def _in_a_process(images: Sequence[bytes], decoding: Decoding, until: float) -> list[Shown]:
    """Of the first images, until the process has died or `until` is over."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _decode_and_exit(images, decoding, writing)
    os.close(writing)
    found = list[Shown]()
    try:
        with os.fdopen(reading, "rb") as results, suppress(EOFError, ValueError):
            while len(found) < len(images) and time.monotonic() <= until:
                found.append(_received(read(results), decoding.most))
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return found


def _received(message: bytes, most: int) -> Shown:
    """Raises ValueError for what no decoder of ours sends."""
    if message[:1] == b"!":
        return message[1:].decode()
    is_grey, width, height = _SIZE.unpack_from(message)
    if not (0 < width <= most and 0 < height <= most):
        raise ValueError("it is too large")
    return Image.frombytes("L" if is_grey else "RGB", (width, height), message[_SIZE.size :])


def _decode_and_exit(images: Sequence[bytes], decoding: Decoding, writing: int) -> None:
    """The life of a process that decodes. It never returns."""
    die_with_parent(signal.SIGKILL)
    try:
        os.closerange(0, 2)  # the pipes to the service
        with os.fdopen(writing, "wb") as results:
            _give_up_rights()
            with strict_pillow(decoding.largest_megapixels):
                for image in images:
                    signal.alarm(IMAGE_SECONDS)
                    write(results, _decoded(image, decoding))
    finally:
        os._exit(0)


def _give_up_rights() -> None:
    with suppress(OSError):  # where memory is short, this one is to be killed
        Path("/proc/self/oom_score_adj").write_text("1000")
    limit(resource.RLIMIT_AS, address_space() + MEMORY_BYTES, for_good=True)
    limit(resource.RLIMIT_CPU, CPU_SECONDS, for_good=True)
    limit(resource.RLIMIT_FSIZE, 0, for_good=True)
    limit(resource.RLIMIT_CORE, 0, for_good=True)
    limit(resource.RLIMIT_NOFILE, 0, for_good=True)  # what is open stays open


def _decoded(content: bytes, decoding: Decoding) -> bytes:
    try:
        with open_image(content) as image:
            draft(image)
            whole = whole_image(image)
        small = fitted(whole, decoding.cell) if decoding.cell else reduced(whole, decoding.largest_side)
    except ImageUnreadable as error:
        reason = TOO_MUCH if isinstance(error.__cause__, MemoryError) else str(error)
        return b"!" + reason.encode(errors="replace")
    except MemoryError:
        return b"!" + TOO_MUCH.encode()
    return _SIZE.pack(small.mode == "L", small.width, small.height) + small.tobytes()


def warm_up() -> None:
    """Load what decoders need, and what tells why one failed, while files can be opened."""
    Image.init()
    for encoding in ("ascii", "utf-8-sig", "utf-16-le", "utf-16", "utf-32"):
        with suppress(ImageUnreadable), open_image("text".encode(encoding)):
            pass
