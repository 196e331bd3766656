"""What is in a folder, before it is packed."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as it was when it was listed. `name`: within its folder, with slashes."""

    name: str
    path: str
    size: int
    mtime_ns: int


@dataclass(slots=True)
class Listing:
    """What is in a folder: the files, in order; names of links and of devices, pipes and sockets, which are not sent;
    and folders that cannot be read, with the reason."""

    files: list[ListedFile] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def list_folder(folder: Path) -> Listing:
    """Everything in `folder`, in the order of the paths' parts. Links are not followed."""
    listing = Listing()
    waiting = _entries(os.fspath(folder), "", listing)
    while waiting:
        path, name = waiting.pop()
        try:
            found = os.lstat(path)
        except OSError as error:
            listing.unreadable.append((name, reason_of(error)))
            continue
        if stat.S_ISDIR(found.st_mode):
            waiting += _entries(path, name, listing)
        elif stat.S_ISREG(found.st_mode):
            listing.files.append(ListedFile(name, path, found.st_size, found.st_mtime_ns))
        else:
            (listing.links if stat.S_ISLNK(found.st_mode) else listing.devices).append(name)
    return listing


def _entries(folder: str, name: str, listing: Listing) -> list[tuple[str, str]]:
    """Paths and names of what is in `folder`, which is called `name`, in reversed order."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name, reverse=True)
    except OSError as error:
        listing.unreadable.append((name, reason_of(error)))
        return []
    return [(entry.path, f"{name}/{entry.name}" if name else entry.name) for entry in entries]


def reason_of(error: OSError) -> str:
    """Why, without a path."""
    return error.strerror or type(error).__name__
