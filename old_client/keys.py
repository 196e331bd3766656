"""API keys."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from old_client.connection import Connection, path_to


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
    last_used_at: datetime | None  # exact to a few seconds


@dataclass(frozen=True, slots=True)
class NewKey(Key):
    """A new key. Only this answer contains the whole `key`; `repr` does not show it."""

    key: str = field(repr=False)


class Keys:
    """The API keys of the caller's project; for the operator, of every project. Every method needs the scope admin."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self, name: str, scopes: Sequence[str], *, project: str | None = None, expires_at: datetime | None = None
    ) -> NewKey:
        """Make a key. `expires_at` needs an offset from UTC."""
        body: dict[str, Any] = {"name": name, "scopes": list(scopes), "project": project}
        if expires_at is not None:
            body["expires_at"] = expires_at.isoformat()
        return self._connection.send(NewKey, "POST", path_to("keys"), body)

    def list(self) -> Iterator[Key]:
        """Every key, the newest first. Revoked and expired keys are included."""
        return self._connection.pages(Key, path_to("keys"))

    def get(self, key_id: str) -> Key:
        """What it is for, and when it was last used."""
        return self._connection.get(Key, path_to("keys", key_id))

    def revoke(self, key_id: str) -> Key:
        """Revoke a key. From now on, the service refuses it."""
        return self._connection.send(Key, "DELETE", path_to("keys", key_id))
