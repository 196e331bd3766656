"""Runs an application in this process until it is told to stop."""

import gc
import socket
import sys
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from starlette.types import ASGIApp

from api.http.server import Server, max_connections, protocol_class, uvicorn_config

# How long open requests may take after the process is told to stop.
GRACE_SECONDS = 5

# How long a thread may hold the interpreter lock while others wait for it. With the default of 5 ms, the event loop
# would wait that long whenever a thread computes. A switch takes microseconds.
SWITCH_SECONDS = 0.0001

FULL_COLLECTION_THRESHOLD = 1000


def run(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    root_path: str,
    trusted_proxies: Sequence[IPv4Network | IPv6Network],
    inherited: int | None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, on `inherited`, a file descriptor of a listening socket, or else on `host` and
    `port`."""
    sys.setswitchinterval(SWITCH_SECONDS)
    # A full garbage collection stops every thread. Freezing excludes everything imported by now. A large page has tens
    # of thousands of objects, which take 60 ms to scan; with the default threshold this happens several times a page.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], FULL_COLLECTION_THRESHOLD)
    config = uvicorn_config(
        app,
        protocol_class(max_connections(), root_path),
        grace_seconds=GRACE_SECONDS,
        host=host,
        port=port,
        trusted_proxies=trusted_proxies,
    )
    sockets = None if inherited is None else [socket.socket(fileno=inherited)]
    Server(config).run(sockets=sockets)
