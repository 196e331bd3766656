"""How this deployment is set up: read from `EPOCHAL_*` variables, never a hyperparameter.

docs/operations.md lists every variable; a test holds that table and this class together.
"""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url

from environment.addresses import file_address, is_host, parse, sqlite_address
from environment.brokers import broker_of
from environment.databases import database_of, invalid_libpq_variables
from environment.export_formats import EXPORT_FORMATS, ExportFormat, export_formats
from environment.files import why_not_a_database, wrong_folder
from environment.import_roots import import_root
from environment.libraries import invalid_aws_variables, invalid_proxies
from environment.variable_names import PREFIX, is_of_kubernetes, other_names
from storage import Storage
from training.image_folders import LARGEST_IMAGE_MEGAPIXELS


def _absolute(path: Path) -> Path:
    """An absolute path, so that a child process in another folder reads the same setting."""
    try:
        os.fsencode(path).decode()
        return path.expanduser().resolve()
    except UnicodeError:
        raise ValueError("should be a path in UTF-8") from None
    except RuntimeError:
        raise ValueError("begins with ~ and no user's name behind it, or is a link that leads back to itself") from None
    except OSError as error:
        raise ValueError(f"cannot be looked at: {error.strerror}") from None


def _folder(path: Path) -> Path:
    if (reason := wrong_folder(path)) is not None:
        raise ValueError(f"{reason}: it should be one, or not be there yet")
    return path


def _database(url: SecretStr) -> SecretStr:
    database_of(url.get_secret_value())
    return url


def _broker(url: SecretStr) -> SecretStr:
    broker_of(url.get_secret_value())
    return url


def _of_a_storage(url: str) -> str:
    return Storage(url).url  # refuses what it cannot use, and looks nothing up


def _of_mlflow(uri: SecretStr) -> SecretStr:
    """Its message must not show the address, which may hold a secret."""
    try:
        address = urlsplit(uri.get_secret_value())
        is_usable = bool(address.hostname) and (address.port or 1) > 0
    except ValueError:
        is_usable = False
    if not is_usable or address.scheme not in ("http", "https") or address.query or address.fragment:
        raise ValueError("should be http://host:5000 or https://user:password@host/path, percent-encoded")
    return uri


def _host(host: str) -> str:
    if not is_host(host):
        raise ValueError("should be an IP address, without brackets, or a host's name")
    return host


def _networks(value: str | Sequence[str]) -> Sequence[IPv4Network | IPv6Network]:
    """Separated by commas."""
    parts = value.split(",") if isinstance(value, str) else value
    try:
        return tuple(ip_network(part.strip() if isinstance(part, str) else part) for part in parts)
    except ValueError:
        raise ValueError("should be networks like 10.0.0.0/8 or fd00::/8, with commas between them") from None


def _import_roots(value: str | Sequence[str]) -> Sequence[str]:
    """Separated by commas."""
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(import_root(part.strip()) for part in parts)


# First parts of the API's own paths. A root path that begins with one would be ambiguous.
_OUR_OWN = ("v1", "v2", "docs", "openapi.json", "livez", "readyz", "metrics", "problems")


def _of_a_proxy(path: str) -> str:
    """A path without a slash at its end."""
    path = path.rstrip("/")
    if path and not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){1,8}", path):
        raise ValueError("should be a path such as /epochal, of letters, digits and . _ ~ -")
    if path.split("/")[1:2] and path.split("/")[1] in _OUR_OWN:
        raise ValueError(f"should not begin with /{path.split('/')[1]}, which is an address of the API")
    return path


def _of_serving(url: str) -> str:
    """An address without a slash at its end."""
    if not url:
        return url
    examples = {"http": "http://serving:8000", "https": "https://serving.lab.example"}
    address = parse(url, schemes=examples)
    if address.user is not None or address.path.strip("/") or not address.host:
        raise ValueError("should be http://host:port, without a user, a password or a path")
    address.only()
    return url.rstrip("/")


ServingUrl = Annotated[str, AfterValidator(_of_serving)]
RootPath = Annotated[str, AfterValidator(_of_a_proxy)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]
ImportRoots = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_import_roots)]
ExportFormats = Annotated[tuple[ExportFormat, ...], NoDecode, BeforeValidator(export_formats)]
Host = Annotated[str, AfterValidator(_host)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Folder = Annotated[AbsolutePath, AfterValidator(_folder)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]
RedisUrl = Annotated[SecretStr, AfterValidator(_broker)]
MlflowUri = Annotated[SecretStr, AfterValidator(_of_mlflow)]
StorageUrl = Annotated[str, AfterValidator(_of_a_storage)]


def _in_data_dir(name: str) -> Any:
    return lambda fields: fields["data_dir"] / name


class Settings(BaseSettings):
    """One deployment's settings. Without any, everything runs on this machine under `./data`."""

    model_config = SettingsConfigDict(
        env_prefix="EPOCHAL_", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    host: Host = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8000, ge=0, le=65_535, description="Port of the API; 0 picks a free one.")
    root_path: RootPath = Field(
        default="",
        description="Path below which a proxy shows the API, such as `/epochal`, whether it takes it away or not.",
    )
    require_keys: bool = Field(
        default=False, description="Whether clients need an API key on the loopback, too. Elsewhere they always do."
    )
    admin_key_file: AbsolutePath | None = Field(
        default=None,
        description="File that holds the operator's API key, `epochal_admin.<secret>`, the secret 32 characters or "
        "more of A-Z, a-z, 0-9, - and _. Another key in it replaces the one before.",
    )
    rate_limit: int = Field(default=30_000, ge=1, description="Requests a minute that one API key may make.")
    trusted_proxies: Networks = Field(
        default=(IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        description="Networks whose X-Forwarded-For says which client asks, as `10.0.0.0/8,192.168.7.0/24`. "
        "Anybody else's is ignored.",
    )
    webhook_networks: Networks = Field(
        default=(),
        description="Networks that webhooks may reach beside the public Internet, as `10.0.0.0/8,192.168.7.0/24`. "
        "In these, http will do.",
    )
    serving_url: ServingUrl = Field(
        default="",
        description="Where `python -m serving` makes predictions, as `http://serving:8000`: the API passes these "
        "requests on. By default it makes them itself.",
    )
    serving_memory_bytes: int = Field(
        default=512 * 2**20,
        ge=64 * 2**20,
        le=2**50,
        description="What the models that are loaded for predictions may take of the memory of the process that makes "
        "them, in bytes; twice the size of a model's `model.onnx` counts. Running a batch takes up to 256 MiB besides.",
    )
    serving_threads: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Threads that compute predictions. By default as many as there are cores, less one.",
    )
    data_dir: Folder = Field(
        default=Path("data"),
        validate_default=True,
        description="Where this machine keeps its database, broker, storage, downloads and logs.",
    )
    datasets_dir: Folder = Field(
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
    downloads_dir: Folder = Field(
        default_factory=_in_data_dir("downloads"),
        description="Where downloaded data sets are kept. By default `downloads` in EPOCHAL_DATA_DIR.",
    )
    database_url: DatabaseUrl = Field(
        default_factory=lambda fields: SecretStr(sqlite_address(fields["data_dir"] / "epochal.db")),
        description="`postgresql://user:password@host/name` or `sqlite:////absolute/path`. "
        "By default `epochal.db` in EPOCHAL_DATA_DIR.",
    )
    storage_url: StorageUrl = Field(
        default_factory=lambda fields: file_address(fields["data_dir"] / "storage"),
        description="Checkpoints, weights and uploaded data sets: `file:///a/folder` that API and workers share, or "
        "`s3://bucket/prefix`, reached as the AWS_* variables say. By default `storage` in EPOCHAL_DATA_DIR.",
    )
    import_roots: ImportRoots = Field(
        default=(),
        description="Folders and S3 prefixes from which data sets may be imported, as "
        "`file:///srv/images,s3://bucket/prefix`. Whoever has a key may read images there.",
    )
    max_upload_bytes: int = Field(
        default=16 * 2**30,
        ge=2**20,
        le=2**50,
        description="Largest file that can be uploaded as a data set, in bytes.",
    )
    max_model_bytes: int = Field(
        default=2 * 2**30,
        ge=2**20,
        le=2**40,
        description="Largest file of weights that can be brought as a trained model, in bytes.",
    )
    export_formats: ExportFormats = Field(
        default=("onnx", "python"),
        validate_default=False,
        description="Formats to which a worker exports each trained model by itself, as `onnx,int8`: some of "
        f"{', '.join(EXPORT_FORMATS)}; or `none`. Others are made on request.",
    )
    mlflow_tracking_uri: MlflowUri | None = Field(
        default=None,
        description="MLflow tracking server that jobs are exported to on request, as `https://user:password@host`. By "
        "default there is none.",
    )
    redis_url: RedisUrl | None = Field(
        default=None,
        description="`redis://:password@host:6379/0`, or `rediss://…`, whose certificate is verified. By default "
        "`make up` starts a broker of its own.",
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

    @model_validator(mode="before")
    @classmethod
    def _without_what_kubernetes_sets(cls, values: Any) -> Any:
        """A service called `epochal` makes Kubernetes set EPOCHAL_PORT=tcp://10.0.0.1:8000 in every container."""
        if not isinstance(values, dict):
            return values
        return {
            name: value for name, value in values.items() if not is_of_kubernetes(PREFIX + name.upper(), str(value))
        }

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
    """The settings that the environment holds. Ends the program with a line for each wrong variable, before anything is
    started, connected to or written. A variable that may belong to another program is reported and ignored."""
    names = other_names(os.environ, [f"{PREFIX}{name.upper()}" for name in Settings.model_fields])
    wrong = [f"{name} is no setting: did you mean {meant}?" for name, meant in names.misspelt.items()]
    try:
        settings = Settings()
        wrong += [f"{name}: {what}." for name, what in _unusable(settings)]
    except ValidationError as error:
        # A default that needs a wrong setting cannot be made: the wrong setting is reported itself.
        told = (item for item in error.errors() if item["type"] != "default_factory_not_called")
        wrong += [f"{PREFIX}{str(item['loc'][0]).upper()}: {_said(item)}." for item in told]
    if wrong:
        sys.exit("\n".join(wrong))
    for name in names.unknown:
        sys.stderr.write(f"{name} is no setting, and is ignored: docs/operations.md lists them.\n")
    return settings


def _said(item: Any) -> str:
    """An error of ours, or pydantic's own text; neither has the value."""
    error = item.get("ctx", {}).get("error")
    return str(error) if isinstance(error, ValueError) else str(item["msg"])


def _unusable(settings: Settings) -> Iterator[tuple[str, str]]:
    """Settings that are well-formed and cannot be used, as far as this machine can tell without connecting."""
    url = settings.database_url.get_secret_value()
    database = make_url(url)
    if database.get_backend_name() == "sqlite":
        reason = why_not_a_database(Path(database.database or ""))
        if reason is not None:
            given = "database_url" in settings.model_fields_set
            yield f"{PREFIX}{'DATABASE_URL' if given else 'DATA_DIR'}", f"the database cannot be used: {reason}"
    yield from invalid_libpq_variables(url)
    yield from invalid_proxies()
    if settings.storage_url.startswith("s3://"):
        yield from invalid_aws_variables()
