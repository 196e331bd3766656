"""When a message that did not arrive is sent again."""

import random

SECOND, MINUTE, HOUR = 1.0, 60.0, 3600.0

# Between one attempt and the next, the first of them at once: about a day in all.
WAITS = (5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 6 * HOUR)

# So that the messages of an outage do not all come at one moment.
JITTER = 0.1

LONGEST_RETRY_AFTER = 6 * HOUR


def wait_after(attempts: int, retry_after: float | None = None) -> float | None:
    """Seconds from the failure of the attempt with this number, from 1, to the next; None after the last.

    A receiver may ask for more patience, but not for more attempts. One that is asked for by hand, after the last, is
    one attempt.
    """
    if attempts > len(WAITS):
        return None
    wait = WAITS[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - nothing is to be secret of it
    return max(wait, min(retry_after or 0.0, LONGEST_RETRY_AFTER))
