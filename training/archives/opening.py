"""Opens an archive of files. Torch-free; Python's own modules are enough, but for zstd."""

from collections.abc import Iterator
from typing import BinaryIO

from training.archives.kinds import ArchiveKind
from training.archives.limits import Budget
from training.archives.members import Entry, Skipped
from training.archives.streams import FileStream, Gunzipped
from training.archives.tars import TarReader
from training.archives.zips import ZipReader


def entries(source: BinaryIO, size: int, kind: ArchiveKind, budget: Budget, skipped: Skipped) -> Iterator[Entry]:
    """Each regular file of an archive, which is no array. Raises DatasetInvalid."""
    match kind:
        case "zip":
            return ZipReader(source, size, budget, skipped).entries()
        case "tar":
            return TarReader(FileStream(source, size, budget, counts_unpacked=True), budget, skipped).entries()
        case "tar.gz":
            return TarReader(Gunzipped(FileStream(source, size, budget), budget), budget, skipped).entries()
        case "tar.zst":
            from training.archives.zstd_stream import Unzstandard  # who reads no such archive needs no zstandard

            return TarReader(Unzstandard(FileStream(source, size, budget), budget), budget, skipped).entries()
    raise AssertionError(kind)
