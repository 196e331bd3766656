"""How a worker learns that there is work: through messages on the broker.

A message is only a hint. It carries the id of the job for which it was sent, but a worker that takes it claims the
first job of the queue that it fits, and only the claim in the database gives it the job. So lost, repeated and
reordered messages lose, repeat and corrupt no job.

The sender does not know which workers the job fits. Its message goes to a queue that all workers read, and wakes one of
them. If the job does not fit that worker, it forwards the message to the queues of the kinds of workers that it fits.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Literal, Protocol

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from pydantic import SecretStr
from redis import RedisError
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from environment.brokers import broker_of, clear_celery_variables

QUEUE = "epochal"
RUN_JOB = "epochal.run_job"
RUN_FORWARDED = "epochal.run_passed_on"  # sent to the queue of one kind of workers

# How long an API route waits for a broker that does not answer. Workers poll as well.
BROKER_TIMEOUT_SECONDS = 2.0

BROKER_SETTINGS: dict[str, Any] = {
    "accept_content": ["json"],
    "broker_connection_timeout": BROKER_TIMEOUT_SECONDS,
    "broker_transport_options": {"socket_connect_timeout": BROKER_TIMEOUT_SECONDS},
    "result_backend": None,
    "task_default_queue": QUEUE,
    "task_ignore_result": True,
    "task_serializer": "json",
}

# Written to see whether anything can be.
WRITTEN, WRITTEN_FOR_SECONDS = f"{QUEUE}.written", 60

# read_only: it answers, and takes no message: its memory or disk is full, or it is a replica.
BrokerState = Literal["ok", "unreachable", "read_only", "refused"]

log = structlog.get_logger()


def connected_to(redis_url: SecretStr, name: str, *, set_as_current: bool = True) -> Celery:
    """A Celery application on the broker of EPOCHAL_REDIS_URL, whose certificate is verified where it has one."""
    clear_celery_variables()
    broker = broker_of(redis_url.get_secret_value())
    app = Celery(name, broker=broker.url, set_as_current=set_as_current)
    app.conf.update(BROKER_SETTINGS)
    if broker.tls is not None:
        app.conf.update(broker_use_ssl=dict(broker.tls))
    return app


def queue_of(devices: Sequence[str]) -> str:
    """The queue of workers with exactly these devices, by name. They read it beside the queue of all workers."""
    names = "\n".join(sorted(name.lower() for name in devices))
    return f"{QUEUE}.{sha256(names.encode()).hexdigest()[:16]}"


class TrainingQueue(Protocol):
    """Sends messages to workers."""

    def send(self, job_id: str) -> bool:
        """Wake a worker. False where the broker takes no message: a worker finds the job when it polls."""

    def state(self) -> BrokerState:
        """Whether the broker answers and takes messages."""


class ForwardingQueue(TrainingQueue, Protocol):
    """Sends messages from worker to worker, too."""

    def forward(self, job_id: str, devices: Sequence[str], times: int) -> bool:
        """Wake a worker with these devices. `times`: how often the message was forwarded. False as with `send`."""


class CeleryQueue:
    """Sends by task name, so that a sender needs none of the worker's code."""

    def __init__(self, redis_url: SecretStr) -> None:
        self._celery = connected_to(redis_url, "epochal", set_as_current=False)
        # A broker that accepts a connection and never answers must not block a sender.
        patience = {"socket_connect_timeout": BROKER_TIMEOUT_SECONDS, "socket_timeout": BROKER_TIMEOUT_SECONDS}
        self._celery.conf.update(broker_transport_options=patience)

    def send(self, job_id: str) -> bool:
        """One message with the job's id."""
        return self._send(job_id, RUN_JOB, (job_id,), QUEUE)

    def forward(self, job_id: str, devices: Sequence[str], times: int) -> bool:
        """One message to workers of one kind."""
        return self._send(job_id, RUN_FORWARDED, (job_id, times), queue_of(devices))

    def _send(self, job_id: str, task: str, arguments: tuple[str | int, ...], queue: str) -> bool:
        try:
            self._celery.send_task(task, arguments, queue=queue, retry=False)
        except OperationalError as error:
            log.warning("message not sent", reason=_state_after(error), job_id=job_id, error=str(error))
            return False
        return True

    def state(self) -> BrokerState:
        """By a write: a broker whose memory is full, or that has become a replica, answers every ping."""
        # Not through the connection itself, which would try again for two seconds, whatever the error is.
        transport = self._celery.connection_for_write().transport
        try:
            transport.establish_connection()
            transport.create_channel(transport).client.set(WRITTEN, "", ex=WRITTEN_FOR_SECONDS)
        except (OperationalError, RedisError, OSError) as error:
            state = _state_after(error)
            log.warning("broker takes no messages", reason=state, error=str(error))
            return state
        finally:
            transport.close_connection(transport)
        return "ok"


def _state_after(error: BaseException) -> BrokerState:
    cause = error.__cause__ if isinstance(error, OperationalError) else error
    if isinstance(cause, AuthenticationError | NoPermissionError):
        return "refused"
    return "read_only" if isinstance(cause, ResponseError) else "unreachable"
