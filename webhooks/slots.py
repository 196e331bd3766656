"""How many messages a process sends at once, and how these slots are shared.

A slow or dead receiver must not delay messages to other receivers, and a project with many such receivers must not
delay other projects. So a project gets only a part of the free slots. The fewer are free, the smaller the part: the
next project always finds a slot.
"""

from collections import Counter

MAX_SENDING = 64
MAX_PER_WEBHOOK = 4  # at once to a receiver that answers promptly; to any other, one at a time
MAX_UNPROVEN = 48  # at once to all receivers together that are slow, dead or new
SHARE = 4  # a project gets another slot only while it has fewer than 1 / SHARE of the free ones


class Slots:
    """The slots in use. The caller must hold a lock. Which receivers are prompt is what this process has seen
    itself."""

    def __init__(self) -> None:
        self._busy: Counter[str] = Counter()
        self._prompt: set[str] = set()
        self._projects: dict[str, str] = {}  # project by webhook, of those that messages are sent to

    def available(self, webhook_id: str, project: str) -> int:
        """How many more messages may be sent to this webhook now; more than one only if its receiver answers
        promptly."""
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
        """Note that `count` more messages are being sent."""
        if not count:
            return
        self._busy[webhook_id] += count
        self._projects[webhook_id] = project

    def release(self, webhook_id: str, *, promptly: bool) -> None:
        """Note that one attempt has ended; `promptly`: whether the message arrived soon."""
        self._busy[webhook_id] -= 1
        if not self._busy[webhook_id]:
            del self._busy[webhook_id], self._projects[webhook_id]
        (self._prompt.add if promptly else self._prompt.discard)(webhook_id)

    def copy(self) -> "Slots":
        """A copy, to plan claims with."""
        other = Slots()
        other._busy, other._prompt = self._busy.copy(), self._prompt.copy()
        other._projects = self._projects.copy()
        return other

    def idle(self) -> bool:
        """Whether nothing is being sent."""
        return not self._busy.total()

    def _under_way(self, project: str | None = None, *, prompt: bool) -> int:
        """How many are being sent to prompt receivers, or to the others; of one project, or of all."""
        return sum(
            count
            for busy, count in self._busy.items()
            if (busy in self._prompt) == prompt and project in (None, self._projects[busy])
        )
