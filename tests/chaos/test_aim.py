"""A fault that hits nothing has not happened: it is aimed again, and else says so."""

import time
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tests.chaos import aim
from tests.chaos.deployment import Deployment
from tests.chaos.evidence import Aimed
from tests.chaos.faults import Missed
from tests.chaos.plan import PlannedFault

NO_SERVICE = cast(Deployment, None)


@dataclass(slots=True)
class Blind:
    """Hits with its last try."""

    tries: int
    occupies: frozenset[str] = frozenset({"api"})
    done: list[str] = field(default_factory=list)

    def begin(self, deployment: Deployment) -> str:
        """Or misses."""
        self.done.append("begin")
        self.tries -= 1
        if self.tries:
            raise Missed("nothing there")
        return "hit"

    def aim_again(self, deployment: Deployment) -> None:
        """After each miss."""
        self.done.append("aim")

    def end(self, deployment: Deployment) -> None:
        """Only of what has hit."""
        self.done.append("end")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aim, "AGAIN_SECONDS", 0.0)


def _suffer(*faults: Any, seconds: float = 0.0) -> list[Aimed]:
    return aim.suffer(NO_SERVICE, [PlannedFault(0.0, seconds, fault) for fault in faults], lambda _line: None)


def test_a_fault_that_misses_is_aimed_until_it_hits() -> None:
    fault = Blind(tries=3)
    assert _suffer(fault, seconds=0.01) == [Aimed("Blind", hit=True)]
    assert fault.done == ["begin", "aim", "begin", "aim", "begin", "end"]


def test_a_fault_that_never_hits_has_not_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aim, "AIM_SECONDS", 0.01)
    fault = Blind(tries=-1)
    assert _suffer(fault, seconds=0.01) == [Aimed("Blind", hit=False)]
    assert "end" not in fault.done


def test_a_fault_waits_for_one_that_has_its_target() -> None:
    first, second = Blind(tries=1), Blind(tries=1)
    began = time.monotonic()
    assert _suffer(first, second, seconds=0.05) == [Aimed("Blind", hit=True)] * 2
    assert time.monotonic() - began >= 0.1
