"""Reads an archive member by member: what is an image is given on, and what is not is counted. Torch-free."""

from collections.abc import Iterator
from typing import BinaryIO

from training.archives.idx import IdxFiles
from training.archives.kinds import HOW_IDX, ArchiveKind, archive_kind, one_idx_file
from training.archives.limits import Budget, Limits
from training.archives.members import Member, Skipped
from training.archives.npz import npz_members
from training.archives.opening import entries
from training.archives.sorting import BACKUPS, HIDDEN, Sorter, no_image
from training.archives.unexpected import ReadingFailed, attributed
from training.archives.zips import ZipReader
from training.errors import DatasetInvalid

__all__ = ["BACKUPS", "HIDDEN", "Limits", "Member", "ReadingFailed", "Skipped", "read_members"]

ARCHIVE_HEAD = 4096  # bytes from which the kind of an archive is told


def read_members(
    source: BinaryIO, size: int, limits: Limits, skipped: Skipped, tables: dict[str, bytes]
) -> Iterator[Member]:
    """The images of the archive `source`, a seekable file of `size` bytes, one after the other.

    What is passed over is counted in `skipped`, and label tables are put into `tables` by their names: both are
    complete once the last image was given. Raises DatasetInvalid for what is wrong with the archive or a member, also
    where no image is in it, and ReadingFailed where a mistake is ours. Only idx files make it read the archive twice.
    """
    source.seek(0)
    kind = archive_kind(source.read(ARCHIVE_HEAD))
    if kind in ("idx", "idx.gz"):
        raise one_idx_file()
    budget = Budget(limits)
    with attributed(lambda: budget.reading):
        if kind == "npz":
            yield from npz_members(ZipReader(source, size, budget, skipped), budget, skipped)
        else:
            yield from _Reader(source, size, kind, budget, skipped, tables).members()


class _Reader:
    """One archive of files."""

    def __init__(
        self,
        source: BinaryIO,
        size: int,
        kind: ArchiveKind,
        budget: Budget,
        skipped: Skipped,
        tables: dict[str, bytes],
    ) -> None:
        self._source, self._size, self._kind = source, size, kind
        self._skipped, self._budget, self._idx = skipped, budget, IdxFiles()
        self._sorter = Sorter(budget.limits, skipped, tables)

    def members(self) -> Iterator[Member]:
        """See read_members."""
        count = 0
        for entry in entries(self._source, self._size, self._kind, self._budget, self._skipped):
            found = self._sorter.sort(entry)
            if found is None:
                continue
            if found.is_idx:
                self._idx.add(entry, found.head, self._budget)
                continue
            count += 1
            yield Member(entry.name, self._sorter.content(entry, found))
        if self._idx and count:
            raise DatasetInvalid("The archive has both images and idx files of images.", f"Send one of them. {HOW_IDX}")
        if self._idx:
            self._budget.start_over()
            again = entries(self._source, self._size, self._kind, self._budget, Skipped())
            yield from self._idx.members(again, self._budget, self._skipped)
        elif not count:
            raise no_image(self._skipped)
