"""What is remembered, where, and to whom a key goes."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest
from cli.fake import Service, job_id
from cli.running import Run

KEY, OTHER = "epochal_1.secret", "epochal_2.other"


def sent_key(service: Service) -> str | None:
    return service.requests[-1].headers.get("Authorization", "").removeprefix("Bearer ") or None


@pytest.fixture
def nowhere(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Without an address in the environment."""
    monkeypatch.delenv("EPOCHAL_URL")
    return run


def test_a_login_is_tried_and_kept_privately(nowhere: Run, service: Service, home: Path) -> None:
    service.key = KEY
    file = home / ".config/epochal/config.json"
    told = nowhere("login", "https://a.test/", "--key-stdin", typed=f"{OTHER}\n")
    assert (told.code, file.exists()) == (3, False)
    told = nowhere("login", "https://a.test/", "--key-stdin", typed=f"{KEY}\n")
    assert (told.code, told.out, told.error) == (0, "", "https://a.test: the key is stored.\n")
    assert json.loads(file.read_text()) == {"address": "https://a.test/", "keys": {"https://a.test": KEY}}
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert nowhere("ls").code == 0
    assert (service.requests[-1].url.host, sent_key(service)) == ("a.test", KEY)


def test_a_service_that_asks_for_no_key_gets_none(nowhere: Run, service: Service, home: Path) -> None:
    told = nowhere("login", "http://a.test")
    assert (told.code, told.error) == (0, "http://a.test: it asks for no key.\n")
    assert json.loads((home / ".config/epochal/config.json").read_text())["keys"] == {}


def test_the_key_is_asked_for_on_a_terminal_alone(
    nowhere: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.key = KEY
    told = nowhere("login", "http://a.test")
    assert (told.code, "--key-stdin" in told.error) == (2, True)
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return KEY

    monkeypatch.setattr("getpass.getpass", answer)
    assert nowhere("login", "http://a.test", terminal=True).code == 0
    assert asked == ["Key for http://a.test: "]
    assert nowhere("ls").code == 0


def test_a_key_goes_to_the_address_that_it_was_stored_for(
    nowhere: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.key = KEY
    nowhere("login", "https://a.test", "--key-stdin", typed=KEY)
    service.key = None
    for url, expected in {
        "https://a.test": KEY,
        "https://A.test:443/": KEY,
        "https://user:word@a.test": KEY,
        "http://a.test": None,
        "https://a.test:8000": None,
        "https://a.test.evil.test": None,
        "https://a.test/below": None,
    }.items():
        nowhere("ls", "--url", url)
        assert sent_key(service) == expected, url
        monkeypatch.setenv("EPOCHAL_URL", url)
        nowhere("ls")
        assert sent_key(service) == expected, url
        monkeypatch.delenv("EPOCHAL_URL")


def test_the_environment_goes_before_what_is_stored(
    nowhere: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere("login", "https://a.test", "--key-stdin", typed=KEY)
    monkeypatch.setenv("EPOCHAL_API_KEY", OTHER)
    nowhere("ls")
    assert (service.requests[-1].url.host, sent_key(service)) == ("a.test", OTHER)
    monkeypatch.setenv("EPOCHAL_URL", "https://b.test")
    nowhere("ls")
    assert (service.requests[-1].url.host, sent_key(service)) == ("b.test", OTHER)
    nowhere("ls", "--url", "https://c.test")  # the key of the environment is for its address
    assert (service.requests[-1].url.host, sent_key(service)) == ("c.test", None)
    nowhere("ls", "--url", "https://a.test")
    assert (service.requests[-1].url.host, sent_key(service)) == ("a.test", KEY)


def test_a_logout_forgets_the_key(nowhere: Run, service: Service, home: Path) -> None:
    nowhere("login", "https://a.test", "--key-stdin", typed=KEY)
    assert nowhere("logout").code == 0
    assert KEY not in (home / ".config/epochal/config.json").read_text()
    nowhere("ls")
    assert sent_key(service) is None
    assert nowhere("logout").code == 2


def test_a_key_is_never_printed(nowhere: Run, service: Service) -> None:
    service.key = KEY
    printed = [nowhere("login", "https://a.test", "--key-stdin", typed=KEY), nowhere("doctor"), nowhere("ls")]
    service.answers = [httpx2.Response(401)]
    printed.append(nowhere("ls"))
    assert not any("secret" in told.out + told.error for told in printed)


@pytest.mark.parametrize("content", ["{", "[]", '{"address": 3}', '{"address": "http://a.test", "keys": {"a": 1}}'])
def test_a_file_of_settings_that_is_none(nowhere: Run, home: Path, content: str) -> None:
    file = home / ".config/epochal/config.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    told = nowhere("ls")
    assert (told.code, told.error.startswith(f"epochal: error: {file} is not")) == (2, True)


def test_a_link_to_the_settings_stays_one(nowhere: Run, service: Service, home: Path) -> None:
    (home / ".config/epochal").mkdir(parents=True)
    (home / "dotfiles.json").write_text('{"address": null, "keys": {}}')
    (home / ".config/epochal/config.json").symlink_to(home / "dotfiles.json")
    assert nowhere("login", "https://a.test", "--key-stdin", typed=KEY).code == 0
    assert (home / ".config/epochal/config.json").is_symlink()
    assert KEY in (home / "dotfiles.json").read_text()
    assert [file.name for file in (home / ".config/epochal").iterdir()] == ["config.json"]


def test_last_is_of_each_service_its_own(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    run("submit", "-d", "digits", "--url", "http://a.test")
    run("submit", "-d", "digits", "--url", "http://b.test/")
    for url, number in {"http://a.test/": 3, "http://b.test": 4}.items():
        assert json.loads(run("show", "@last", "--url", url).out)["id"] == job_id(number)
    assert run("show", "@last").code == 2
    run("rerun", job_id(3), "--url", "http://a.test")
    assert json.loads(run("show", "@last", "--url", "http://a.test").out)["id"] == job_id(5)


def test_a_state_that_cannot_be_written_fails_no_submission(run: Run, service: Service, home: Path) -> None:
    (home / ".local").write_text("no folder")
    assert run("submit", "-d", "digits").code == 0
    assert run("show", "@last").code == 2


def test_folders_are_where_the_user_says(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    run("submit", "-d", "digits")
    assert len(list((home / "state/epochal/last").iterdir())) == 1
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    run("submit", "-d", "digits")
    assert (home / ".local/state/epochal/last").is_dir()
