"""The content of zstd data. Torch-free."""

import zstandard

from training.archives.kinds import ZSTD, is_zstd
from training.archives.limits import KIB, Budget, in_bytes
from training.archives.members import Readable
from training.archives.streams import Unpacked
from training.errors import DatasetInvalid

# What one block of zstd says in 4 bytes may be 128 KiB: so many bytes in are at most 32 MiB out.
ZSTD_CHUNK = KIB
# The decoder holds so much. `zstd` makes and reads no more either, unless --long or --ultra says so.
ZSTD_WINDOW = 2**27


class Unzstandard(Unpacked):
    """The content of zstd data: of all its frames, as pzstd makes many."""

    def __init__(self, packed: Readable, budget: Budget, name: str = "") -> None:
        super().__init__(packed, budget, name)
        self._decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
        self._frame, self._waiting = self._decoder.decompressobj(), b""

    def _some(self) -> bytes:
        try:
            while True:
                if self._frame.eof and not self._begin_next():
                    return b""
                chunk, self._waiting = self._waiting or self._packed.read(ZSTD_CHUNK), b""
                if not chunk:
                    raise self._damaged("cut off")
                if found := self._frame.decompress(chunk):
                    return found
        except zstandard.ZstdError as error:
            raise self._unreadable(str(error)) from None

    def _begin_next(self) -> bool:
        rest = self._frame.unused_data
        while len(rest) < len(ZSTD) and (more := self._packed.read(ZSTD_CHUNK)):
            rest += more
        if rest and not is_zstd(rest):
            raise self._trailing()
        if rest:
            self._count_frame()
            self._frame, self._waiting = self._decoder.decompressobj(), rest
        return bool(rest)

    def _unreadable(self, reason: str) -> DatasetInvalid:
        if "too much memory" in reason:
            return DatasetInvalid(
                f"{self._name} was packed by zstd with a window of more than {in_bytes(ZSTD_WINDOW)}.",
                "Pack it without --long, or with --long=27 at most.",
            )
        return self._damaged("damaged: its zstd data cannot be unpacked, or has another checksum")
