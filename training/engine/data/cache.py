"""A cache of decoded images on disk: a data set is decoded once, and mapped into memory afterwards.

A data set has three files in the cache: its pixels, the digests of its images (`training.images.identity`), and a
manifest that names and describes both. The manifest is written last and atomically, so that it never names incomplete
files. The two files never change after that: a new version gets files of its own, and a process that has mapped the old
ones keeps them.
"""

import errno
import logging
import os
import secrets
import shutil
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from training.engine.data.file_locks import exclusive_file_lock
from training.engine.data.memory import fits_memory, require_memory
from training.engine.data.stores import Decoded, FileStore, MemoryStore, Shape, Store, bytes_of, map_images
from training.errors import DatasetInvalid
from training.images.decoding import Form
from training.images.identity import DIGEST_BYTES

LARGEST_DISK_SHARE = 0.9  # of what is free: databases and checkpoints may lie on the same disk
CHECKED_BYTES = 2**24  # under one checksum
CHECKING_THREADS = min(8, os.cpu_count() or 1)
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

Decode = Callable[[Callable[[int, Form], Store]], Decoded]  # given where to put images, decodes them

logger = logging.getLogger(__name__)


class Description(BaseModel):
    """What pixels on disk are: `fingerprint` is of all that they were made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    fingerprint: str
    pixels: str  # the file, beside the manifest
    digests: str  # likewise
    shape: Shape
    unreadable: dict[int, str]


class Manifest(BaseModel):
    """A description, and CRC-32 sums of every CHECKED_BYTES of the pixels and of the digests, each begun with that of
    the description."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: Description
    checksums: tuple[int, ...]


def decoded_once(cache_dir: Path | None, name: str, key: str, fingerprint: str, decode: Decode) -> Decoded:
    """The images of the data set `name`: from `cache_dir` where they are, otherwise decoded by `decode` and kept there.

    `key` says what was asked for, and `fingerprint` what it was decoded from: an entry with the same key and another
    fingerprint is replaced. Without `cache_dir`, and where that cannot be written to, images must fit into memory.
    Raises DatasetInvalid where they do not, and OSError (ENOSPC) where they fit neither into memory nor on the disk.
    """
    if cache_dir is None:
        return decode(partial(_in_memory, name))
    entry = CacheEntry(cache_dir / "decoded", name, key, fingerprint)
    if found := entry.read():
        return found
    with ExitStack() as held:
        try:
            held.enter_context(entry.locked())
        except OSError as error:
            logger.warning("%s is decoded without a cache: %s", name, error)
            return decode(partial(_in_memory_without_cache, name, error))
        return entry.read() or entry.make(decode)


class CacheEntry:
    """One decoded data set in `directory`."""

    def __init__(self, directory: Path, name: str, key: str, fingerprint: str) -> None:
        self._directory, self._name, self._fingerprint = directory, name, fingerprint
        self._prefix = sha256(f"{name}\0{key}".encode(errors="surrogateescape")).hexdigest()[:20]
        self._manifest = directory / f"{self._prefix}.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time makes an entry. Others wait, and find it when they have the lock."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with exclusive_file_lock(self._directory / f".{self._prefix}.lock"):
            yield

    def read(self) -> Decoded | None:
        """The entry; None where there is none, or it is damaged, or has another fingerprint. Reads all pixels, to check
        them."""
        try:
            manifest = Manifest.model_validate_json(self._manifest.read_bytes())
            description = manifest.description
            if description.fingerprint != self._fingerprint:
                return None
            images = map_images(self._directory / description.pixels, description.shape)
            content = (self._directory / description.digests).read_bytes()
            digests = np.frombuffer(content, np.uint8).reshape(len(images), DIGEST_BYTES)
        except (OSError, ValueError):  # also what pydantic raises
            return None
        decoded = Decoded(images, description.unreadable, mapped=True, digests=digests)
        if checksums(description, decoded) != manifest.checksums:
            logger.warning("%s is decoded again: its decoded images in %s are damaged", self._name, self._directory)
            return None
        return decoded

    def make(self, decode: Decode) -> Decoded:
        """Decode the data set, and replace the entry: in memory where it fits there, otherwise straight into the
        file."""
        self._remove_all()
        pixels = self._directory / f"{self._prefix}-{secrets.token_hex(4)}.pixels"
        with ExitStack() as opened:
            try:
                decoded = decode(partial(self._reserve, pixels, opened))
                return self._keep(decoded, pixels)
            except OSError as error:
                if error.errno in DISK_FULL:
                    raise OSError(errno.ENOSPC, f"The disk is full: {error.strerror}", str(self._directory)) from error
                raise
            finally:
                if not self._manifest.exists():
                    pixels.unlink(missing_ok=True)
                    _digests_beside(pixels).unlink(missing_ok=True)

    def _reserve(self, pixels: Path, opened: ExitStack, count: int, form: Form) -> Store:
        if fits_memory(count, form):
            return MemoryStore(count, form)
        self._require_disk(form.bytes_of(count))
        store = FileStore(pixels, count, form)
        opened.callback(store.close)
        return store

    def _keep(self, decoded: Decoded, pixels: Path) -> Decoded:
        try:
            if not decoded.mapped:
                self._require_disk(decoded.images.nbytes)
                _write(pixels, bytes_of(decoded.images))
            _write(_digests_beside(pixels), memoryview(decoded.digests.tobytes()))
            self._publish(decoded, pixels)
        except OSError as error:
            if decoded.mapped:
                raise
            logger.warning("%s is not kept in the cache: %s", self._name, error)
        return decoded

    def _publish(self, decoded: Decoded, pixels: Path) -> None:
        count, height, width, channels = decoded.images.shape
        description = Description(
            name=self._name.encode(errors="backslashreplace").decode(),
            fingerprint=self._fingerprint,
            pixels=pixels.name,
            digests=_digests_beside(pixels).name,
            shape=(count, height, width, channels),
            unreadable=decoded.unreadable,
        )
        manifest = Manifest(description=description, checksums=checksums(description, decoded))
        unpublished = pixels.with_suffix(".json.partial")
        try:
            _write(unpublished, memoryview(manifest.model_dump_json().encode()))
            unpublished.replace(self._manifest)
        finally:
            unpublished.unlink(missing_ok=True)

    def _remove_all(self) -> None:
        """Remove the entry, and files that a killed process has left."""
        with suppress(OSError):  # files that cannot be removed are harmless: no manifest will name them
            self._manifest.unlink(missing_ok=True)
            for left in self._directory.glob(f"{self._prefix}-*"):
                left.unlink()

    def _require_disk(self, needed: int) -> None:
        free = shutil.disk_usage(self._directory).free
        if needed > free * LARGEST_DISK_SHARE:
            raise OSError(
                errno.ENOSPC,
                f"The decoded images of {self._name} take {needed / 1e9:,.2f} GB, and {free / 1e9:,.2f} GB are free",
                str(self._directory),
            )


def checksums(description: Description, decoded: Decoded) -> tuple[int, ...]:
    """See Manifest. In threads, since zlib releases the interpreter's lock."""
    start = zlib.crc32(description.model_dump_json().encode())
    contents = bytes_of(decoded.images), memoryview(decoded.digests.tobytes())
    with ThreadPoolExecutor(CHECKING_THREADS) as pool:
        parts = (each[at : at + CHECKED_BYTES] for each in contents for at in range(0, len(each), CHECKED_BYTES))
        return tuple(pool.map(lambda part: zlib.crc32(part, start), parts))


def _digests_beside(pixels: Path) -> Path:
    return pixels.with_suffix(".digests")


def _write(file: Path, content: memoryview) -> None:
    """Write a new file, and wait until it is on the disk."""
    with file.open("xb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _in_memory(name: str, count: int, form: Form) -> Store:
    require_memory(name, count, form)
    return MemoryStore(count, form)


def _in_memory_without_cache(name: str, reason: OSError, count: int, form: Form) -> Store:
    if not fits_memory(count, form):
        if reason.errno in DISK_FULL:
            raise reason
        raise DatasetInvalid(
            f"The {count:,} images of {name} do not fit into memory when decoded to {form.size} x {form.size} pixels, "
            f"and the cache on disk cannot be used: {reason.strerror}.",
            "Give the worker's user the right to write to the cache, or set a smaller image_size.",
        )
    return MemoryStore(count, form)
