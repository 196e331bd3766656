"""Positions as opaque text: event ids are one sequence over all projects, and must not tell one what others do.

A position is encrypted in the way of SIV (RFC 5297), with BLAKE2b: a code of the content authenticates it, and begins
the key stream that hides it. The key is derived from the database's id, which every API process knows and no answer
has, and from the project: another project's positions are none.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import blake2b

from jobs.unseen_events import Unseen

_CODE_BYTES = 12
_BLOCK_BYTES = 64

PATTERN = r"^[A-Za-z0-9_-]{20,2000}$"


class Cursors:
    """Writes and reads the positions of one project."""

    def __init__(self, deployment: str, project: str) -> None:
        secret = blake2b(project.encode(), key=blake2b(deployment.encode()).digest(), person=b"event cursors").digest()
        self._code_key, self._stream_key = secret[:32], secret[32:]

    def write(self, unseen: Unseen) -> str:
        """Text for `read`."""
        content = unseen.to_bytes()
        code = self._code(content)
        return urlsafe_b64encode(code + self._hidden(code, content)).decode().rstrip("=")

    def read(self, text: str) -> Unseen | None:
        """None where this project of this database has not written it."""
        try:
            sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except Error:
            return None
        code, content = sealed[:_CODE_BYTES], self._hidden(sealed[:_CODE_BYTES], sealed[_CODE_BYTES:])
        try:
            return Unseen.from_bytes(content) if self._code(content) == code else None
        except ValueError:  # another release has written it
            return None

    def _code(self, content: bytes) -> bytes:
        return blake2b(content, key=self._code_key, digest_size=_CODE_BYTES).digest()

    def _hidden(self, code: bytes, content: bytes) -> bytes:
        blocks = range(-(-len(content) // _BLOCK_BYTES))
        stream = b"".join(blake2b(code + bytes([block]), key=self._stream_key).digest() for block in blocks)
        return bytes(one ^ other for one, other in zip(content, stream, strict=False))
