"""API keys: `epochal_<id>.<secret>`, of which the database knows the id and the secret's SHA-256.

A secret has 256 random bits, which nobody finds by trying: so a fast hash is enough. It is shown once, when its key is
made.
"""

import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal, get_args

from pydantic import SecretStr
from sqlalchemy import ColumnElement, and_, delete, func, not_, or_, select, update
from sqlalchemy.orm import Session
from ulid import ULID

from access.errors import KeyInvalid, KeyNotFound, NoOperator, ProjectNotFound, TooManyKeys
from models import DEFAULT_PROJECT, ApiKey, Project
from models.columns import DatabaseNow

Scope = Literal["read", "train", "admin"]  # each includes those before it

ADMINISTRATOR = "admin"  # the id of the operator's key that a file holds

MAX_VALID_KEYS = 100  # that are valid
MAX_STORED_KEYS = 1000  # of a project, with those that are not valid any more

SECRET_BYTES = 32
MIN_SECRET_CHARACTERS = 32  # of a secret that a person chose; `_FORM` has this number, too

_FORM = re.compile(r"epochal_(?P<id>[a-z0-9]{1,32})\.(?P<secret>[A-Za-z0-9_-]{32,200})")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request."""

    project: str
    scopes: frozenset[Scope]
    key_id: str | None = None  # None: no key was required

    @property
    def is_operator(self) -> bool:
        """Whether the caller may administer every project."""
        return self.project == DEFAULT_PROJECT and self.may("admin")

    def may(self, scope: Scope) -> bool:
        """Whether its scopes include `scope`."""
        order = get_args(Scope)
        return any(order.index(mine) >= order.index(scope) for mine in self.scopes)


# Every caller of an API that listens on the loopback only, and requires no keys.
LOOPBACK_CALLER = Caller(DEFAULT_PROJECT, frozenset({"admin"}))


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, with its secret, which cannot be read again."""

    row: ApiKey
    key: SecretStr


def make(
    session: Session, project: str, name: str, scopes: Sequence[Scope], expires_at: datetime | None = None
) -> NewKey:
    """A new key of `project`. Raises ProjectNotFound and TooManyKeys."""
    # Lock the project, so that two requests at once do not exceed its limit.
    if session.scalar(select(Project.id).where(Project.id == project).with_for_update(key_share=True)) is None:
        raise ProjectNotFound(project)
    of_project = ApiKey.project == project
    if session.scalars(select(func.count()).where(of_project, is_valid())).one() >= MAX_VALID_KEYS:
        raise TooManyKeys(MAX_VALID_KEYS)
    _delete_oldest_invalid(session, project)
    key_id, secret = str(ULID()).lower(), secrets.token_urlsafe(SECRET_BYTES)
    row = ApiKey(
        id=key_id,
        project=project,
        name=name,
        secret_sha256=_hashed(secret),
        scopes=list(scopes),
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return NewKey(row, SecretStr(f"epochal_{key_id}.{secret}"))


def authenticate(session: Session, presented: str) -> Caller:
    """The caller whose key is `presented`. Raises KeyInvalid, also for a key that has expired by the database's
    clock."""
    form = _FORM.fullmatch(presented)
    key = session.scalar(select(ApiKey).where(ApiKey.id == form["id"], is_valid())) if form else None
    # Compared even where there is no such key, and in constant time: how long a refusal takes tells nothing.
    matches = secrets.compare_digest(key.secret_sha256 if key else "", _hashed(form["secret"] if form else ""))
    if key is None or not matches:
        raise KeyInvalid
    return caller_of(key)


def caller_of(key: ApiKey) -> Caller:
    """Who has this key."""
    scopes = frozenset(scope for scope in get_args(Scope) if scope in key.scopes)
    return Caller(key.project, scopes, key.id)


def require_valid(session: Session, caller: Caller) -> None:
    """Check again that the key of an authenticated caller is valid. Raises KeyInvalid."""
    if caller.key_id is not None and no_longer_valid(session, [caller.key_id]):
        raise KeyInvalid


def no_longer_valid(session: Session, key_ids: Collection[str]) -> set[str]:
    """Those of these keys that are not valid any more."""
    if not key_ids:
        return set()
    valid = select(ApiKey.id).where(ApiKey.id.in_(key_ids), is_valid())
    return set(key_ids) - set(session.scalars(valid))


def note_use(session: Session, key_ids: Sequence[str]) -> None:
    """Note that these keys were used just now."""
    session.execute(update(ApiKey).where(ApiKey.id.in_(key_ids)).values(last_used_at=DatabaseNow()))


def list_keys(session: Session, project: str | None, after: str | None, limit: int) -> Sequence[ApiKey]:
    """The keys of a project, or of all, behind the key `after`; the newest first, since ids ascend with time."""
    statement = select(ApiKey).order_by(ApiKey.id.desc()).limit(limit)
    if project is not None:
        statement = statement.where(ApiKey.project == project)
    return session.scalars(statement if after is None else statement.where(ApiKey.id < after)).all()


def find(session: Session, project: str | None, key_id: str) -> ApiKey:
    """A key of a project, or of any. Raises KeyNotFound."""
    key = session.get(ApiKey, key_id)
    if key is None or project not in (None, key.project):
        raise KeyNotFound(key_id)
    return key


def revoke(session: Session, project: str | None, key_id: str) -> ApiKey:
    """Make a key invalid, for good. Revoking it again changes nothing. Raises KeyNotFound."""
    find(session, project, key_id)
    unrevoked = update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
    session.execute(unrevoked.values(revoked_at=DatabaseNow()))
    session.expire_all()
    return find(session, project, key_id)


def require_operator(session: Session, key_file: Path | None) -> None:
    """Require that an API with keys can be administered: with the key in `key_file`, which is installed, or with a key
    that was made before. Raises NoOperator.
    """
    if key_file is not None:
        _install_administrator(session, _read(key_file))
        session.flush()
        if not _operator_has_key(session):
            raise NoOperator(
                "The key in the file of EPOCHAL_ADMIN_KEY_FILE was revoked, and there is no other: put another secret "
                "into it."
            )
    elif not _operator_has_key(session):
        raise NoOperator(
            "The API would ask for keys, and nobody has one. Put epochal_admin.<secret> into a file and set "
            "EPOCHAL_ADMIN_KEY_FILE to it, or make a key with the scope admin first, on an API that listens on the "
            "loopback."
        )


def _delete_oldest_invalid(session: Session, project: str) -> None:
    """Delete as many of the oldest invalid keys as exceed MAX_STORED_KEYS."""
    mine = select(ApiKey.id).where(ApiKey.project == project)
    count = session.scalars(select(func.count()).select_from(mine.subquery())).one()
    if count >= MAX_STORED_KEYS:
        ended = mine.where(not_(is_valid())).order_by(ApiKey.id).limit(count - MAX_STORED_KEYS + 1)
        session.execute(delete(ApiKey).where(ApiKey.id.in_(session.scalars(ended).all())))


def _read(key_file: Path) -> SecretStr:
    try:
        return SecretStr(key_file.read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise NoOperator(f"The file of EPOCHAL_ADMIN_KEY_FILE cannot be read: {reason}.") from error


def _install_administrator(session: Session, key: SecretStr) -> None:
    """Make `key` the operator's, in place of the one that was installed before."""
    form = _FORM.fullmatch(key.get_secret_value())
    if form is None or form["id"] != ADMINISTRATOR:
        raise NoOperator(
            f"The file of EPOCHAL_ADMIN_KEY_FILE should hold epochal_{ADMINISTRATOR}.<secret>, the secret "
            f"{MIN_SECRET_CHARACTERS} characters or more of A-Z, a-z, 0-9, - and _ from a good source of random: "
            f'echo "epochal_{ADMINISTRATOR}.$(openssl rand -hex 32)"'
        )
    hashed = _hashed(form["secret"])
    row = session.get(ApiKey, ADMINISTRATOR)
    if row is None:
        row = ApiKey(
            id=ADMINISTRATOR, project=DEFAULT_PROJECT, name="administrator", secret_sha256="", scopes=["admin"]
        )
        session.add(row)
    if not secrets.compare_digest(row.secret_sha256, hashed):
        row.secret_sha256, row.revoked_at = hashed, None


def _operator_has_key(session: Session) -> bool:
    valid = select(ApiKey).where(ApiKey.project == DEFAULT_PROJECT, is_valid())
    return any("admin" in key.scopes for key in session.scalars(valid))


def is_valid() -> ColumnElement[bool]:
    """Neither revoked nor expired, by the database's clock."""
    return and_(ApiKey.revoked_at.is_(None), or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > DatabaseNow()))


def _hashed(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
