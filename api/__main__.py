"""`python -m api`: the API on EPOCHAL_HOST and EPOCHAL_PORT, or on a listening socket that it is given."""

import argparse
import gc
import socket
import sys

from api.app import create_app
from api.server import Server, configured, limited, most_connections
from api.telemetry import TelemetryUnavailable
from logs import configure_logging
from settings import read_settings

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
    try:
        app = create_app(settings)
    except TelemetryUnavailable as error:
        sys.exit(str(error))
    # What is imported by now stays: a full collection that looks at all of it holds every request up.
    gc.collect()
    gc.freeze()
    config = configured(
        app,
        limited(most_connections()),
        grace_seconds=GRACE_SECONDS,
        host=settings.host,
        port=settings.port,
        trusted_proxies=settings.trusted_proxies,
    )
    sockets = None if inherited is None else [socket.socket(fileno=inherited)]
    Server(config).run(sockets=sockets)


if __name__ == "__main__":
    main()
