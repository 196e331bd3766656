"""When an attempt renews its lease, and when it gives the lease up.

Both times are shares of the lease. In the worst case an outage of the database begins right before a renewal is due.
The attempt survives the outage if it ends within

    GIVE_UP_AFTER - RENEW_AFTER = 3/4 - 1/6 = 7/12

of the lease. That is half a lease, and a twelfth (2.5 s of 30) for the renewal itself. The last quarter of the lease is
for killing the trainer: it must be gone before another worker can claim the job.
"""

from time import monotonic

RENEW_AFTER = 1 / 6
GIVE_UP_AFTER = 3 / 4


class Lease:
    """One attempt's lease, by this process's monotonic clock. `since` is when the claim was sent to the database."""

    def __init__(self, seconds: float, since: float | None = None) -> None:
        self.seconds = seconds
        self._renewed_at = monotonic() if since is None else since

    def renewed(self, asked_at: float) -> None:
        """The renewal that was sent at `asked_at` has succeeded. The database's own lease began later than that: this
        one is never the longer."""
        self._renewed_at = asked_at

    def is_due(self, now: float) -> bool:
        """Whether it is time to renew it."""
        return now - self._renewed_at >= RENEW_AFTER * self.seconds

    def is_lost(self, now: float) -> bool:
        """Whether to give up: another worker may soon claim the job."""
        return now - self._renewed_at >= GIVE_UP_AFTER * self.seconds

    def has_run_out(self, now: float) -> bool:
        """Whether another worker may claim the job."""
        return now - self._renewed_at >= self.seconds
