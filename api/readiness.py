"""Whether the service can do its work: database and broker answer."""

from api import schemas
from api.dependencies import Service
from api.errors import NotReady

PATIENCE_SECONDS = 1.0


def check(service: Service) -> schemas.Ready:
    """Raises NotReady, which says what is missing."""
    workers = service.workers_probe.ask(PATIENCE_SECONDS)
    messages = service.broker_probe.ask(PATIENCE_SECONDS)
    if workers is None or messages is None:
        answers = {"database": workers, "broker": messages}
        missing = [name for name, answer in answers.items() if answer is None]
        states = {name: "ok" if answer is not None else "unreachable" for name, answer in answers.items()}
        raise NotReady(missing, states | {"workers": workers})
    return schemas.Ready(workers=workers)
