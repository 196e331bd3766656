"""What of one directory belongs to a data set: which of its files are images, which folders are looked into.
Torch-free: the API counts what the trainer loads by the same rules.

- Hidden files, and what file managers, network disks, photo programs and authors leave beside images, are companions:
  they are neither images nor counted.
- A file whose suffix is one of IMAGE_SUFFIXES is an image: a broken one is an error to be told, not a file to be
  passed over.
- A file with a suffix of OTHER_SUFFIXES is none. It is passed over and counted.
- Of any other file, or one without a suffix, the first bytes decide. This costs opening it.
"""

import errno
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from training.image_folders.file_kinds import HEAD_BYTES, kind_of

# Every one that belongs to a format which the decoder reads. A file called so may hold any of these formats.
_IMAGES = """
    png apng jpg jpeg jpe jfif jif jfi pjpeg pjp mpo webp gif bmp dib tif tiff ppm pgm pbm pnm pfm avif avifs
    jp2 j2k j2c jpc jpf jpx
"""
# What lies beside images in great number and never is one: not worth opening each.
_OTHERS = """
    txt csv tsv json jsonl xml yaml yml toml ini cfg log md rst html htm url lnk py ipynb m sh aae xmp thm dvc
    pkl pickle npy npz mat h5 pt pth db sqlite parquet tfrecord zip tar gz tgz bz2 xz zst 7z rar
    pdf doc docx xls xlsx mp4 mov m4v avi mkv webm mpg mp3 wav flac cot cop
    part partial crdownload filepart download tmp bak orig md5 sha1 sha256
"""
IMAGE_SUFFIXES, OTHER_SUFFIXES = (frozenset(f".{word}" for word in words.split()) for words in (_IMAGES, _OTHERS))

_COMPANIONS = frozenset(
    name.casefold()
    for name in (
        # Files of Windows, macOS and Picasa.
        *("Thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "folder.htt", "Icon\r", "Picasa.ini"),
        *("ZbThumbnail.info", "pspbrwse.jbf", "SYNOINDEX_MEDIA_INFO"),
        # Folders of Synology, QNAP and other network disks, of zip archives made by macOS, of recycle bins and backups.
        *("@eaDir", "@tmp", "@Recycle", "@Recently-Snapshot", "@sharebin", "@__thumb", "#recycle", "#snapshot"),
        *("~snapshot", "__MACOSX", "$RECYCLE.BIN", "System Volume Information", "FOUND.000"),
        *("lost+found", "Network Trash Folder", "Temporary Items", "TheVolumeSettingsFolder", "_gsdata_"),
        *("__pycache__", "CaptureOne", "_vti_cnf"),
    )
)
_LEFT_BY_PROGRAMS = re.compile(r"synophoto_|synovideo_|~\$|.*@syno(eastream|resource)$|.*:zone\.identifier$")
_BY_AUTHORS = re.compile(
    r"(readme|licen[cs]es?|copying|notice|authors?|credits|attributions?|citation|changelog|version|labels?|classes|"
    r"class_?names|(class_)?(mapping|indices|index)|annotations?|metadata|manifest|checksums?|(md5|sha1|sha256)sums?)"
    r"(\.(txt|md|rst|csv|tsv|json|jsonl|xml|yaml|yml|pdf|html?|cff))?"
)

EXAMPLES = 5  # names of what is passed over that are kept
SNIFFING_THREADS = 16  # a network disk answers each after a while, and several at once


@dataclass(frozen=True, slots=True)
class Listing:
    """One directory, as far as it matters. Names are sorted.

    `links`: folders that are links. `image_links`: of images that are links, the directory that the image really lies
    in, and one name. `gone`: what cannot be followed or looked at, and why. `opened`: how many files were, and
    `unknown`: how many more there are that only their content would tell. `count` is of `images`, which need not be
    kept.
    """

    folders: Sequence[str] = ()
    links: frozenset[str] = frozenset()
    images: Sequence[str] = ()
    count: int = 0
    image_links: Mapping[str, str] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    ignored: int = 0
    ignored_names: Sequence[str] = ()
    opened: int = 0
    unknown: int = 0


def is_companion(name: str, *, file: bool = False) -> bool:
    """Whether what is called `name` belongs to no data set, wherever it lies. `file`: it is known to be no folder; a
    class may well be called `labels`.
    """
    folded = name.casefold()
    return (
        name.startswith(".")
        or folded in _COMPANIONS
        or _LEFT_BY_PROGRAMS.match(folded) is not None
        or (file and _BY_AUTHORS.fullmatch(folded) is not None)
    )


def list_directory(directory: str, most_opened: int | None = None) -> Listing:
    """Of `directory`. Opens `most_opened` files at most, or as many as only their content tells. Raises OSError."""
    found: dict[_Kind, list[str]] = {kind: [] for kind in get_args(_Kind)}
    links, gone, image_links = set[str](), dict[str, str](), _ImageLinks()
    with os.scandir(directory) as entries:
        for entry in entries:
            try:
                kind = _kind(entry)
            except OSError as error:
                gone[entry.name] = error.strerror or type(error).__name__
                continue
            found[kind].append(entry.name)
            if entry.is_symlink():
                if kind == "folder":
                    links.add(entry.name)
                elif kind == "image":
                    image_links.add(entry)
    opened = found["unsure"] if most_opened is None else found["unsure"][:most_opened]
    for name, is_image in zip(opened, _sniff(directory, opened), strict=True):
        found["image" if is_image else "other"].append(name)
    return Listing(
        folders=sorted(found["folder"]),
        links=frozenset(links),
        images=sorted(found["image"]),
        count=len(found["image"]),
        image_links=image_links.by_parent,
        gone=dict(sorted(gone.items())),
        ignored=len(found["other"]),
        ignored_names=sorted(found["other"])[:EXAMPLES],
        opened=len(opened),
        unknown=len(found["unsure"]) - len(opened),
    )


_Kind = Literal["folder", "image", "other", "companion", "unsure"]


def _kind(entry: "os.DirEntry[str]") -> _Kind:
    """Raises OSError where it cannot be told, as of a link to a disk that is not mounted."""
    name, suffix = entry.name, Path(entry.name).suffix.lower()
    if is_companion(name):
        return "companion"
    try:
        if entry.is_dir():
            return "folder"
    except OSError as error:
        if suffix not in IMAGE_SUFFIXES:
            if error.errno == errno.ELOOP:
                return "other"
            raise
    if suffix in IMAGE_SUFFIXES:
        return "image"  # a link to nowhere, too: that the image is missing should be said, not hidden
    if is_companion(name, file=True):
        return "companion"
    if suffix in OTHER_SUFFIXES or name.endswith("~"):
        return "other"
    if entry.is_symlink() and not os.path.lexists(os.path.realpath(entry.path)):
        raise FileNotFoundError(errno.ENOENT, "it is a link to nowhere: is the disk mounted?")
    return "unsure" if entry.is_file() else "other"


class _ImageLinks:
    """Where the images really lie that are links."""

    def __init__(self) -> None:
        self.by_parent: dict[str, str] = {}
        self._real: dict[str, str] = {}

    def add(self, entry: "os.DirEntry[str]") -> None:
        """Links of one directory mostly lead to a few others, whose paths are resolved once."""
        link = Path(entry.path)
        target = link.parent / link.readlink()
        parent = str(target.parent)
        if parent not in self._real:
            self._real[parent] = os.path.realpath(parent)
        real = Path(self._real[parent], target.name)
        if real.is_symlink():
            real = Path(os.path.realpath(real))
        self.by_parent.setdefault(str(real.parent), entry.name)


def _sniff(directory: str, names: Sequence[str]) -> Iterator[bool]:
    """Whether each of `names` begins as an image does. One that cannot be opened counts: decoding it says why."""

    def begins_as_image(name: str) -> bool:
        try:
            with Path(directory, name).open("rb") as file:
                return kind_of(file.read(HEAD_BYTES)).is_image
        except OSError:
            return True

    if len(names) < SNIFFING_THREADS:
        yield from map(begins_as_image, names)
        return
    with ThreadPoolExecutor(SNIFFING_THREADS) as pool:
        yield from pool.map(begins_as_image, names)
