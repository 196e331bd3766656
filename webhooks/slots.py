"""Limits how many messages a process sends at once, in total, to one receiver, and for one project.

A slow or dead receiver must not delay others, and a project with many such receivers must not delay other projects. A
project may use only a part of the free slots. The fewer are free, the smaller this part: so the next project finds a
slot.
"""

from collections import Counter

MOST = 64
MOST_OF_ONE = 4  # to a receiver that answers promptly; any other receives one message at a time
MOST_UNPROVEN = 48  # to all receivers together that are slow, dead or new
SHARE = 4  # a project gets another slot only while it holds fewer than this part of the free ones


class Slots:
    """Not thread-safe: its user holds a lock. Each process learns on its own which receivers answer promptly."""

    def __init__(self) -> None:
        self._busy: Counter[str] = Counter()
        self._prompt: set[str] = set()
        self._projects: dict[str, str] = {}  # project by webhook, of those that messages are sent to

    def room(self, webhook_id: str, project: str) -> int:
        """How many more messages may be sent to this webhook now. More than one only if its receiver answers
        promptly."""
        prompt = webhook_id in self._prompt
        limit = MOST_OF_ONE if prompt else 1
        free = MOST - self._busy.total()
        if not prompt:
            free = min(free, MOST_UNPROVEN - self._under_way(prompt=False))
        part = (free + SHARE - 1) // SHARE - self._under_way(project, prompt=prompt)
        return max(0, min(free, limit - self._busy[webhook_id], part))

    def busy(self, project: str) -> int:
        """How many messages of this project are being sent."""
        return sum(count for busy, count in self._busy.items() if self._projects[busy] == project)

    def take(self, webhook_id: str, project: str, count: int) -> None:
        """Occupy `count` slots."""
        if not count:
            return
        self._busy[webhook_id] += count
        self._projects[webhook_id] = project

    def free(self, webhook_id: str, *, promptly: bool) -> None:
        """Release a slot. `promptly`: the message arrived, and within PROMPT_SECONDS."""
        self._busy[webhook_id] -= 1
        if not self._busy[webhook_id]:
            del self._busy[webhook_id], self._projects[webhook_id]
        (self._prompt.add if promptly else self._prompt.discard)(webhook_id)

    def copy(self) -> "Slots":
        """A copy, to plan with."""
        other = Slots()
        other._busy, other._prompt = self._busy.copy(), self._prompt.copy()
        other._projects = self._projects.copy()
        return other

    def idle(self) -> bool:
        """Whether nothing is being sent."""
        return not self._busy.total()

    def _under_way(self, project: str | None = None, *, prompt: bool) -> int:
        """How many messages are being sent to prompt receivers, or to the others; of one project, or of all."""
        return sum(
            count
            for busy, count in self._busy.items()
            if (busy in self._prompt) == prompt and project in (None, self._projects[busy])
        )
