"""`python -m api`: the API on EPOCHAL_HOST and EPOCHAL_PORT, or on a listening socket that it is given."""

import argparse
import gc
import socket
import sys

from access.keys import require_operator
from api.app import create_app
from api.server import Server, configured, limited, most_connections
from environment.startup import CannotStart, told_in_one_line
from logs import configure_logging
from models import Database
from models.answering import expecting_tables, require_answer
from settings import Settings, read_settings

# So long may open requests take once the API is asked to stop.
GRACE_SECONDS = 5

# So long may a thread go on while others wait to. By default it is 5 ms, which the event loop would lose again and
# again to whatever computes in a thread; a switch takes microseconds.
SWITCH_SECONDS = 0.0005


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
    with told_in_one_line():
        app = create_app(settings)
        _require_what_it_starts_with(settings)
    # What is imported by now stays: a full collection that looks at all of it holds every request up.
    gc.collect()
    gc.freeze()
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
    """Raises CannotStart. A server that does not answer now is waited for, except where keys have to be looked up."""
    if settings.redis_url is None:
        raise CannotStart("EPOCHAL_REDIS_URL is not set: the API needs the broker that the workers listen to.")
    database = Database(settings.database_url.get_secret_value(), pool_size=1)
    if settings.keys_required or database.engine.dialect.name == "sqlite":
        require_answer(database)
    if settings.keys_required:
        with expecting_tables(), database.session() as session:
            require_operator(session, settings.admin_key_file)
    database.dispose()


if __name__ == "__main__":
    main()
