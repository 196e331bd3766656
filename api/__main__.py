"""`python -m api`: the API on EPOCHAL_HOST and EPOCHAL_PORT, or on a listening socket that it is given."""

import argparse
import socket

import uvicorn

from api.app import create_app
from logs import configure_logging
from settings import read_settings

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
    configure_logging(settings.log_level)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    sockets = None if inherited is None else [socket.socket(fileno=inherited)]
    uvicorn.Server(config).run(sockets=sockets)


if __name__ == "__main__":
    main()
