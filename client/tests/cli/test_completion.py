"""What the shell is offered: through the functions, and through the script in a real bash, zsh and fish."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import httpx2
import pytest
from cli.fake import Service, job_id
from cli.running import Run

from epochal.cli import main
from epochal.cli.parser import COMMANDS, GROUPS


def offered(run: Run, *words: str, shell: str = "bash") -> list[str]:
    told = run("__complete", shell, *words)
    assert (told.code, told.error) == (0, "")
    return told.out.splitlines()


def test_commands_and_flags_need_no_service(run: Run, service: Service) -> None:
    alone = {name for name in COMMANDS if " " not in name}
    assert set(offered(run, "")) == alone | GROUPS
    assert offered(run, "su") == ["submit"]
    assert offered(run, "datasets", "") == ["ls", "check", "upload", "show", "rm"]
    assert offered(run, "--json", "mod") == ["models"]
    assert {"--dataset", "--learning-rate", "--set", "--json", "--help"} <= set(offered(run, "submit", "-"))
    assert offered(run, "ls", "--status", "r") == ["running"]
    assert offered(run, "ls", "--status=ru") == ["--status=running"]
    assert offered(run, "datasets", "--js") == ["--json"]
    assert offered(run, "submit", "--set", "optimizer.l") == ["optimizer.learning_rate="]
    assert offered(run, "completion", "") == ["bash", "zsh", "fish"]
    assert offered(run, "submit", "-f", "jo") == offered(run, "datasets", "upload", "pets", "") == [":files"]
    assert offered(run, "nothing", "") == offered(run, "workers", "") == []
    assert service.requests == []


def test_options_before_a_command_are_no_commands(run: Run, service: Service) -> None:
    assert offered(run, "--output", "") == ["table", "json", "yaml", "csv"]
    assert offered(run, "--url", "") == []
    assert offered(run, "--output", "json", "su") == ["submit"]
    assert offered(run, "--output", "json", "ls", "--status", "r") == ["running"]
    assert "baseline" in offered(run, "--url", "http://other.test", "show", "")
    assert "baseline" in offered(run, "show", "--url=http://third.test", "")
    assert [request.url.host for request in service.requests] == ["other.test", "third.test"]


def test_names_and_ids_of_jobs(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.add(name="$(reboot)")
    service.add(name="with space")
    service.add(name="日本")
    jobs = [job_id(number) for number in (5, 4, 3, 1, 2)]
    assert set(offered(run, "show", "")) == {"@last", "baseline", "wider", "日本", *jobs}
    assert offered(run, "compare", "baseline", "w") == ["wider"]
    assert offered(run, "show", "baseline", "") == []
    assert offered(run, "show", "@") == ["@last"]
    assert offered(run, "submit", "--dataset", "d") == ["digits"]
    assert offered(run, "models", "show", "m") == ["mdl_1"]
    assert "wider\tsucceeded, " + job_id(1) in offered(run, "show", "w", shell="zsh")


def test_bash_gets_what_it_has_not_yet(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_BREAKS", " \t\n\"'@><=;|&(:")
    assert offered(run, "show", "@l") == ["last"]
    assert offered(run, "ls", "--status=ru") == ["running"]
    assert offered(run, "ls", "--status=ru", shell="zsh") == ["--status=running"]


def test_what_was_asked_lately_is_not_asked_again(run: Run, service: Service, home: Path) -> None:
    assert "baseline" in offered(run, "show", "b")
    assert "baseline" in offered(run, "show", "b")
    assert len(service.requests) == 1
    [file] = (home / ".cache/epochal").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    service.add(name="brand-new")
    os.utime(file, (time.time() - 60, time.time() - 60))
    assert "brand-new" in offered(run, "show", "b")
    os.utime(file, (time.time() - 60, time.time() - 60))
    service.answers = [httpx2.ConnectError("refused")]
    assert "brand-new" in offered(run, "show", "b")  # better than nothing
    file.write_text("{")
    assert "brand-new" in offered(run, "show", "b")


def test_a_service_that_does_not_answer_is_not_waited_for(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ends = Event()

    def hang(_request: httpx2.Request) -> httpx2.Response:
        ends.wait(60)
        return httpx2.Response(200)

    begun = time.monotonic()
    assert main(["__complete", "bash", "show", ""], transport=httpx2.MockTransport(hang)) == 0
    took = time.monotonic() - begun
    ends.set()
    assert capsys.readouterr().out == "@last\n"
    assert took < 10  # of 60


@pytest.fixture
def program(home: Path, service: Service) -> dict[str, str]:
    """The environment of a shell that has the command, and the names of two jobs."""
    (home / "bin").mkdir()
    script = home / "bin" / "epochal"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m epochal "$@"\n')
    script.chmod(0o755)
    main(["__complete", "bash", "show", ""], transport=service.transport())
    (home / "folder").mkdir()
    (home / "folder" / "job.yaml").touch()
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PATH": f"{home / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": path, "TERM": "dumb"}


def shell(program: dict[str, str], *argv: str) -> list[str]:
    ended = subprocess.run(argv, env=program, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
    return ended.stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_in_bash(program: dict[str, str]) -> None:
    script = """
    source <(epochal completion bash)
    compopt() { echo "compopt $*"; }
    for line in 'epochal sub' 'epochal show ' 'epochal show @' 'epochal ls --status=ru' 'epochal submit -f '; do
        COMP_LINE=$line COMP_POINT=${#line} COMPREPLY=()
        _epochal
        echo "${COMPREPLY[*]};"
    done
    complete -p epochal
    """
    lines = " ".join(shell(program, "bash", "--norc", "-c", script)).split("; ")
    assert lines[0] == "submit"
    assert {"@last", "baseline", "wider", job_id(1), job_id(2)} == set(lines[1].split())
    assert lines[2:] == ["last", "running", "compopt -o default ", "complete -F _epochal epochal"]


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh")
def test_in_zsh(program: dict[str, str]) -> None:
    script = """
    compdef() { echo "compdef $*"; }
    compadd() { echo "$argv[-1]:" ${(P)argv[-1]}; }
    _files() { echo files; }
    source <(epochal completion zsh)
    for line in 'epochal sub' 'epochal show w' 'epochal submit -f '; do
        words=("${(@s: :)line}") CURRENT=${#words}
        _epochal
    done
    """
    lines = " ".join(shell(program, "zsh", "-f", "-c", script))
    assert lines == "compdef _epochal epochal values: submit values: wider files"


@pytest.mark.skipif(not shutil.which("fish"), reason="there is no fish")
def test_in_fish(program: dict[str, str], home: Path) -> None:
    script = """
    epochal completion fish | source
    complete -C 'epochal sub'
    complete -C 'epochal show w'
    complete -C 'epochal submit -f fol'
    """
    words = shell(program, "fish", "--no-config", "-c", script)
    assert words[0] == "submit"
    assert "wider" in words
    assert "folder/" in words
