"""How many messages a process sends at once, and to whom: a receiver that is slow or dead holds up nobody else."""

from collections import Counter

MOST = 32
MOST_OF_ONE = 4  # to a receiver that answers promptly; to any other one at a time
MOST_UNPROVEN = MOST // 2  # to all receivers that are slow, dead or new together


class Slots:
    """Not safe between threads; its user has a lock. What is known of receivers is this process's own experience."""

    def __init__(self) -> None:
        self._busy: Counter[str] = Counter()
        self._prompt: set[str] = set()

    def room(self, webhook_id: str) -> int:
        """How many more may be sent to this webhook now."""
        free = MOST - self._busy.total()
        if webhook_id in self._prompt:
            return max(0, min(free, MOST_OF_ONE - self._busy[webhook_id]))
        unproven = sum(count for busy, count in self._busy.items() if busy not in self._prompt)
        return max(0, min(free, 1 - self._busy[webhook_id], MOST_UNPROVEN - unproven))

    def take(self, webhook_id: str, count: int) -> None:
        """So many are being sent."""
        self._busy[webhook_id] += count

    def free(self, webhook_id: str, *, promptly: bool) -> None:
        """One has been sent; whether it arrived, and promptly."""
        self._busy[webhook_id] -= 1
        self._busy += Counter()  # forgets those with none
        (self._prompt.add if promptly else self._prompt.discard)(webhook_id)

    def copy(self) -> "Slots":
        """To plan with."""
        other = Slots()
        other._busy, other._prompt = self._busy.copy(), self._prompt.copy()
        return other

    def idle(self) -> bool:
        """Whether nothing is being sent."""
        return not self._busy.total()
