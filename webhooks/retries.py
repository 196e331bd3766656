"""When a message that did not arrive is sent again."""

import random

SECOND, MINUTE, HOUR = 1.0, 60.0, 3600.0

# Waits between attempts; the first attempt is made at once. Together they take about a day.
WAITS = (5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 6 * HOUR)

# Spreads the retries, so that after an outage not all messages arrive at the same moment.
JITTER = 0.1

LONGEST_RETRY_AFTER = 6 * HOUR


def wait_after(attempts: int, retry_after: float | None = None) -> float | None:
    """Seconds from the failure of attempt number `attempts`, from 1, to the next one. None if there is no next one.

    A receiver may ask to wait longer, but not for more attempts. A redelivery after the last attempt is a single
    attempt.
    """
    if attempts > len(WAITS):
        return None
    wait = WAITS[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - it need not be unpredictable
    return max(wait, min(retry_after or 0.0, LONGEST_RETRY_AFTER))
