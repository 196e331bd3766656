"""What a command prints: the API's own object for programs, tables for people, and nothing that acts on a terminal."""

from __future__ import annotations

import csv
import io
import json
import re

import httpx2
import pytest
import yaml
from cli.fake import Service, job_id, problem
from cli.running import Run, Stream
from cli.samples import sample

from epochal import types
from epochal.cli import main

EVIL = "a\x1b[2J\u202eb\u2028c\x9b31m"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


def test_json_is_the_object_of_the_api(run: Run, service: Service) -> None:
    service.jobs[0]["a field of a newer service"] = {"loss": "NaN", "big": 2**60, "名": "日本"}
    told = run("show", service.jobs[0]["id"], "--json")
    assert json.loads(told.out) == service.jobs[0]
    assert (told.out.count("\n"), told.error) == (1, "")
    listed = run("ls")
    assert [json.loads(line) for line in listed.out.splitlines()] == service.jobs
    rows = [json.loads(line) for line in run("metrics", "baseline").out.splitlines()]
    assert [(row["epoch"], row["test_loss"]) for row in rows] == [(epoch, "NaN") for epoch in range(5)]


def test_a_long_list_comes_page_by_page_and_says_that_it_is_cut(run: Run, service: Service) -> None:
    for name in ("c", "d", "e"):
        service.add(name=name)
    told = run("ls", "--limit", "2")
    assert [json.loads(line)["name"] for line in told.out.splitlines()] == ["e", "d"]
    assert told.error == "There are more than 2: --limit 0 shows all.\n"
    assert service.requests[-1].url.params["limit"] == "3"
    assert run("ls", "--limit", "5").error == run("ls", "--limit", "0").error == ""


def test_the_form_follows_from_where_it_goes(run: Run, service: Service) -> None:
    assert (
        run("ls", terminal=True).out.split()[:3] == ["ID", "\x1b[0m", "\x1b[1mNAME\x1b[0m"]
        or "NAME" in run("ls", terminal=True).out
    )
    assert json.loads(run("ls", "--limit", "1").out)["id"] == service.jobs[0]["id"]
    assert run("ls", "--output", "table").out.split()[:3] == ["ID", "NAME", "STATUS"]
    indented = run("show", "baseline", "--json", terminal=True).out
    assert indented.startswith('{\n  "id"')
    assert json.loads(indented) == json.loads(run("show", "baseline").out)


def test_yaml_and_csv_say_the_same(run: Run, service: Service) -> None:
    service.jobs[0]["description"] = "no"  # a word that YAML 1.1 takes for false
    service.jobs[0]["spec"]["learning_rate"] = 1e-05
    assert yaml.safe_load(run("ls", "--output", "yaml").out) == service.jobs
    assert yaml.safe_load(run("show", service.jobs[0]["id"], "--output", "yaml").out) == service.jobs[0]
    rows = list(csv.DictReader(io.StringIO(run("ls", "--output", "csv").out)))
    assert [row["id"] for row in rows] == [job["id"] for job in service.jobs]
    assert [row["spec.learning_rate"] for row in rows] == ["1e-05", ""]
    assert rows[0]["tags"] == "[]"
    assert rows[0]["spec.optimizer.name"] == "sgd"


@pytest.mark.parametrize("form", ["table", "json", "yaml", "csv"])
@pytest.mark.parametrize("command", [["ls"], ["show", job_id(3)], ["cancel", job_id(3)], ["logs", job_id(3)]])
def test_no_name_acts_on_the_terminal(run: Run, service: Service, command: list[str], form: str) -> None:
    service.add(name=EVIL, description=EVIL)
    printed = run(*command, "--output", form, terminal=True).out
    assert CONTROL.search(re.sub(r"\x1b\[[0-9;]*m", "", printed)) is None
    if form == "json" and command[0] == "show":
        assert json.loads(printed)["name"] == EVIL
    if form == "yaml" and command[0] == "show":
        assert yaml.safe_load(printed)["name"] == EVIL


def test_no_error_acts_on_the_terminal(run: Run, service: Service) -> None:
    service.answers = [problem(422, "invalid_request", EVIL, errors=[{"pointer": f"#/{EVIL}", "detail": EVIL}])]
    told = run("submit", "-d", "digits", terminal=True)
    assert CONTROL.search(told.error) is None
    told = run("show", EVIL, terminal=True)
    assert (told.code, CONTROL.search(told.error)) == (2, None)


def test_a_file_and_a_pipe_get_cells_as_they_are(run: Run, service: Service) -> None:
    service.add(name=EVIL)
    rows = list(csv.DictReader(io.StringIO(run("ls", "--output", "csv").out, newline="")))
    assert rows[0]["name"] == EVIL


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_encoding_without_the_letters_is_no_error(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    service.add(name="日本語 ✓ é 😀", id=job_id(3))
    for form in ("json", "table", "yaml", "csv"):
        raw = io.BytesIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding=encoding))
        monkeypatch.setattr("sys.stdin", Stream())
        assert main(["show", job_id(3), "--output", form], transport=service.transport()) == 0
        printed = raw.getvalue().decode(encoding)
        if form == "json":
            assert json.loads(printed) == service.jobs[0]


def test_colours_are_for_terminals_that_want_them(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in run("ls", terminal=True).out
    assert "\x1b[" not in run("ls", "--output", "table").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("ls", terminal=True).out
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b[" not in run("ls", terminal=True).out


def test_a_table_fits_the_terminal(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.add(name="日本語" * 40, description="x" * 500)
    monkeypatch.setenv("NO_COLOR", "1")
    for command in (["ls"], ["show", job_id(3)], ["workers"], ["recipes", "standard"]):
        assert [line for line in run(*command, terminal=True).out.splitlines() if len(line) > 80] == []


def test_an_empty_list_says_what_to_do(run: Run, service: Service) -> None:
    service.jobs.clear()
    told = run("ls", terminal=True)
    assert (told.code, told.out) == (0, "")
    assert "epochal submit" in told.error
    assert run("ls").out == run("ls").error == ""


def test_several_objects_are_documents_and_rows(run: Run, service: Service) -> None:
    told = run("cancel", "baseline", "wider", "--output", "yaml")
    assert list(yaml.safe_load_all(told.out)) == [service.jobs[1], service.jobs[0]]
    rows = list(csv.DictReader(io.StringIO(run("cancel", "baseline", "wider", "--output", "csv").out)))
    assert [row["id"] for row in rows] == [service.jobs[1]["id"], service.jobs[0]["id"]]
    found = list(csv.DictReader(io.StringIO(run("doctor", "--output", "csv").out)))
    assert {"client", "service", "workers"} <= {row["check"] for row in found}
    assert "check" not in {row["check"] for row in found}


def test_a_project_says_what_it_may_use(run: Run, service: Service) -> None:
    quotas = {"max_storage_bytes": 5_000_000_000, "max_running_jobs": 4}
    used = {"running_jobs": 1, "queued_jobs": 0, "storage_bytes": 3_700_979, "device_hours": 0.016135}
    usage = {**used, "storage_by_kind": {"jobs": 1_123_648, "datasets": 0}}
    service.answers = [httpx2.Response(200, json=sample(types.Project, id="course", usage=usage, **quotas))]
    told = run("projects", "show", "course", "--output", "table").out
    for said in ("1 of 4", "0, no limit", "3.7 MB of 5.0 GB", "jobs 1.1 MB\n", "0.01614, no limit, in this month"):
        assert said in told
