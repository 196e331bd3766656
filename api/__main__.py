"""`python -m api` serves the API on EPOCHAL_HOST and EPOCHAL_PORT, or on an inherited listening socket."""

import argparse
import gc
import socket
import sys

import structlog

from access.keys import require_operator
from api.app import create_app
from api.http.server import Server, max_connections, protocol_class, uvicorn_config
from environment.startup import CannotStart, exit_with_one_line
from jobs.deployment import require_usable, warn_of_too_many
from logs import configure_logging
from models import Database, DatabaseUnavailable, log_outage
from settings import Settings, read_settings

# How long open requests may take after the API is told to stop.
GRACE_SECONDS = 5

# How long a thread may hold the interpreter lock while others wait for it. With the default of 5 ms, the event loop
# would wait that long whenever a thread computes. A switch takes microseconds.
SWITCH_SECONDS = 0.0001

FULL_COLLECTION_THRESHOLD = 1000


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--fd", type=int, help="an inherited listening socket, in place of EPOCHAL_HOST and EPOCHAL_PORT"
    )
    inherited = parser.parse_args().fd
    settings = read_settings()
    sys.setswitchinterval(SWITCH_SECONDS)
    configure_logging(settings.log_level, settings.log_format)
    with exit_with_one_line():
        app = create_app(settings)
        _check_prerequisites(settings)
    # A full garbage collection stops every thread. Freezing excludes everything imported by now. A large page has tens
    # of thousands of objects, which take 60 ms to scan; with the default threshold this happens several times a page.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], FULL_COLLECTION_THRESHOLD)
    config = uvicorn_config(
        app,
        protocol_class(max_connections(), settings.root_path),
        grace_seconds=GRACE_SECONDS,
        host=settings.host,
        port=settings.port,
        trusted_proxies=settings.trusted_proxies,
    )
    sockets = None if inherited is None else [socket.socket(fileno=inherited)]
    Server(config).run(sockets=sockets)


def _check_prerequisites(settings: Settings) -> None:
    """Check broker settings, database and the operator's key. Raises CannotStart if this release cannot work with them.

    A database that does not answer does not prevent the start, unless keys are required: the operator's key must then
    be stored first, so the start waits for the database.
    """
    if settings.redis_url is None:
        raise CannotStart("EPOCHAL_REDIS_URL is not set: the API needs the broker that the workers listen to.")
    database = Database(settings.database_url.get_secret_value(), connections=2)
    try:
        require_usable(database, wait=settings.keys_required)
        warn_of_too_many(database)
        if settings.keys_required:
            with database.session() as session:
                require_operator(session, settings.admin_key_file)
    except DatabaseUnavailable as error:
        log_outage(structlog.get_logger(), error)
    finally:
        database.dispose()


if __name__ == "__main__":
    main()
