"""`python -m serving` makes predictions, and does nothing else, on EPOCHAL_HOST and EPOCHAL_PORT. It needs the storage,
and the database, which has the models and the keys. An API whose EPOCHAL_SERVING_URL names it passes predictions on.
"""

from api.prediction_app import create_prediction_app
from api.service.program import run_program


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    run_program(__doc__, create_prediction_app)


if __name__ == "__main__":
    main()
