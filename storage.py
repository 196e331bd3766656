"""Files of jobs, in a folder or in an S3 bucket: checkpoints and weights.

Names are `JOB/ATTEMPT/FILE`. An attempt writes below its own name only, so an attempt that has lost its job overwrites
nothing. A name stands for a whole file or for none. Where S3 does not answer, a call gives up within about a minute; an
upload has more time, by its size.
"""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from environment.addresses import parse
from training.durable import sync_folder, write_durably, write_pieces_durably

BLOCK_BYTES = 4 * 2**20  # of a download
PART_BYTES = 16 * 2**20  # S3 takes twice as much, and more, in parts
PARTS_AT_ONCE = 4

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0  # without a byte of an answer
TRIES = 2
SLOWEST_BYTES_A_SECOND = 2**20  # an upload has as long as this takes, on top

_PART_OF_A_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]+")
_BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]+")
_NO_SPACE = ("XMinioStorageFull", "QuotaExceeded")  # of MinIO and of Ceph; S3 itself is never full


class FileDamaged(ValueError):
    """The file exists, and is not what was stored."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a storage, as it was when it was put there."""

    name: str
    size_bytes: int
    sha256: str  # of its bytes, in hexadecimal digits


class Storage:
    """A folder, `file:///an/absolute/folder` (percent-encoded), or a bucket, `s3://bucket/prefix`, for which the AWS_*
    variables give credentials, region and endpoint. Raises ValueError for any other `url`; nothing is looked up yet.

    Threads may share it, and so may a forked process. Every method raises ValueError for a name that could lie outside,
    and OSError for every other failure: FileNotFoundError for a missing file, but not for a missing bucket; and
    errno.ENOSPC where there is no space.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._backend = _backend(url)

    @property
    def folder(self) -> Path | None:
        """The folder on this machine; None for a bucket."""
        return self._backend.root if isinstance(self._backend, _Folder) else None

    def put(self, name: str, content: bytes) -> StoredFile:
        """Write or replace a file. It is durable once this returns. Readers see the old or the new one, never a
        part."""
        self._backend.put(_checked(name), content)
        return StoredFile(name, len(content), sha256(content).hexdigest())

    def put_pieces(self, name: str, pieces: Iterable[bytes]) -> StoredFile:
        """The same for content that comes in pieces, of which one is in memory at a time, and of a bucket's
        PART_BYTES. Where making one raises an error, nothing is written, and the error goes on as it is."""
        digest, size = sha256(), 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                yield piece

        self._backend.put_pieces(_checked(name), counted())
        return StoredFile(name, size, digest.hexdigest())

    def read(self, name: str) -> bytes:
        """The whole file."""
        return self._backend.read(_checked(name))

    def read_verified(self, file: StoredFile) -> bytes:
        """The whole file, as it was put. Raises FileDamaged where it no longer is."""
        for _ in range(2):  # what comes over a network may be cut short once
            content = self.read(file.name)
            if len(content) == file.size_bytes and sha256(content).hexdigest() == file.sha256:
                return content
        raise FileDamaged(
            f"{file.name} is damaged: {len(content)} bytes with SHA-256 {sha256(content).hexdigest()}, "
            f"in place of {file.size_bytes} with {file.sha256}"
        )

    def stream(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """`length` bytes of the file from `start` on, by default all, in blocks: one is in memory at a time. The first
        is read at once, so that a missing file is reported here."""
        blocks = self._backend.blocks(_checked(name), start, length)
        return chain([next(blocks, b"")], blocks)

    def delete(self, names: Iterable[str]) -> None:
        """Delete those of these files that exist, and the folders that become empty."""
        for name in [_checked(name) for name in names]:
            self._backend.delete(name)

    def list_names(self, folder: str) -> list[str]:
        """The full names of the files below `folder`, in order, with what interrupted writes have left. Files whose
        names no storage would write are left out."""
        return sorted(filter(_is_name, self._backend.list_names(_checked(folder))))

    def folders(self) -> list[str]:
        """The first parts of all names: ids of jobs."""
        return sorted(filter(_is_name, self._backend.folders()))


def _is_name(name: str) -> bool:
    return all(map(_PART_OF_A_NAME.fullmatch, name.split("/")))


def _checked(name: str) -> str:
    if not _is_name(name):
        raise ValueError(f"{name!r} is no name of a stored file: letters, digits and . _ - between single slashes")
    return name


class _Backend(Protocol):
    """Where files lie. Names are checked already."""

    def put(self, name: str, content: bytes) -> None: ...
    def put_pieces(self, name: str, pieces: Iterator[bytes]) -> None: ...
    def read(self, name: str) -> bytes: ...
    def blocks(self, name: str, start: int, length: int | None) -> Iterator[bytes]: ...
    def delete(self, name: str) -> None: ...
    def list_names(self, folder: str) -> Iterable[str]: ...
    def folders(self) -> Iterable[str]: ...


def _backend(url: str) -> _Backend:
    if url.startswith("file:"):
        with suppress(ValueError):
            address = parse(url, schemes={"file": "file:///an/absolute/folder"})
            if address.path.strip("/") and address.authority == "" and not address.options:
                return _Folder(Path(address.path))
    if url.startswith("s3://"):
        bucket, _, prefix = url.removeprefix("s3://").rstrip("/").partition("/")
        if _BUCKET_NAME.fullmatch(bucket) and (not prefix or _is_name(prefix)):
            return _Bucket(bucket, prefix)
    # The message must not show the address, which may hold a secret.
    raise ValueError(
        "should be file:///an/absolute/folder, s3://bucket or s3://bucket/prefix; in the name of a folder, % is %25, "
        "? is %3F and # is %23"
    )


class _Folder:
    def __init__(self, root: Path) -> None:
        self.root = self._root = root

    def put(self, name: str, content: bytes) -> None:
        try:
            self._write(name, content)
        except FileNotFoundError:  # another process has just deleted the last file in the folder, and so the folder
            self._write(name, content)

    def _write(self, name: str, content: bytes) -> None:
        path = self._root / name
        _make_folder(path.parent)
        write_durably(path, content)

    def put_pieces(self, name: str, pieces: Iterator[bytes]) -> None:
        path = self._root / name
        _make_folder(path.parent)
        write_pieces_durably(path, pieces)

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def blocks(self, name: str, start: int, length: int | None) -> Iterator[bytes]:
        with (self._root / name).open("rb") as file:
            file.seek(start)
            for size in _sizes(length):
                if not (block := file.read(size)):
                    return
                yield block

    def delete(self, name: str) -> None:
        path = self._root / name
        path.unlink(missing_ok=True)
        for folder in path.parents[: name.count("/")]:
            with suppress(OSError):  # not empty, or gone already
                folder.rmdir()

    def list_names(self, folder: str) -> Iterable[str]:
        for place, _, files in os.walk(self._root / folder, onerror=_raise_unless_missing):
            yield from (str((Path(place) / file).relative_to(self._root)) for file in files)

    def folders(self) -> Iterable[str]:
        with suppress(FileNotFoundError):
            yield from (entry.name for entry in self._root.iterdir() if entry.is_dir())


def _sizes(length: int | None) -> Iterator[int]:
    """The sizes of the blocks to read; without end where there is no length."""
    left = length
    while left is None or left > 0:
        size = BLOCK_BYTES if left is None else min(BLOCK_BYTES, left)
        yield size
        left = None if left is None else left - size


def _make_folder(folder: Path) -> None:
    """Create a folder and its parents durably."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in new:
        sync_folder(each.parent)


def _raise_unless_missing(error: OSError) -> None:
    """A folder that cannot be read must not pass for an empty one."""
    if not isinstance(error, FileNotFoundError):
        raise error


class _Bucket:
    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._root = f"{bucket}/{prefix}" if prefix else bucket
        self._files: Any = None
        self._process = 0

    def put(self, name: str, content: bytes) -> None:
        # READ_SECONDS count from when all is sent. Without a limit of its own, an upload that stalls would never end.
        limit = TRIES * (CONNECT_SECONDS + READ_SECONDS) + len(content) / SLOWEST_BYTES_A_SECOND
        # One request, or parts that the last request joins: the file appears whole or not at all.
        with self._reaching(name) as (files, path):
            files.pipe_file(path, content, chunksize=PART_BYTES, timeout=limit)

    def put_pieces(self, name: str, pieces: Iterator[bytes]) -> None:
        with self._reaching(name) as (files, path):
            file = files.open(path, "wb", block_size=PART_BYTES)
        try:
            for piece in pieces:
                with self._reaching(name):
                    file.write(piece)
            with self._reaching(name):
                file.close()
        except BaseException:
            file.closed = True  # or the file would appear when it is garbage
            with suppress(OSError), self._reaching(name):
                file.discard()
            raise

    def read(self, name: str) -> bytes:
        with self._reaching(name) as (files, path):
            content: bytes = files.cat_file(path, max_concurrency=1)  # one request, so of one version of the file
        return content

    def blocks(self, name: str, start: int, length: int | None) -> Iterator[bytes]:
        # A request for each block, of the same version of the file: a slow reader holds no connection.
        with self._reaching(name) as (files, path):
            file = files.open(path, "rb", block_size=BLOCK_BYTES, cache_type="none")
            file.seek(start)
        for size in _sizes(length):
            with self._reaching(name):
                block: bytes = file.read(size)
            if not block:
                return
            yield block

    def delete(self, name: str) -> None:
        with self._reaching(name) as (files, path):
            files.rm_file(path)

    def list_names(self, folder: str) -> Iterable[str]:
        with suppress(FileNotFoundError), self._reaching(folder) as (files, path):
            return [found.removeprefix(f"{self._root}/") for found in files.find(path)]
        return []

    def folders(self) -> Iterable[str]:
        with suppress(FileNotFoundError), self._reaching("") as (files, path):
            found = files.ls(path, detail=True)
            return [entry["name"].rpartition("/")[2] for entry in found if entry["type"] == "directory"]
        return []

    @contextmanager
    def _reaching(self, name: str) -> Iterator[tuple[Any, str]]:
        """The file system and the path of `name` in it. Every exception inside becomes OSError."""
        if self._process != os.getpid():  # a forked process cannot use its parent's connections
            self._files, self._process = _s3(), os.getpid()
        path = f"{self._root}/{name}".rstrip("/")
        try:
            yield self._files, path
        except Exception as error:  # botocore's, aiohttp's and urllib3's have no other ancestor in common
            raise _as_os_error(error, self._bucket, path) from error


def _s3() -> Any:
    import fsspec  # here, because with s3fs it takes most of a second, and a folder needs neither

    files = fsspec.filesystem(
        "s3",
        skip_instance_cache=True,
        use_listings_cache=False,
        max_concurrency=PARTS_AT_ONCE,
        config_kwargs={
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retries": {"mode": "standard", "total_max_attempts": TRIES},
        },
    )
    files.retries = 1  # botocore's are enough; these would multiply them
    return files


def _as_os_error(error: Exception, bucket: str, path: str) -> OSError:
    from botocore.exceptions import ClientError

    answers = [each for each in (error, error.__cause__) if isinstance(each, ClientError)]
    code = answers[0].response["Error"].get("Code") if answers else None
    if code == "NoSuchBucket":
        return OSError(errno.ENXIO, f"There is no bucket {bucket}")
    match error:
        case _ if code in _NO_SPACE:
            number = errno.ENOSPC
        case FileNotFoundError():
            number = errno.ENOENT
        case PermissionError():
            number = errno.EACCES
        case TimeoutError():
            number = errno.ETIMEDOUT
        case OSError():
            number = error.errno or errno.EIO
        case _:
            number = errno.EIO
    return OSError(number, str(error) or os.strerror(number), f"s3://{path}")
