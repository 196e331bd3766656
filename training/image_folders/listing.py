"""Lists one directory of a data set: its images, and the folders to visit. Torch-free.

- Companions are ignored and not counted: hidden files, and what file managers, network disks, photo programs and
authors put beside images. - A file with one of IMAGE_SUFFIXES is an image. If it is broken, that is an error to report,
and no reason to ignore it. - A file with one of OTHER_SUFFIXES is not an image. It is ignored and counted. - For any
other file, the first bytes decide, which costs opening it.
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

# The suffixes of all formats that the decoder reads. The content of a file may have another of these formats.
_IMAGES = """
    png apng jpg jpeg jpe jfif jif jfi pjpeg pjp mpo webp gif bmp dib tif tiff ppm pgm pbm pnm pfm avif avifs
    jp2 j2k j2c jpc jpf jpx
"""
# Of files that are often beside images in great number and never are images: opening each would cost time.
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

EXAMPLES = 5  # names of ignored files that are kept
SNIFFING_THREADS = 16  # a network disk has a high latency, and serves several requests at once


@dataclass(frozen=True, slots=True)
class Listing:
    """The entries of one directory that matter for a data set. Names are sorted.

    `links`: those of `folders` that are links. `image_links`: for images that are links, the directory that the link
    leads to, and the name of one of them. `gone`: entries that cannot be read, such as broken links, and why. `opened`:
    how many files were opened. `unknown`: how many more would have to be. `count`: how many `images` there are, which
    need not be kept.
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
    """Whether an entry called `name` is ignored in every directory. `file`: it is known not to be a folder. Names such
    as `labels` are ignored only then, since a class may have such a name.
    """
    folded = name.casefold()
    return (
        name.startswith(".")
        or folded in _COMPANIONS
        or _LEFT_BY_PROGRAMS.match(folded) is not None
        or (file and _BY_AUTHORS.fullmatch(folded) is not None)
    )


def list_directory(directory: str, most_opened: int | None = None) -> Listing:
    """The entries of `directory`. Opens at most `most_opened` files; with None, all whose content decides. Raises
    OSError."""
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
    """Raises OSError where it cannot be known, such as for a link to a disk that is not mounted."""
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
        return "image"  # a broken link, too, so that decoding reports the missing image
    if is_companion(name, file=True):
        return "companion"
    if suffix in OTHER_SUFFIXES or name.endswith("~"):
        return "other"
    if entry.is_symlink() and not os.path.lexists(os.path.realpath(entry.path)):
        raise FileNotFoundError(errno.ENOENT, "it is a link to nowhere: is the disk mounted?")
    return "unsure" if entry.is_file() else "other"


class _ImageLinks:
    """The directories that images which are links lead to."""

    def __init__(self) -> None:
        self.by_parent: dict[str, str] = {}
        self._real: dict[str, str] = {}

    def add(self, entry: "os.DirEntry[str]") -> None:
        """Paths of parents are resolved once, since the links of one directory usually lead to few others."""
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
    """For each of `names`, whether its first bytes are an image's. A file that cannot be opened counts as an image, so
    that decoding reports the reason."""

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
