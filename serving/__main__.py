"""`python -m serving` makes predictions, and does nothing else, on EPOCHAL_HOST and EPOCHAL_PORT. It needs the storage,
and the database, which has the models and the keys. An API whose EPOCHAL_SERVING_URL names it passes predictions on.
"""

import argparse

from api.http.running import run
from api.prediction_app import create_prediction_app
from api.service.prerequisites import check_database
from environment.startup import exit_with_one_line
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
        app = create_prediction_app(settings)
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
