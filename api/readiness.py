"""Whether the service can do its work: database and broker answer, and a worker is connected."""

from api import schemas
from api.dependencies import Service
from api.errors import NotReady

PATIENCE_SECONDS = 1.0
FRESH_SECONDS = 0.25  # so long an answer serves whoever else asks: nobody makes the database work by asking often


async def check(service: Service) -> schemas.Ready:
    """Raises NotReady, which says what is missing."""
    workers = await service.workers_probe.hear(PATIENCE_SECONDS, FRESH_SECONDS)  # only the database knows
    broker = await service.broker_probe.hear(PATIENCE_SECONDS, FRESH_SECONDS)
    missing = []
    if workers is None:
        missing.append("database")
    if not broker:
        missing.append("broker")
    if workers == 0:
        missing.append("any worker")
    if not workers or not broker:
        states = {"database": _state(workers is not None), "broker": _state(bool(broker)), "workers": workers}
        raise NotReady(missing, states)
    return schemas.Ready(workers=workers)


def _state(answers: bool) -> str:  # noqa: FBT001  # there is one answer
    return "ok" if answers else "unreachable"
