"""What must hold before a process of ours that answers requests may start."""

import structlog

from access.keys import require_operator
from jobs.deployment import require_usable, warn_of_too_many
from models import Database, DatabaseUnavailable, log_outage
from settings import Settings


def check_database(settings: Settings) -> None:
    """Check the database and the operator's key. Raises CannotStart if this release cannot work with them.

    A database that does not answer does not prevent the start, unless keys are required: the operator's key must then
    be stored first, so the start waits for the database.
    """
    database = Database(settings.database_url.get_secret_value(), connections=2)
    try:
        require_usable(database, wait=settings.keys_required)
        warn_of_too_many(database)
        if settings.keys_required:
            with database.session() as session:
                require_operator(session, settings.admin_key_file)
    except DatabaseUnavailable as error:
        log_outage(structlog.get_logger(), error)
    finally:
        database.dispose()
