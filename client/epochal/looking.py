"""Looks through a folder or a file before it is sent, with Python alone: names, headers and first bytes, and of what is
compressed its checksums. It is the code with which the service reads an upload, up to the decoding of the images."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from epochal.errors import LocalError
from epochal.folders import ListedFile, Listing, list_folder, reason_of
from epochal.packing import SingleFile, no_files
from training.archives.kinds import archive_kind, one_idx_file
from training.archives.layout import arrange
from training.archives.limits import Budget, Limits
from training.archives.member_names import told_name
from training.archives.members import Entry, Skipped
from training.archives.opening import entries
from training.archives.sorting import Sorter, no_image
from training.archives.tars import member_name
from training.archives.zips import ZipReader
from training.errors import DatasetInvalid

MOST_EXAMPLES = 20
HEAD_BYTES = 4096  # from which the kind of an archive is told
STEP_FILES, STEP_BYTES = 256, 16 * 2**20  # after one of which the progress is told

LINKS = "links, which are not followed: put what they lead to in their place"
DEVICES = "devices, pipes and sockets"
ZSTANDARD = "zstandard"  # the package: Python itself reads no zstd before 3.14


Code = Literal["no_access", "unreadable_files", "skipped_files", "not_looked_into"]
Severity = Literal["error", "info"]


@dataclass(frozen=True, slots=True)
class LookFinding:
    """Files that one should know of, as in the service's report: `count` of them, and up to 20 names, each with the
    reason. They do not keep the rest from being sent, unless the code is `no_access`."""

    code: Code
    severity: Severity
    count: int
    message: str
    hint: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What is in a folder or a file. `files` are all that were looked at; `images`, those that are images or are called
    so; `bytes`, what all files have. `refusal`: why it cannot be sent, or would be refused; None where nothing speaks
    against it."""

    files: int
    images: int
    bytes: int
    findings: tuple[LookFinding, ...]
    refusal: LocalError | None

    def raise_refusal(self) -> None:
        """Raises LocalError where it is not to be sent."""
        if self.refusal is not None:
            raise self.refusal


class _Noted:
    """How many there are of something, and the first few."""

    def __init__(self) -> None:
        self.count, self.examples = 0, list[str]()

    def add(self, name: str, reason: str) -> None:
        self.count += 1
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(f"{told_name(name)}: {reason}")

    def finding(self, code: Code, severity: Severity, what: str, hint: str) -> Iterator[LookFinding]:
        """One, if there is anything."""
        if self.count:
            files = "1 file" if self.count == 1 else f"{self.count:,} files"
            yield LookFinding(code, severity, self.count, f"{files} {what}.", hint, tuple(self.examples))


class Looking:
    """A look in steps, for whoever does other things in between. `done` counts files, of `total`, which is None where
    it is not known. After the last step, `look` has the result."""

    look: Look

    def __init__(self, path: Path) -> None:
        self._path = path
        self.done = 0
        self.total: int | None = None
        self._bytes = self._stepped_bytes = 0
        self._images, self._has_arrays = list[str](), False
        self._tables, self._skipped = dict[str, bytes](), Skipped()
        self._unreadable, self._no_access, self._unknown = _Noted(), _Noted(), _Noted()
        self._sorter = Sorter(Limits(), self._skipped, self._tables)

    def steps(self) -> Iterator[int]:
        """How many files were looked at, now and then. Raises LocalError where `path` itself cannot be read."""
        refusal: LocalError | None = None
        try:
            yield from self._folder() if self._path.is_dir() else self._file()
            self._judge()
        except DatasetInvalid as error:
            refusal = refused(error)
        except LocalError as error:
            refusal = error
        self.look = Look(
            self.done, len(self._images), self._bytes, tuple(self._findings()), self._inaccessible() or refusal
        )

    def _folder(self) -> Iterator[int]:
        listing = list_folder(self._path)
        self.total = len(listing.files)
        self._note_what_is_not_sent(listing)
        if not listing.files and not listing.unreadable:
            raise no_files(self._path, listing)
        for file in listing.files:
            try:
                self._sort(_entry_of(file), is_read=False)
            except OSError as error:
                self._no_access.add(file.name, reason_of(error))
            if self._is_step():
                yield self.done

    def _file(self) -> Iterator[int]:
        with SingleFile(self._path) as file:
            source = io.BufferedReader(file)
            kind = archive_kind(file.read_at(0, HEAD_BYTES))
            budget = Budget(Limits())
            if kind in ("idx", "idx.gz"):
                raise one_idx_file()
            if kind == "npz":
                self._has_arrays = True
                ZipReader(source, file.size, budget, self._skipped)  # which judges its list of members
                return
            try:
                for entry in entries(source, file.size, kind, budget, self._skipped):
                    self._sort(entry, is_read=kind != "tar")
                    if self._is_step():
                        yield self.done
            except ModuleNotFoundError as error:
                if error.name != ZSTANDARD:
                    raise
                self._unknown.add(self._path.name, "a tar.zst")

    def _note_what_is_not_sent(self, listing: Listing) -> None:
        for name, reason in listing.unreadable:
            self._no_access.add(name or ".", reason)
        for reason, names in ((LINKS, listing.links), (DEVICES, listing.devices)):
            for name in names:
                self._skipped.add(reason, name)
                self._skipped.folders.add(name)

    def _sort(self, entry: Entry, *, is_read: bool) -> None:
        """Look at one file; with `is_read`, at all of it if it is an image."""
        self.done += 1
        self._bytes += entry.size
        found = self._sorter.sort(entry)
        if found is None:
            return
        if found.is_idx:
            self._has_arrays = True
            return
        self._images.append(entry.name)
        if found.kind.family != "read":
            self._unreadable.add(entry.name, f"it is {found.kind.title}")
        if not found.kind.is_image:
            return
        if is_read:
            self._sorter.content(entry, found)
        else:
            self._sorter.refuse_large(entry)

    def _is_step(self) -> bool:
        is_far = self._bytes - self._stepped_bytes >= STEP_BYTES
        if is_far:
            self._stepped_bytes = self._bytes
        return is_far or self.done % STEP_FILES == 0

    def _judge(self) -> None:
        """Raises DatasetInvalid where the names do not make a data set. Of arrays, and of what was not looked into,
        they say nothing."""
        if self._has_arrays or self._unknown.count or self._no_access.count:
            return
        if not self._images:
            raise no_image(self._skipped)
        arrange(self._images, self._tables, self._skipped)

    def _inaccessible(self) -> LocalError | None:
        if not self._no_access.count:
            return None
        several = f" and {self._no_access.count - 1:,} more" if self._no_access.count > 1 else ""
        return LocalError(
            f"{os.fspath(self._path)!r} has what cannot be read: {self._no_access.examples[0]}{several}.",
            code="file_unreadable",
            hint="Give yourself the right to read it, or put it elsewhere.",
        )

    def _findings(self) -> Iterator[LookFinding]:
        yield from self._no_access.finding("no_access", "error", "cannot be opened", "Make them readable for you.")
        yield from self._unreadable.finding(
            "unreadable_files", "error", "cannot be read as images", "Repair, replace or remove them."
        )
        skipped = _Noted()
        for reason, names in self._skipped.examples.items():
            for name in names:
                skipped.add(name, reason)
            skipped.count += self._skipped.counts[reason] - len(names)
        hint = "Nothing needs to be done, unless there are images among them."
        yield from skipped.finding("skipped_files", "info", "will be passed over", hint)
        yield from self._unknown.finding("not_looked_into", "info", "could not be looked into", "Install zstandard.")


class _FileBody:
    """The content of a file on the disk, opened for each read: most are read once."""

    def __init__(self, path: str) -> None:
        self._path, self._at = path, 0

    def read(self, most: int, /) -> bytes:
        """Exactly `most` bytes; fewer only at the end. Raises OSError."""
        with io.FileIO(self._path) as file:
            file.seek(self._at)
            found = file.read(most)
        self._at += len(found)
        return found


def _entry_of(file: ListedFile) -> Entry:
    """The file as the service will see it. Raises DatasetInvalid for its name."""
    return Entry(member_name(os.fsencode(file.name)), file.size, _FileBody(file.path))


def refused(error: DatasetInvalid) -> LocalError:
    """What the service would say."""
    return LocalError(error.detail, code="dataset_invalid", hint=error.hint)
