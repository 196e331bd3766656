"""`python -m worker.health`: exit code 0 if a worker of this host was seen lately, for a container's health check."""

import socket
import sys

from environment.startup import exit_with_one_line
from jobs import workers
from models import Database, DatabaseUnavailable
from settings import read_settings


def main() -> str | None:
    """What is wrong, or None: exit codes 1 and 0."""
    with exit_with_one_line():
        database = Database(read_settings().database_url.get_secret_value(), connections=1)
    host = socket.gethostname()[:80]
    try:
        with database.snapshot() as session:
            connected = [worker.id for worker in workers.connected(session)]
    except DatabaseUnavailable as error:
        return error.one_line
    if any(worker.startswith(f"{host}-") for worker in connected):
        return None
    return f"No worker of {host} has been seen lately."


if __name__ == "__main__":
    sys.exit(main())
