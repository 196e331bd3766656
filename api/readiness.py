"""Whether the service can do its work: database and broker answer."""

from api import schemas
from api.dependencies import Service
from api.errors import NotReady

PATIENCE_SECONDS = 1.0


def check(service: Service) -> schemas.Ready:
    """Raises NotReady, which says what is missing."""
    workers = service.workers_probe.ask(PATIENCE_SECONDS)
    broker = service.broker_probe.ask(PATIENCE_SECONDS)
    if workers is None or not broker:
        answers = {"database": workers is not None, "broker": bool(broker)}
        missing = [name for name, answers_now in answers.items() if not answers_now]
        states = {name: "ok" if answers_now else "unreachable" for name, answers_now in answers.items()}
        raise NotReady(missing, states | {"workers": workers})
    return schemas.Ready(workers=workers)
