"""`epochal doctor` says what is wrong and how it is mended; `epochal up` runs the service where there is one."""

from __future__ import annotations

import json
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any

import httpx2
import pytest
from cli.fake import Service, page, problem
from cli.running import Run
from cli.samples import sample

from epochal import types

LIVE = {"status": "live"}


def found(run: Run, code: int) -> dict[str, Any]:
    told = run("doctor")
    assert (told.code, told.error) == (code, "")
    return {each["check"]: each for each in map(json.loads, told.out.splitlines())}


def test_all_is_well(run: Run) -> None:
    checks = found(run, 0)
    assert list(checks) == ["client", "service", "clock", "key", "version", "database", "broker", "storage", "workers"]
    assert [name for name, each in checks.items() if not each["ok"] or each["mend"]] == []


def test_nothing_answers(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.answers = [httpx2.ConnectError("refused")] * 5
    monkeypatch.setenv("EPOCHAL_URL", "http://user:word@service.test")
    checks = found(run, 3)
    assert [name for name, each in checks.items() if not each["ok"]] == ["service"]
    assert "http://service.test, from EPOCHAL_URL" in checks["service"]["mend"]
    assert "word" not in str(checks)


@pytest.mark.parametrize(("seconds", "ok", "said"), [(2, True, "within"), (90, False, "behind"), (-90, False, "ahead")])
def test_the_clock(run: Run, service: Service, seconds: int, ok: bool, said: str) -> None:
    service.answers = [httpx2.Response(200, json=LIVE, headers={"Date": formatdate(time() + seconds, usegmt=True)})]
    clock = found(run, 0 if ok else 3)["clock"]
    assert (clock["ok"], said in clock["found"]) == (ok, True)


def test_a_key_that_is_missing(run: Run, service: Service) -> None:
    service.answers = [httpx2.Response(200, json=LIVE), problem(401, "key_missing", "An API key is needed.")]
    key = found(run, 3)["key"]
    assert (key["ok"], "epochal login" in key["mend"]) == (False, True)


def test_what_the_service_lacks(run: Run, service: Service) -> None:
    states = {"database": "ok", "broker": "unreachable", "storage": "away", "workers": 0}
    projects, workers = page([]), page([])
    answers = [LIVE, projects, workers]
    service.answers = [
        *(httpx2.Response(200, json=each) for each in answers),
        problem(503, "not_ready", "No.", **states),
    ]
    checks = found(run, 3)
    assert [name for name, each in checks.items() if not each["ok"]] == ["broker", "storage", "workers"]
    assert checks["broker"]["found"] == "unreachable"
    assert "EPOCHAL_REDIS_URL" in checks["broker"]["mend"]


def test_workers_of_several_releases(run: Run, service: Service) -> None:
    workers = [sample(types.Worker, epochal_version=version, devices=["cpu"]) for version in ("0.3.0", "0.4.0")]
    service.answers = [httpx2.Response(200, json=each) for each in (LIVE, page([]), page(workers))]
    assert found(run, 3)["version"]["found"] == "the workers run 0.3.0, 0.4.0"


def test_up_says_where_the_service_comes_from(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = home / "site-packages" / "epochal"
    package.mkdir(parents=True)
    monkeypatch.setattr("epochal.__file__", str(package / "__init__.py"))
    monkeypatch.setattr("sys.path", [str(home)])
    (home / "serve.py").write_text("somebody else's")
    told = run("up")
    assert told.code == 2
    assert told.error.splitlines()[0] == "epochal: error: the service is not installed here: this is the client alone"
    assert "make up" in told.error


def test_up_becomes_the_service(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "site-packages" / "epochal").mkdir(parents=True)
    for folder in ("api", "worker"):
        (home / "site-packages" / folder).mkdir()
    for file in ("serve.py", "api/app.py"):
        (home / "site-packages" / file).touch()
    monkeypatch.setattr("epochal.__file__", str(home / "site-packages" / "epochal" / "__init__.py"))
    started: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda _program, argv: started.append(argv))
    run("up")
    assert started[0][1:] == [str(home / "site-packages" / "serve.py")]
