"""`python -m api`: the API on EPOCHAL_HOST and EPOCHAL_PORT, or on a listening socket that it is given."""

import argparse
import gc
import socket
import sys

import structlog

from api.app import create_app
from api.server import Server, configured, limited, most_connections
from api.telemetry import TelemetryUnavailable
from jobs.deployment import wait_for, warn_of_too_many
from logs import configure_logging
from models import Database, DatabaseUnavailable
from settings import Settings, read_settings

# So long may open requests take once the API is asked to stop.
GRACE_SECONDS = 5


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--fd", type=int, help="an inherited listening socket, in place of EPOCHAL_HOST and EPOCHAL_PORT"
    )
    inherited = parser.parse_args().fd
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)
    try:
        app = create_app(settings)
    except TelemetryUnavailable as error:
        sys.exit(str(error))
    _require_database(settings)
    # What is imported by now stays: a full collection that looks at all of it holds every request up.
    gc.collect()
    gc.freeze()
    config = configured(
        app, limited(most_connections()), grace_seconds=GRACE_SECONDS, host=settings.host, port=settings.port
    )
    sockets = None if inherited is None else [socket.socket(fileno=inherited)]
    Server(config).run(sockets=sockets)


def _require_database(settings: Settings) -> None:
    """Ends the program where this release cannot work with it. One that does not answer is no reason not to start, but
    where the operator's key has to be stored in it first."""
    database = Database(settings.database_url.get_secret_value(), connections=2)
    try:
        flaw = wait_for(database) if settings.keys_required else database.flaw()
        warn_of_too_many(database)
    except DatabaseUnavailable as error:
        structlog.get_logger().warning("database unavailable", **error.told)
    else:
        if flaw:
            sys.exit(flaw)
    finally:
        database.dispose()


if __name__ == "__main__":
    main()
