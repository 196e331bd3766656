"""How much of an archive is read, and what is counted while it is. Torch-free."""

from dataclasses import dataclass

from training.archives.member_names import told_name
from training.errors import DatasetInvalid

KIB, MIB, GIB = 2**10, 2**20, 2**30

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one archive. Bytes are those that come out, unless the name says otherwise."""

    members: int = 1_000_000  # of an archive, folders and links included; of arrays, images
    member_bytes: int = 256 * MIB  # of an image
    total_bytes: int = 64 * GIB
    ratio: int = 100  # of the bytes that came out to those that went in, beyond the first `unpacked_freely`
    unpacked_freely: int = 64 * MIB
    labels_bytes: int = 64 * MIB  # of all label tables, and of each array of labels
    names_bytes: int = 128 * MIB  # of all members
    directory_bytes: int = 256 * MIB  # of a zip's list of its members, which is held in memory


class Budget:
    """What one pass over an archive has used of its limits, as it is really read. Each method that counts raises
    DatasetInvalid. `reading` is the name of the member that is read, or was last; empty before the first."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.reading = limits, ""
        self.start_over()

    def start_over(self) -> None:
        """The archive is read once more, from its beginning."""
        self._members = self._names = self._packed = self._unpacked = 0

    def begin(self, name: str) -> None:
        """The member `name` is being read: it is the one that errors name."""
        self.reading = name

    def count_member(self, name_bytes: int = 0) -> None:
        """One more member, whose name has so many bytes."""
        self._members += 1
        self._names += name_bytes
        if self._members > self.limits.members:
            raise too_many(self.limits)
        if self._names > self.limits.names_bytes:
            raise DatasetInvalid(
                f"The names in the archive have more than {in_bytes(self.limits.names_bytes)} together.",
                "Give the files shorter names, or send fewer of them.",
            )

    def count_packed(self, count: int) -> None:
        """So many more bytes of the archive itself were read."""
        self._packed += count

    def count_unpacked(self, count: int) -> None:
        """So many more bytes came out of it."""
        self._unpacked += count
        limits = self.limits
        if self._unpacked > limits.total_bytes:
            raise too_large(limits, self._seen())
        if self._unpacked > limits.unpacked_freely and self._unpacked > limits.ratio * self._packed:
            raise too_dense(limits, self._seen())

    def _seen(self) -> str:
        return f": that was seen in {told_name(self.reading)}" if self.reading else ""


def too_many(limits: Limits) -> DatasetInvalid:
    """The error of an archive with too many members."""
    return DatasetInvalid(
        f"The archive has more than {limits.members:,} members.", f"Send at most {limits.members:,} files in one."
    )


def too_large(limits: Limits, where: str) -> DatasetInvalid:
    """The error of an archive whose members are too large together. `where`: the end of a sentence, or empty."""
    most = in_bytes(limits.total_bytes)
    return DatasetInvalid(
        f"The archive unpacks to more than {most}{where}.",
        f"Send at most {most} in one: fewer images, or smaller ones.",
    )


def too_dense(limits: Limits, where: str) -> DatasetInvalid:
    """The error of an archive that is a decompression bomb, or looks like one. `where`: the end of a sentence, or
    empty."""
    return DatasetInvalid(
        f"The archive unpacks to more than {limits.ratio} times its own size, as decompression bombs do and archives "
        f"of images do not{where}.",
        "Save the images as PNG or JPEG, which are small by themselves, and pack those.",
    )


def in_bytes(count: int) -> str:
    """A number of bytes, for an error message. It may be any int: headers state numbers that no float holds, and that
    Python refuses to write in decimal digits."""
    power = (max(count, 1).bit_length() - 1) // 10
    if power > len(_UNITS):
        return f"more than 1,024 {_UNITS[-1]}"
    if power:
        return f"{count / KIB**power:,.1f} {_UNITS[power - 1]}".replace(".0 ", " ")
    return "1 byte" if count == 1 else f"{max(count, 0)} bytes"
