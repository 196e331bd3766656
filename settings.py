"""How this deployment is set up: read from `EPOCHAL_*` variables, never a hyperparameter.

The README lists every variable; a test holds that table and this class together.
"""

import os
import sys
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from storage import Storage
from training.image_folders import LARGEST_IMAGE_MEGAPIXELS


def _absolute(path: Path) -> Path:
    """So that a child process in another folder means the same."""
    return path.expanduser().resolve()


def _one_of(*beginnings: str) -> AfterValidator:
    def check(url: SecretStr) -> SecretStr:
        value = url.get_secret_value()
        if not any(value.startswith(beginning) and value != beginning for beginning in beginnings):
            raise ValueError(f"should be an address that begins with {' or '.join(beginnings)}")
        return url

    return AfterValidator(check)


def _of_a_storage(url: str) -> str:
    return Storage(url).url  # refuses what it cannot use, and looks nothing up


def _networks(value: str | Sequence[str]) -> Sequence[IPv4Network | IPv6Network]:
    """Separated by commas."""
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(ip_network(part.strip() if isinstance(part, str) else part) for part in parts)


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
DatabaseUrl = Annotated[SecretStr, _one_of("sqlite:///", "postgresql://", "postgresql+psycopg://")]
RedisUrl = Annotated[SecretStr, _one_of("redis://", "rediss://", "redis+socket://")]
StorageUrl = Annotated[str, AfterValidator(_of_a_storage)]


def _in_data_dir(name: str) -> Any:
    return lambda fields: fields["data_dir"] / name


class Settings(BaseSettings):
    """One deployment's settings. Without any, everything runs on this machine under `./data`."""

    model_config = SettingsConfigDict(
        env_prefix="EPOCHAL_", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8000, ge=0, le=65_535, description="Port of the API; 0 picks a free one.")
    require_keys: bool = Field(
        default=False, description="Whether clients need an API key on the loopback, too. Elsewhere they always do."
    )
    admin_key_file: AbsolutePath | None = Field(
        default=None,
        description="File that holds the operator's API key, `epochal_admin.<secret>`, the secret 32 characters or "
        "more of A-Z, a-z, 0-9, - and _. Another key in it replaces the one before.",
    )
    rate_limit: int = Field(default=30_000, ge=1, description="Requests a minute that one API key may make.")
    webhook_networks: Networks = Field(
        default=(),
        description="Networks that webhooks may reach beside the public Internet, as `10.0.0.0/8,192.168.7.0/24`. "
        "In these, http will do.",
    )
    data_dir: AbsolutePath = Field(
        default=Path("data"),
        validate_default=True,
        description="Where this machine keeps its database, broker, storage, downloads and logs.",
    )
    datasets_dir: AbsolutePath = Field(
        default_factory=_in_data_dir("datasets"),
        description="Image folders, `<name>/{train,test}/<class>/*`. By default `datasets` in EPOCHAL_DATA_DIR.",
    )
    check_datasets: bool = Field(
        default=True,
        description="Whether the API looks for a job's data set in its own EPOCHAL_DATASETS_DIR, and refuses a job "
        "whose data set it does not see. `false` where the image folders are on the workers' machines alone.",
    )
    largest_image_megapixels: int = Field(
        default=LARGEST_IMAGE_MEGAPIXELS,
        ge=1,
        le=2000,
        description="An image of more counts as broken. While it is decoded, one that is not a JPEG takes 4 MB of a "
        "worker's memory a megapixel, and twice as much where it is transparent.",
    )
    downloads_dir: AbsolutePath = Field(
        default_factory=_in_data_dir("downloads"),
        description="Where downloaded data sets are kept. By default `downloads` in EPOCHAL_DATA_DIR.",
    )
    database_url: DatabaseUrl = Field(
        default_factory=lambda fields: SecretStr(f"sqlite:///{fields['data_dir'] / 'epochal.db'}"),
        description="`postgresql://user:password@host/name` or `sqlite:////absolute/path`. "
        "By default `epochal.db` in EPOCHAL_DATA_DIR.",
    )
    storage_url: StorageUrl = Field(
        default_factory=lambda fields: f"file://{fields['data_dir'] / 'storage'}",
        description="Checkpoints and weights: `file:///a/folder` that API and workers share, or `s3://bucket/prefix`, "
        "reached as the AWS_* variables say. By default `storage` in EPOCHAL_DATA_DIR.",
    )
    redis_url: RedisUrl | None = Field(
        default=None,
        description="`redis://:password@host:6379/0`. By default `make up` starts a broker of its own.",
    )
    worker_slots: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Jobs that a worker runs at once. By default one an accelerator, or one.",
    )
    lease_seconds: float = Field(
        default=30, ge=2, le=3600, description="A worker not heard of for so long has lost its jobs."
    )
    stall_seconds: float = Field(
        default=900,
        ge=5,
        le=86_400,
        description="A trainer without progress for so long is ended, and its job tried again.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe line of the service's own log."
    )
    log_format: Literal["logfmt", "json"] = Field(
        default="logfmt", description="Form of a line of the log: `key=value` pairs, or a JSON object."
    )

    @property
    def keys_required(self) -> bool:
        """Whether every client must show a key. On the loopback it need not: whoever gets there is on the machine."""
        return self.require_keys or not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether `host` is one that other machines cannot reach."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def read_settings() -> Settings:
    """The environment's settings. Ends the program with a line for each variable that is wrong, or that is none."""
    known = [f"EPOCHAL_{name.upper()}" for name in Settings.model_fields]
    wrong = []
    for name in os.environ:
        if name.upper().startswith("EPOCHAL_") and name.upper() not in known:
            meant = get_close_matches(name.upper(), known, 1)
            wrong.append(f"{name} is no setting: {f'did you mean {meant[0]}?' if meant else 'the README lists them.'}")
    try:
        settings = Settings()
    except ValidationError as error:
        # What a default needed and did not get is wrong by itself, and said there.
        told = (item for item in error.errors() if item["type"] != "default_factory_not_called")
        wrong += [f"EPOCHAL_{str(item['loc'][0]).upper()}: {item['msg']}." for item in told]
    if wrong:
        sys.exit("\n".join(wrong))
    return settings


def service_version() -> str:
    """Of the release that runs."""
    try:
        return version("epochal")
    except PackageNotFoundError:  # run from its sources
        project = tomllib.loads((Path(__file__).parent / "pyproject.toml").read_text())
        return str(project["project"]["version"])
