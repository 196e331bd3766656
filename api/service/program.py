"""What the programs have in common that answer requests: `python -m api` and `python -m serving`."""

import argparse
from collections.abc import Callable

from starlette.types import ASGIApp

from api.http.running import run
from api.service.prerequisites import check_database
from environment.startup import exit_with_one_line
from logs import configure_logging
from settings import Settings, read_settings


def run_program(description: str | None, create: Callable[[Settings], ASGIApp]) -> None:
    """Serve what `create` makes of the settings, until SIGTERM or Ctrl-C. Where it cannot start, it ends with one
    line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--fd", type=int, help="an inherited listening socket, in place of EPOCHAL_HOST and EPOCHAL_PORT"
    )
    inherited = parser.parse_args().fd
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)
    with exit_with_one_line():
        app = create(settings)
        check_database(settings)
    run(
        app,
        host=settings.host,
        port=settings.port,
        root_path=settings.root_path,
        trusted_proxies=settings.trusted_proxies,
        inherited=inherited,
    )
