"""One object for people: its facts, one a line, and what belongs to it as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from epochal.cli.columns import FILES, RESULTS, TRIALS
from epochal.cli.page import Page, flat
from epochal.terminal import columns, formats
from epochal.terminal.text import safe


def job(page: Page, job: Any) -> list[str]:
    """How far it is, its best epoch, its spec, and why it waits or has failed."""
    page.title(job.name or job.id, job.status)
    page.facts(
        [
            ("id", job.id),
            ("description", job.description),
            ("tags", ", ".join(job.tags)),
            ("asked to", job.requested),
            ("waits", job.queue.reason if job.queue else None),
            ("epochs", f"{columns.progress(job)} ({job.progress.percent:.0f} %)"),
            ("time left", columns.left(job, page.now)),
            ("latest", _epoch(job.latest)),
            ("best", _epoch(job.best)),
            ("data set", f"{job.dataset.name}"),
            ("created", page.time(job.created_at)),
            ("started", page.time(job.started_at)),
            ("ended", page.time(job.finished_at)),
            ("attempts", _attempts(job)),
            ("repeats", job.repeats if (job.repeats or 1) > 1 else None),
            ("part of", job.parent),
        ]
    )
    if job.error:
        page.heading(f"Failed: {safe(job.error.code)}")
        page.sentences([job.error.message, job.error.hint])
    page.heading("Spec")
    page.facts(list(flat(job.spec)))
    return page.lines


def dry_run(page: Page, trial: Any) -> list[str]:
    """What the job would be and need."""
    page.title("Nothing was submitted. The job would be:")
    memory, data = trial.memory, trial.data
    page.facts(
        [
            ("parameters", formats.count(trial.parameters)),
            ("multiply-adds", f"{formats.count(trial.flops)} an image"),
            ("steps", f"{formats.count(trial.steps_per_epoch)} an epoch"),
            ("images", _images(data) if data else trial.unknown),
            (
                "memory",
                f"{formats.size(memory.total.expected)}, at most {formats.size(memory.total.high)}" if memory else None,
            ),
            ("queue", trial.queue.reason),
            *(("on " + each.device, _pace(each)) for each in trial.devices),
        ]
    )
    if trial.conflicts:
        page.heading("It would fail:")
        page.sentences(f"{conflict.pointer}: {conflict.detail}" for conflict in trial.conflicts)
    page.heading("Spec")
    page.facts(list(flat(trial.spec)))
    return page.lines


def diagnosis(page: Page, found: Any) -> list[str]:
    """Findings, the most important first, each with what to try."""
    if not found.findings:
        page.lines.append(f"Nothing to say about {found.epochs} epochs.")
    for finding in found.findings:
        colour = {"problem": "red", "warning": "yellow"}.get(finding.severity, "cyan")
        since = "" if finding.since_epoch is None else f", since epoch {finding.since_epoch}"
        page.lines.append(f"{page.style.paint(str(finding.severity), colour)}  {safe(finding.code)}{since}")
        page.sentences([finding.sentence])
        if finding.suggestion:
            page.sentences([f"Try: {_sets(finding.suggestion.spec)}", finding.suggestion.expected])
        page.lines.append("")
    if found.forecast:
        ahead = found.forecast
        page.lines.append(
            f"Epoch {ahead.epoch}: {ahead.median:.2%}; between {ahead.low:.2%} and {ahead.high:.2%} with "
            f"probability {ahead.probability:.0%}."
        )
    return page.lines


def dataset(page: Page, dataset: Any, versions: Sequence[Any]) -> list[str]:
    """A data set, with its versions."""
    page.title(dataset.name, dataset.status)
    page.facts(
        [
            ("title", dataset.title),
            ("classes", dataset.classes),
            ("images", _images(dataset)),
            ("size", _size(dataset)),
            ("source", dataset.source),
            ("licence", dataset.licence),
            ("not usable", dataset.reason),
        ]
    )
    if versions:
        page.heading("Versions")
        page.table(versions, columns.VERSIONS)
    return page.lines


def dataset_version(page: Page, version: Any) -> list[str]:
    """A version, and what was found in it."""
    page.title(f"{version.name}@{version.version}", version.status)
    page.facts(
        [
            ("images", _images(version)),
            ("classes", _classes(version.classes)),
            ("size", _size(version)),
            ("identity", version.identity),
            ("source", version.source),
            ("created", page.time(version.created_at)),
        ]
    )
    if version.error:
        page.heading(f"Failed: {safe(version.error.code)}")
        page.sentences([version.error.message, version.error.hint])
    if version.report:
        findings(page, version.report.findings)
    return page.lines


def dataset_check(page: Page, found: Any) -> list[str]:
    """What the service would find in images on this machine."""
    page.title("The service would take it")
    page.facts(
        [
            ("images", _images(found)),
            ("classes", _classes(found.classes)),
            ("identity", found.identity),
        ]
    )
    findings(page, found.report.get("findings") or [])
    return page.lines


def findings(page: Page, found: Sequence[Any]) -> None:
    """What is wrong with images, or may be. Records of a report, or its JSON."""
    if not found:
        return
    page.heading("Findings")
    for finding in found:
        severity = str(_field(finding, "severity"))
        painted = page.style.paint(safe(severity), {"error": "red", "warning": "yellow"}.get(severity, "cyan"))
        page.lines.append(f"{painted}  {safe(_field(finding, 'code'))}")
        page.sentences(text for text in (_field(finding, "message"), _field(finding, "hint")) if text)


def model(page: Page, model: Any) -> list[str]:
    """A trained model."""
    page.title(model.id)
    measured = model.metrics
    page.facts(
        [
            ("names", ", ".join(f"{name.name}@{name.version}" for name in model.names)),
            ("aliases", ", ".join(f"{name.name}@{alias}" for name in model.names for alias in name.aliases)),
            ("architecture", model.architecture),
            ("data set", model.dataset),
            ("classes", _classes(model.classes)),
            ("test accuracy", formats.percent(measured.test_accuracy) if measured else None),
            ("weights of", f"the {model.which} epoch" if model.job_id else "somebody: brought"),
            ("job", model.job_id),
            ("created", page.time(model.created_at)),
        ]
    )
    page.heading("Files")
    page.table(model.files, FILES)
    return page.lines


def project(page: Page, project: Any) -> list[str]:
    """A project, what it uses and may use."""
    used = project.usage
    kinds = ", ".join(f"{kind} {formats.size(size)}" for kind, size in used.storage_by_kind.items() if size)
    page.title(project.id)
    page.facts(
        [
            ("running jobs", _quota(used.running_jobs, project.max_running_jobs, formats.count)),
            ("queued jobs", _quota(used.queued_jobs, project.max_queued_jobs, formats.count)),
            ("storage", _quota(used.storage_bytes, project.max_storage_bytes, formats.size)),
            ("of it", kinds),
            ("device hours", f"{_quota(used.device_hours, project.max_device_hours, formats.short)}, in this month"),
            ("created", page.time(project.created_at)),
        ]
    )
    return page.lines


def _images(counted: Any) -> str | None:
    """Of a data set, a version, or what a job would train on."""
    if counted.train_images is None:
        return None
    return f"{counted.train_images:,} to train on, {counted.test_images:,} to test on"


def _classes(names: Sequence[str] | None) -> str | None:
    """How many, and the first of them."""
    return f"{len(names)}: {', '.join(names[:10])}{' ...' if len(names) > 10 else ''}" if names else None


def _size(of: Any) -> str | None:
    return f"{of.image_size} pixels, {'grey' if of.channels == 1 else 'colour'}" if of.image_size else None


def _quota(used: Any, most: Any, shown: Callable[[Any], str]) -> str:
    return f"{shown(used)}, no limit" if most is None else f"{shown(used)} of {shown(most)}"


def sweep(page: Page, sweep: Any) -> list[str]:
    """A sweep, with its trials."""
    page.title(sweep.name or sweep.experiment or sweep.id, sweep.status)
    page.facts(
        [
            ("id", sweep.id),
            ("experiment", sweep.experiment),
            ("progress", f"{sweep.progress.jobs_over} of {sweep.progress.jobs} jobs ({sweep.progress.percent:.0f} %)"),
            ("created", page.time(sweep.created_at)),
        ]
    )
    page.lines.append("")
    page.table(sweep.trials, TRIALS)
    return page.lines


def answer(page: Page, answer: Any) -> list[str]:
    """The answer to the question of an experiment."""
    page.title(answer.title, "succeeded" if answer.complete else "running")
    page.sentences([answer.question])
    page.heading("What to expect")
    page.sentences([answer.expectation])
    page.heading("What came out" if answer.complete else "What has come out so far")
    page.sentences(part for part in (answer.summary, answer.ranking) if part)
    for finding in answer.findings:
        page.sentences([f"{finding.outcome}: {finding.expectation} {finding.explanation}"])
    if answer.notes:
        page.heading("How far this can be trusted")
        page.sentences(answer.notes)
    return page.lines


def recipe(page: Page, recipe: Any) -> list[str]:
    """A recipe, with its spec and what was measured with it."""
    page.title(recipe.name)
    page.sentences([recipe.description])
    page.heading("Spec")
    page.facts(list(flat(recipe.spec)))
    if recipe.results:
        page.heading("Measured")
        page.table(recipe.results, RESULTS)
    return page.lines


def _epoch(row: Any) -> str | None:
    if row is None:
        return None
    reached = columns.accuracy(row)
    figure = f"accuracy {formats.percent(reached)}, " if reached is not None else ""
    return f"epoch {row.epoch}: {figure}training loss {formats.loss(row.train_loss)}"


def _pace(device: Any) -> str:
    if device.pace is None:
        return device.reason or "no estimate"
    total, rate = device.pace.total_seconds, device.pace.images_per_second
    seconds = f"{formats.seconds(total.expected)}, at most {formats.seconds(total.high)}"
    return f"{seconds}; {formats.count(rate.expected)} images/s"


def _attempts(job: Any) -> str | None:
    if not job.attempts:
        return None
    last = job.attempts[-1]
    return f"{len(job.attempts)}, the last on {last.worker} ({', '.join(last.devices or ['?'])})"


def _sets(spec: dict[str, Any]) -> str:
    """Changes of a spec as they would be said to `epochal rerun`."""
    return " ".join(f"--set {path}={value}" for path, value in flat(spec))


def _field(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, dict) else getattr(value, name)
