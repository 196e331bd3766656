"""Reads an archive member by member: what is an image is given on, and what is not is counted. Torch-free."""

from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO

from training.archives.idx import HOW as HOW_IDX
from training.archives.idx import IdxFiles, is_idx_file
from training.archives.kinds import SEND, ArchiveKind, archive_kind, nested_archive
from training.archives.limits import Budget, Limits, in_bytes
from training.archives.member_names import told_name
from training.archives.members import Entry, Member, Skipped
from training.archives.npz import npz_members
from training.archives.streams import FileStream, Gunzipped, Unzstandard
from training.archives.tables import is_table
from training.archives.tars import TarReader
from training.archives.unexpected import ReadingFailed, attributed
from training.archives.zips import ZipReader
from training.errors import DatasetInvalid
from training.image_folders.file_kinds import HEAD_BYTES, kind_of
from training.image_folders.listing import IMAGE_SUFFIXES, OTHER_SUFFIXES, is_companion

__all__ = ["HIDDEN", "Limits", "Member", "ReadingFailed", "Skipped", "read_members"]

ARCHIVE_HEAD = 4096  # bytes from which the kind of an archive is told
HIDDEN = "hidden files, and what systems and programs leave beside images"
BACKUPS = "backup copies"

# Documents and networks that are zip archives inside, which nobody means to be unpacked.
_DOCUMENTS = frozenset(
    (
        *(".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub", ".pages", ".numbers", ".key"),
        *(".jar", ".apk", ".whl", ".pt", ".pth", ".keras"),
    )
)


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
        raise DatasetInvalid("The upload is one idx file: images and their labels are two.", HOW_IDX)
    budget = Budget(limits)
    with attributed(lambda: budget.reading):
        if kind == "npz":
            yield from npz_members(ZipReader(source, size, budget, skipped), budget, skipped)
        else:
            yield from _Reader(source, size, kind, budget, skipped, tables).members()


def _entries(source: BinaryIO, size: int, kind: ArchiveKind, budget: Budget, skipped: Skipped) -> Iterator[Entry]:
    match kind:
        case "zip":
            return ZipReader(source, size, budget, skipped).entries()
        case "tar":
            return TarReader(FileStream(source, size, budget, counts_unpacked=True), budget, skipped).entries()
        case "tar.gz":
            return TarReader(Gunzipped(FileStream(source, size, budget), budget), budget, skipped).entries()
        case "tar.zst":
            return TarReader(Unzstandard(FileStream(source, size, budget), budget), budget, skipped).entries()
    raise AssertionError(kind)


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
        self._source, self._size, self._kind, self._limits = source, size, kind, budget.limits
        self._skipped, self._tables = skipped, tables
        self._budget, self._names, self._idx = budget, set[str](), IdxFiles()
        self._table_bytes = 0

    def members(self) -> Iterator[Member]:
        """See read_members."""
        count = 0
        for entry in _entries(self._source, self._size, self._kind, self._budget, self._skipped):
            if (content := self._image(entry)) is not None:
                count += 1
                yield Member(entry.name, content)
        if self._idx and count:
            raise DatasetInvalid("The archive has both images and idx files of images.", f"Send one of them. {HOW_IDX}")
        if self._idx:
            self._budget.start_over()
            again = _entries(self._source, self._size, self._kind, self._budget, Skipped())
            yield from self._idx.members(again, self._budget, self._skipped)
        elif not count:
            told = f" It has {self._skipped.told()}." if self._skipped.total else ""
            raise DatasetInvalid(f"The archive has no image.{told}", SEND)

    def _image(self, entry: Entry) -> bytes | None:
        """The content of an image; None where it is something else, which is counted or kept."""
        folder, _, own = entry.name.rpartition("/")
        if (is_hidden := _is_hidden(folder)) or is_companion(own):
            self._skipped.add(HIDDEN, entry.name)
            if not is_hidden:
                self._skipped.folders.add(folder)
            return None
        if is_table(entry.name):
            self._keep_table(entry)
            return None
        head, suffix = entry.body.read(HEAD_BYTES), _suffix(own)
        if is_idx_file(entry, head):
            self._refuse_second(entry.name)
            self._idx.add(entry, head, self._budget)
            return None
        if (reason := _why_not(entry.name, own, suffix, head)) is None:
            self._refuse_second(entry.name)
            # Of what is only called an image, decoding says from this much what it is.
            return head + self._rest(entry, len(head)) if kind_of(head).is_image else head
        self._skipped.add(reason, entry.name)
        self._skipped.folders.add(folder)
        return None

    def _rest(self, entry: Entry, have: int) -> bytes:
        most = self._limits.member_bytes
        content = entry.body.read(most - have + 1) if entry.size <= most else b""
        if entry.size > most or have + len(content) > most:
            raise DatasetInvalid(
                f"{told_name(entry.name)} in the archive has {in_bytes(entry.size)}, and an image may have "
                f"{in_bytes(most)}.",
                "Save it as PNG or JPEG, or make it smaller.",
            )
        return content

    def _keep_table(self, entry: Entry) -> None:
        self._refuse_second(entry.name)
        most = self._limits.labels_bytes - self._table_bytes
        content = entry.body.read(most + 1)
        if len(content) > most:
            raise DatasetInvalid(
                f"{told_name(entry.name)} in the archive is too large: tables of labels may have "
                f"{in_bytes(self._limits.labels_bytes)} together.",
                "Leave out columns other than file, label and split.",
            )
        self._table_bytes += len(content)
        self._tables[entry.name] = content

    def _refuse_second(self, name: str) -> None:
        if name in self._names:
            raise DatasetInvalid(
                f"{told_name(name)} is in the archive twice, and which one counts is not known.",
                "Pack the folder anew: adding to an archive may leave the old file in it.",
            )
        self._names.add(name)


def _why_not(name: str, own: str, suffix: str, head: bytes) -> str | None:
    """Why a file is passed over that begins with `head`; None for an image, also for one that cannot be read and has
    the name of one: it would be missed. Raises DatasetInvalid for archives."""
    kind, is_called_image = kind_of(head), suffix in IMAGE_SUFFIXES
    if not kind.is_image and suffix not in _DOCUMENTS and (nested := nested_archive(head)) is not None:
        raise DatasetInvalid(
            f"{told_name(name)} in the archive is {nested} itself.",
            "Unpack it first, and pack all images into one archive.",
        )
    if not is_called_image:
        if is_companion(own, file=True):
            return HIDDEN
        if own.endswith("~"):
            return BACKUPS
        if suffix in OTHER_SUFFIXES or suffix in _DOCUMENTS:
            return f"{suffix} files"
    return None if kind.is_image or is_called_image else kind.title


@lru_cache(1024)
def _is_hidden(folder: str) -> bool:
    return any(is_companion(part) for part in folder.split("/")) if folder else False


def _suffix(own: str) -> str:
    """With its dot, in lower case; empty where a name has none, or nothing in front of it."""
    stem, _, suffix = own.rpartition(".")
    return f".{suffix.lower()}" if stem else ""
