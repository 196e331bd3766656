"""A manifest in short."""

from collections.abc import Iterator, Sequence

from api.views.report.document import Block, Code, Inline, Paragraph, Table
from jobs.manifests import JobManifest
from training.metrics import RunFacts


def origin(manifest: JobManifest) -> Sequence[Block]:
    """What it takes to get a result again, and by what it is known that it is the same."""
    job = manifest.job.id
    told: list[Inline] = ["The same spec on the same data: ", Code(f"POST /v1/jobs/{job}/rerun")]
    told += [". The whole manifest, with the spec: ", Code(f"GET /v1/jobs/{job}/manifest"), "."]
    if not manifest.complete:
        told.append(" The job has not ended: something may be added.")
    return [Paragraph(told), Table(["", ""], [*_rows(manifest)])]


def _rows(manifest: JobManifest) -> Iterator[Sequence[Inline]]:
    data = manifest.provenance["data"]
    version = f", version {data['version']}" if data["version"] is not None else ""
    yield "Job", Code(manifest.job.id)
    yield "Data set", f"{data['name']}{version}"
    if data["identity"]:
        yield "Identity of the data", Code(data["identity"])
    yield "Seed", str(manifest.provenance["seed"])
    if facts := RunFacts.from_stored(manifest.provenance["environment"]):
        yield from _software(facts)
    if manifest.starting_weights:
        yield "SHA-256 of the starting weights", Code(manifest.starting_weights.sha256)
    for name, file in manifest.files.items():
        yield f"SHA-256 of {name}", Code(file.sha256)
    yield f"SHA-256 of the metrics ({manifest.metrics.rows:,} epochs)", Code(manifest.metrics.sha256)


def _software(facts: RunFacts) -> Iterator[Sequence[Inline]]:
    if facts.epochal_version:
        revision = f", commit {facts.epochal_revision}" if facts.epochal_revision else ""
        yield "Epochal", f"{facts.epochal_version}{revision}"
    versions = {
        "torch": facts.torch_version,
        "torchvision": facts.torchvision_version,
        "Python": facts.python_version,
        "CUDA": facts.cuda_version,
        "cuDNN": facts.cudnn_version,
        "driver": facts.driver_version,
    }
    yield "Software", ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    if facts.fingerprint:
        yield "Fingerprint", Code(facts.fingerprint)
