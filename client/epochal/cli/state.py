"""What the command remembers: the address and keys of services, and the last job that was submitted to each.

The files are the user's own (mode 0600) and are replaced as a whole: a reader never sees half of one.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit

from epochal.cli.failures import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT_ADDRESS = "http://127.0.0.1:8000"


def config_folder() -> Path:
    """Where settings lie: $XDG_CONFIG_HOME/epochal."""
    return _folder("XDG_CONFIG_HOME", ".config")


def state_folder() -> Path:
    """Where what was done last lies: $XDG_STATE_HOME/epochal."""
    return _folder("XDG_STATE_HOME", ".local/state")


def cache_folder() -> Path:
    """Where what may be lost lies: $XDG_CACHE_HOME/epochal."""
    return _folder("XDG_CACHE_HOME", ".cache")


def write_privately(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner alone. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = Path(os.path.realpath(path))  # a link stays one
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)  # of a process that had our number
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def canonical(address: str) -> str:
    """An address as keys are stored under it: without a login, in one spelling."""
    text = address.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return text
    if port == {"http": 80, "https": 443}.get(parts.scheme):
        port = None
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme.lower()}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


class Config:
    """The services that this user has logged in to."""

    def __init__(self, path: Path, address: str | None, keys: dict[str, str]) -> None:
        self.path = path
        self.address = address
        self.keys = keys

    def save(self) -> None:
        """Raises OSError."""
        content = {"address": self.address, "keys": self.keys}
        write_privately(self.path, json.dumps(content, indent=2) + "\n")


def read_config() -> Config:
    """Raises CommandError where the file cannot be read."""
    path = config_folder() / "config.json"
    hint = "`epochal login` writes it anew, once it is deleted."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Config(path, None, {})
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"{path} is not JSON", hint) from error
    address, keys = (content.get("address"), content.get("keys")) if isinstance(content, dict) else (0, 0)
    if not isinstance(address, str | None) or not isinstance(keys, dict) or not all(map(_is_text, keys.values())):
        raise CommandError(f"{path} is not as `epochal login` writes it", hint)
    return Config(path, address, keys)


class Target:
    """The service that a command talks to, and the key that is for it; None where there is none."""

    def __init__(self, address: str, key: str | None, source: str) -> None:
        self.address = address
        self.key = key
        self.source = source  # where the address comes from, in words


def find_target(url: str | None) -> Target:
    """By `--url`, the environment or the configuration, in this order. A key is only for the address that it was stored
    for; that of the environment is for EPOCHAL_URL, or where that is not set for whichever is in use."""
    environment, own_key = os.environ.get("EPOCHAL_URL"), os.environ.get("EPOCHAL_API_KEY")
    is_elsewhere = bool(url and environment and canonical(url) != canonical(environment))
    if own_key and (url or environment) and not is_elsewhere:
        return Target(url or environment or "", own_key, "--url" if url else "EPOCHAL_URL")
    config = read_config()
    address, source = next(
        (value, name)
        for value, name in [
            (url, "--url"),
            (environment, "EPOCHAL_URL"),
            (config.address, "epochal login"),
            (DEFAULT_ADDRESS, "the default"),
        ]
        if value
    )
    stored = config.keys.get(canonical(address))
    return Target(address, stored if is_elsewhere else own_key or stored, source)


def remember_job(address: str, job_id: str) -> None:
    """`@last` is this one from now on. That it cannot be remembered is no reason to fail: the job is submitted."""
    with contextlib.suppress(OSError):
        write_privately(_last_path(address), f"{job_id}\n")


def last_job(address: str) -> str | None:
    """The job that was submitted last to that service, from this account."""
    try:
        text = _last_path(address).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return text or None


def file_name(address: str) -> str:
    """A name for a file that is about one service."""
    return quote(canonical(address), safe="")[-200:]


def read_json(path: Path) -> Any:
    """None where there is no such file, or it is none of ours."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _last_path(address: str) -> Path:
    return state_folder() / "last" / file_name(address)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _folder(variable: str, below_home: str) -> Path:
    """As the XDG Base Directory Specification says, where a relative path does not count."""
    given = os.environ.get(variable, "")
    if given and Path(given).is_absolute():
        return Path(given) / "epochal"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "epochal" / Path(below_home).name.lstrip(".")
    return _home() / below_home / "epochal"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise CommandError("there is no home directory for the settings", "Set HOME, or XDG_CONFIG_HOME.") from error
