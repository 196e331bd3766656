"""`python -m api` serves the API on EPOCHAL_HOST and EPOCHAL_PORT, or on an inherited listening socket."""

import argparse

from api.app import create_app
from api.http.running import run
from api.service.prerequisites import check_database
from environment.startup import CannotStart, exit_with_one_line
from logs import configure_logging
from settings import read_settings


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--fd", type=int, help="an inherited listening socket, in place of EPOCHAL_HOST and EPOCHAL_PORT"
    )
    inherited = parser.parse_args().fd
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)
    with exit_with_one_line():
        app = create_app(settings)
        if settings.redis_url is None:
            raise CannotStart("EPOCHAL_REDIS_URL is not set: the API needs the broker that the workers listen to.")
        check_database(settings)
    run(
        app,
        host=settings.host,
        port=settings.port,
        root_path=settings.root_path,
        trusted_proxies=settings.trusted_proxies,
        inherited=inherited,
    )


if __name__ == "__main__":
    main()
