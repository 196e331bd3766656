"""API keys."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from client.connection import Connection, path_to


@dataclass(frozen=True, slots=True)
class Key:
    """An API key, without its secret."""

    id: str
    name: str
    project: str
    scopes: tuple[str, ...]  # of "read", "train" and "admin"; each includes those before it
    created_at: datetime
    expires_at: datetime | None  # None: never
    revoked_at: datetime | None
    last_used_at: datetime | None  # to some seconds


@dataclass(frozen=True, slots=True)
class NewKey(Key):
    """A key that was just made: `key` is all of it, this once, and not part of what is printed."""

    key: str = field(repr=False)


class Keys:
    """Those of the caller's project; for the operator, of every project. All of it needs a key with the scope admin."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self, name: str, scopes: Sequence[str], *, project: str | None = None, expires_at: datetime | None = None
    ) -> NewKey:
        """A new key. `expires_at` has an offset from UTC."""
        body: dict[str, Any] = {"name": name, "scopes": list(scopes), "project": project}
        if expires_at is not None:
            body["expires_at"] = expires_at.isoformat()
        return self._connection.send(NewKey, "POST", path_to("keys"), body)

    def list(self) -> Iterator[Key]:
        """Every key, the newest first, also those that are revoked or expired."""
        return self._connection.pages(Key, path_to("keys"))

    def get(self, key_id: str) -> Key:
        """What it is for, and when it was last used."""
        return self._connection.get(Key, path_to("keys", key_id))

    def revoke(self, key_id: str) -> Key:
        """From now on it lets nobody in."""
        return self._connection.send(Key, "DELETE", path_to("keys", key_id))
