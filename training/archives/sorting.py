"""Tells what each file of an archive is, by its name and its first bytes: an image, a file of arrays, a table of labels
or something that is passed over. Torch-free; Python's own modules are enough."""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from training.archives.kinds import GZIP, SEND, gunzipped, idx_shape, is_idx, nested_archive
from training.archives.limits import Limits, in_bytes
from training.archives.member_names import told_name
from training.archives.members import Entry, Skipped
from training.archives.tables import is_table
from training.errors import DatasetInvalid
from training.image_folders.file_kinds import HEAD_BYTES, FileKind, kind_of
from training.image_folders.listing import IMAGE_SUFFIXES, OTHER_SUFFIXES, is_companion

HIDDEN = "hidden files, and what systems and programs leave beside images"
BACKUPS = "backup copies"

# Documents and networks that are zip archives inside, which nobody means to be unpacked.
_DOCUMENTS = frozenset(
    (
        *(".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub", ".pages", ".numbers", ".key"),
        *(".jar", ".apk", ".whl", ".pt", ".pth", ".keras"),
    )
)
_IDX_NUMBER_BYTES = {8: 1, 9: 1, 11: 2, 12: 4, 13: 4, 14: 8}


@dataclass(frozen=True, slots=True)
class Sorted:
    """An image, or what is called one; or an idx file, whose `kind` means nothing. `head` was read of it."""

    kind: FileKind
    head: bytes
    is_idx: bool = False


class Sorter:
    """Sorts the files of one archive. What is passed over is counted in `skipped`, and tables of labels are put into
    `tables` by their names."""

    def __init__(self, limits: Limits, skipped: Skipped, tables: dict[str, bytes]) -> None:
        self._limits, self._skipped, self._tables = limits, skipped, tables
        self._names, self._table_bytes = set[str](), 0

    def sort(self, entry: Entry) -> Sorted | None:
        """What a file is; None where it is neither an image nor an idx file. Raises DatasetInvalid."""
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
        kind = kind_of(head)
        if is_idx_file(entry, head):
            self._refuse_second(entry.name)
            return Sorted(kind, head, is_idx=True)
        if (reason := _why_not(entry.name, own, suffix, head, kind)) is None:
            self._refuse_second(entry.name)
            return Sorted(kind, head)
        self._skipped.add(reason, entry.name)
        self._skipped.folders.add(folder)
        return None

    def content(self, entry: Entry, found: Sorted) -> bytes:
        """The whole content of an image, which was found just now. Of what is only called one, decoding says from the
        first bytes what it is. Raises DatasetInvalid."""
        return found.head + self._rest(entry, len(found.head)) if found.kind.is_image else found.head

    def _rest(self, entry: Entry, have: int) -> bytes:
        most = self._limits.member_bytes
        self.refuse_large(entry)
        content = entry.body.read(most - have + 1)
        if have + len(content) > most:
            raise self._too_large(entry)
        return content

    def refuse_large(self, entry: Entry) -> None:
        """Raises DatasetInvalid for an image that says that it is larger than one may be."""
        if entry.size > self._limits.member_bytes:
            raise self._too_large(entry)

    def _too_large(self, entry: Entry) -> DatasetInvalid:
        return DatasetInvalid(
            f"{told_name(entry.name)} in the archive has {in_bytes(entry.size)}, and an image may have "
            f"{in_bytes(self._limits.member_bytes)}.",
            "Save it as PNG or JPEG, or make it smaller.",
        )

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


def no_image(skipped: Skipped) -> DatasetInvalid:
    """The error of an archive without an image."""
    told = f" It has {skipped.told()}." if skipped.total else ""
    return DatasetInvalid(f"The archive has no image.{told}", SEND)


def is_idx_file(entry: Entry, head: bytes) -> bool:
    """Whether an archive's file that begins with `head` is an idx file, bare or compressed by gzip."""
    if head.startswith(GZIP):
        try:
            return is_idx(gunzipped(head))
        except zlib.error:
            return False
    if not is_idx(head):
        return False
    shape, length = idx_shape(head)
    named = "idx" in entry.name.casefold() or "ubyte" in entry.name.casefold()
    return named or length + prod(shape) * _IDX_NUMBER_BYTES[head[2]] == entry.size


def _why_not(name: str, own: str, suffix: str, head: bytes, kind: FileKind) -> str | None:
    """Why a file is passed over that begins with `head`; None for an image, also for one that cannot be read and has
    the name of one: it would be missed. Raises DatasetInvalid for archives."""
    is_called_image = suffix in IMAGE_SUFFIXES
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
