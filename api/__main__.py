"""`python -m api`: the API on EPOCHAL_HOST and EPOCHAL_PORT, or on a listening socket that it is given."""

import argparse
import gc
import socket
import sys

import structlog

from access.keys import require_operator
from api.app import create_app
from api.http.server import Server, configured, limited, most_connections
from environment.startup import CannotStart, exit_with_one_line
from jobs.deployment import require_usable, warn_of_too_many
from logs import configure_logging
from models import Database, DatabaseUnavailable, log_outage
from settings import Settings, read_settings

# So long may open requests take once the API is asked to stop.
GRACE_SECONDS = 5

# So long may a thread go on while others wait to. By default it is 5 ms, which the event loop would lose again and
# again to whatever computes in a thread; a switch takes microseconds.
SWITCH_SECONDS = 0.0001

YOUNGER_COLLECTIONS_FOR_A_FULL_ONE = 1000


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
        _require_what_it_starts_with(settings)
    # A full collection stops every thread. What is imported by now stays, and so is never looked at. Of the rest, a
    # large page is tens of thousands of objects: 60 ms. By default they would be looked at several times a page.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], YOUNGER_COLLECTIONS_FOR_A_FULL_ONE)
    config = configured(
        app,
        limited(most_connections(), settings.root_path),
        grace_seconds=GRACE_SECONDS,
        host=settings.host,
        port=settings.port,
        trusted_proxies=settings.trusted_proxies,
    )
    sockets = None if inherited is None else [socket.socket(fileno=inherited)]
    Server(config).run(sockets=sockets)


def _require_what_it_starts_with(settings: Settings) -> None:
    """Raises CannotStart where this release cannot work with what is there. A database that does not answer is no
    reason not to start, but where the operator's key has to be stored in it first: that is waited for."""
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
