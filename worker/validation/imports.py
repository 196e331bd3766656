"""Imports: packs what lies in a folder or below an S3 prefix into one tar, which is looked through as an upload is.

Only regular files are taken, in the order of their names. Of a folder, links are not followed, and it must really lie
within a root that the operator allows.
"""

import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from environment.import_roots import is_below
from training.errors import DatasetInvalid
from worker.validation.messages import Progress, ValidationOrder

Say = Callable[[Progress], None]

HINT = "Ask the operator what is there, and whether the workers can read it."


def gather(order: ValidationOrder, archive: Path, say: Say) -> None:
    """Write the tar. Raises DatasetInvalid where nothing is there, it is too large, or it lies elsewhere; OSError where
    a disk is full."""
    assert order.source is not None
    received = files = 0
    with tarfile.open(archive, "w") as tar:
        for name, size, file in _files(order.source, order.roots):
            with file:
                received, files = received + size, files + 1
                if received > order.most_bytes:
                    raise DatasetInvalid(
                        f"What is there has more than {order.most_bytes:,} bytes.",
                        "Import a part of it, or ask the operator for more (EPOCHAL_MAX_UPLOAD_BYTES).",
                    )
                member = tarfile.TarInfo(name)
                member.size = size
                tar.addfile(member, _Source(file))  # type: ignore[arg-type]  # it is read, and nothing else
            say(Progress(stage="receiving", done=received))
    if not files:
        raise DatasetInvalid("There are no files at the source of the import.", HINT)


def _files(source: str, roots: tuple[str, ...]) -> Iterator[tuple[str, int, BinaryIO]]:
    """Name within the source, size and content of each file."""
    if source.startswith("s3://"):
        return _of_bucket(source)
    return _of_folder(Path(source.removeprefix("file://")), roots)


def _of_folder(folder: Path, roots: tuple[str, ...]) -> Iterator[tuple[str, int, BinaryIO]]:
    real = Path(os.path.realpath(folder))
    allowed = [
        f"file://{os.path.realpath(root.removeprefix('file://'))}" for root in roots if root.startswith("file://")
    ]
    if not is_below(f"file://{real}", allowed):
        raise DatasetInvalid("The source leads by a link to where nothing may be imported from.", HINT)
    if not real.is_dir():
        raise DatasetInvalid("There is no folder at the source of the import.", HINT)
    for place, folders, names in os.walk(real, onerror=_raise):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if path.is_symlink() or not path.is_file():
                continue
            # Without following a link that has just taken its place.
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError as error:
                _raise(error)
            file = os.fdopen(descriptor, "rb")
            yield str(path.relative_to(real)), os.fstat(descriptor).st_size, file


def _of_bucket(source: str) -> Iterator[tuple[str, int, BinaryIO]]:
    import fsspec  # takes most of a second, which a folder need not wait for

    files: Any = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
    root = source.removeprefix("s3://")
    try:
        found = files.find(root, detail=True)
    except Exception as error:  # botocore's and aiohttp's have no other ancestor in common
        raise DatasetInvalid("The source of the import cannot be read.", HINT) from error
    for path, about in sorted(found.items()):
        yield path.removeprefix(f"{root}/"), int(about["size"]), files.open(path, "rb", cache_type="readahead")


class _Source:
    """A file of the source: that it cannot be read is no fault of the disk that it is written to."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        try:
            content = self._file.read(size)
        except Exception as error:  # as above
            raise DatasetInvalid("A file at the source of the import cannot be read.", HINT) from error
        if len(content) < size:
            raise DatasetInvalid("A file at the source of the import became shorter while it was read.", HINT)
        return content


def _raise(error: OSError) -> NoReturn:
    raise DatasetInvalid(f"The source of the import cannot be read: {error.strerror}.", HINT) from error
