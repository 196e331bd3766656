"""How many messages a process sends at once, and to whom: a receiver that is slow or dead holds up nobody else, and a
project that has many of them holds up no other project.

Of what is free, a project takes a part only, and the less is free, the smaller it is: whoever comes next finds a slot.
"""

from collections import Counter

MAX_SENDING = 64
MAX_PER_WEBHOOK = 4  # to a receiver that answers promptly; to any other one at a time
MAX_UNPROVEN = 48  # to all receivers that are slow, dead or new together
SHARE = 4  # a project may have more under way only while that is less than this part of what is free


class Slots:
    """Not safe between threads; its user has a lock. What is known of receivers is this process's own experience."""

    def __init__(self) -> None:
        self._busy: Counter[str] = Counter()
        self._prompt: set[str] = set()
        self._projects: dict[str, str] = {}  # of the webhooks that are busy

    def available(self, webhook_id: str, project: str) -> int:
        """How many more may be sent to this webhook now. More than one only where its receiver answers promptly."""
        prompt = webhook_id in self._prompt
        limit = MAX_PER_WEBHOOK if prompt else 1
        free = MAX_SENDING - self._busy.total()
        if not prompt:
            free = min(free, MAX_UNPROVEN - self._under_way(prompt=False))
        part = (free + SHARE - 1) // SHARE - self._under_way(project, prompt=prompt)
        return max(0, min(free, limit - self._busy[webhook_id], part))

    def busy(self, project: str) -> int:
        """How many messages of this project are being sent."""
        return sum(count for busy, count in self._busy.items() if self._projects[busy] == project)

    def acquire(self, webhook_id: str, project: str, count: int) -> None:
        """So many are being sent."""
        if not count:
            return
        self._busy[webhook_id] += count
        self._projects[webhook_id] = project

    def release(self, webhook_id: str, *, promptly: bool) -> None:
        """One has been sent; whether it arrived, and promptly."""
        self._busy[webhook_id] -= 1
        if not self._busy[webhook_id]:
            del self._busy[webhook_id], self._projects[webhook_id]
        (self._prompt.add if promptly else self._prompt.discard)(webhook_id)

    def copy(self) -> "Slots":
        """To plan with."""
        other = Slots()
        other._busy, other._prompt = self._busy.copy(), self._prompt.copy()
        other._projects = self._projects.copy()
        return other

    def idle(self) -> bool:
        """Whether nothing is being sent."""
        return not self._busy.total()

    def _under_way(self, project: str | None = None, *, prompt: bool) -> int:
        """To receivers that are known to be prompt, or to the others; of a project, or of all."""
        return sum(
            count
            for busy, count in self._busy.items()
            if (busy in self._prompt) == prompt and project in (None, self._projects[busy])
        )
