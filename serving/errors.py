"""Why there is no prediction. None of these knows HTTP.

PredictionError
├── Busy
├── Closed
├── ModelUnavailable
└── ModelUnusable
"""


class PredictionError(Exception):
    """A request as a whole is not answered."""


class Busy(PredictionError):
    """So many pictures wait that no more are taken."""


class Closed(PredictionError):
    """The predictor has ended."""

    def __init__(self) -> None:
        super().__init__("Predictions have ended here.")


class ModelUnavailable(PredictionError):
    """The model's file cannot be read now. Another try may."""


class ModelUnusable(PredictionError):
    """The model's file cannot be used: it is damaged, too large, or not what it should be."""
