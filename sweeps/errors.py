"""What can go wrong with a sweep. None of these knows HTTP; a docstring's first line is the message.

SweepError
├── SweepNotFound
├── SweepFinished
├── SweepNotFinished
├── ExperimentNotFound
└── NoExperiment
"""


class SweepError(Exception):
    """Something that a sweep does not allow."""


class SweepNotFound(SweepError):
    """There is no sweep with this id."""

    def __init__(self, sweep_id: str) -> None:
        super().__init__(f"There is no sweep {sweep_id!r}.")


class SweepFinished(SweepError):
    """All of its jobs have ended."""

    def __init__(self, sweep_id: str, status: str) -> None:
        super().__init__(f"Sweep {sweep_id} is {status}: there is nothing left to cancel.")
        self.status = status


class SweepNotFinished(SweepError):
    """Some of its jobs have not ended."""

    def __init__(self, sweep_id: str, status: str, unfinished: int) -> None:
        told = "1 of its jobs has" if unfinished == 1 else f"{unfinished} of its jobs have"
        super().__init__(f"Sweep {sweep_id} is {status}: {told} not ended. Cancel it first, or wait.")
        self.status = status


class ExperimentNotFound(SweepError):
    """There is no experiment of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no experiment {name!r}. GET /v1/experiments lists them.")


class NoExperiment(SweepError):
    """The sweep answers no question of an experiment."""

    def __init__(self, sweep_id: str) -> None:
        super().__init__(
            f"Sweep {sweep_id} is a search of your own: only the sweep of an experiment has an answer in words. "
            "Its trials have the numbers."
        )
