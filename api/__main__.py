"""`python -m api` serves the API on EPOCHAL_HOST and EPOCHAL_PORT, or on an inherited listening socket."""

from fastapi import FastAPI

from api.app import create_app
from api.service.program import run_program
from environment.startup import CannotStart
from settings import Settings


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    run_program(__doc__, _create)


def _create(settings: Settings) -> FastAPI:
    app = create_app(settings)
    if settings.redis_url is None:
        raise CannotStart("EPOCHAL_REDIS_URL is not set: the API needs the broker that the workers listen to.")
    return app


if __name__ == "__main__":
    main()
