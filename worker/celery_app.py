"""The worker's side of Celery: how messages are taken. Torch-free."""

from typing import Any

from celery import Celery
from pydantic import SecretStr

from jobs.delivery import connected_to

# Acknowledged as soon as they are taken: a late acknowledgement is what starts a long task twice, when the broker's
# visibility timeout passes or its connection drops. What a lost worker had is recovered from its lease in the
# database instead.
WORKER_SETTINGS: dict[str, Any] = {
    "broker_connection_max_retries": None,
    "broker_connection_retry_on_startup": True,
    "task_acks_late": False,
    "worker_disable_prefetch": True,  # a message taken early would wait behind a long job while other workers idle
    "worker_enable_remote_control": False,  # nothing is revoked through Celery, and its channel costs idle time
    "worker_hijack_root_logger": False,
    "worker_prefetch_multiplier": 1,
    "worker_send_task_events": False,
}


def create_celery(redis_url: SecretStr) -> Celery:
    """An application that takes messages as reliability demands."""
    app = connected_to(redis_url, "epochal")
    app.conf.update(WORKER_SETTINGS)
    return app
