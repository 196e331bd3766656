"""When an attempt renews its lease, and when it gives it up.

The margins are shares of the lease. Of an outage of the database that begins right before a renewal is due, the
attempt outlives

    GIVE_UP - RENEW = 3/4 - 1/6 = 7/12

of a lease: an outage of half a lease with a twelfth to spare (2.5 s of 30), in which the database has to be asked, and
to answer. The last quarter is for the trainer to end in, before another may have the job.
"""

from time import monotonic

RENEW_AFTER = 1 / 6
GIVE_UP_AFTER = 3 / 4


class Lease:
    """One attempt's, by the monotonic clock: no other clock matters. `since` is when it was asked for."""

    def __init__(self, seconds: float, since: float | None = None) -> None:
        self.seconds = seconds
        self._renewed_at = monotonic() if since is None else since

    def renewed(self, asked_at: float) -> None:
        """It was renewed: it runs from some time after it was asked for."""
        self._renewed_at = asked_at

    def is_due(self, now: float) -> bool:
        """Whether it is time to renew it."""
        return now - self._renewed_at >= RENEW_AFTER * self.seconds

    def is_lost(self, now: float) -> bool:
        """Whether it could not be renewed for so long that others may soon have the job."""
        return now - self._renewed_at >= GIVE_UP_AFTER * self.seconds

    def has_run_out(self, now: float) -> bool:
        """Whether others may have the job."""
        return now - self._renewed_at >= self.seconds
