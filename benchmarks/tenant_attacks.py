"""What one tenant asks of the API over sixty connections at once, route after route, as fast as it is answered."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

CHUNK = 64 * 1024
SLOW_READER_SECONDS = 0.05  # between two pieces of what a slow client takes
STREAM_SECONDS = 1.0  # so long it looks at a stream before it opens another
AFTER_FAILURE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Prey:
    """What the attacker has to ask for."""

    jobs: Sequence[str]  # of a hundred epochs each
    large: str  # of thousands of epochs, steps and events
    weights: str  # a job with a large file
    checkpoint: str  # the rest of a checkpoint's address
    webhook: str
    images: Sequence[str]  # of the data set "pets", version 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it goes over the wire, but for the headers that all have."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Attack:
    """One kind of request, made without end. `ask` is given a number that rises with each request."""

    name: str
    ask: Callable[[int], Asked]
    authorised: bool | None = True  # None: with a key that is none
    slow: bool = False  # takes its answer slowly


def attacks(prey: Prey) -> list[Attack]:
    """Every route that there is, dear ones with what makes them dearest; HEAD of those that GET has."""
    jobs, large = prey.jobs, prey.large

    def get(name: str, path: str, *, authorised: bool | None = True, slow: bool = False) -> Attack:
        return Attack(name, lambda number: Asked("GET", path.format(job=jobs[number % len(jobs)])), authorised, slow)

    def head(name: str, path: str) -> Attack:
        return Attack(f"HEAD of {name}", lambda _: Asked("HEAD", path))

    def send(name: str, method: str, path: str, body: Callable[[int], object]) -> Attack:
        return Attack(name, lambda number: Asked(method, path, json.dumps(body(number)).encode()))

    some = "&job=".join(jobs[:9])
    found = [
        get("job", "/v1/jobs/{job}"),
        get("list of 1", "/v1/jobs?limit=1"),
        get("list of 100", "/v1/jobs?limit=100&sort=-best_accuracy"),
        get("list, filtered", "/v1/jobs?limit=100&status=succeeded&status=failed&tag=lab&sort=name"),
        get("curves.svg, one job", f"/v1/jobs/{jobs[0]}/curves.svg"),
        get("curves.svg, many jobs", "/v1/jobs/{job}/curves.svg"),
        get("curves.svg, large", f"/v1/jobs/{large}/curves.svg"),
        get("curves.png", "/v1/jobs/{job}/curves.png"),
        get("metrics", "/v1/jobs/{job}/metrics"),
        get("metrics, all", f"/v1/jobs/{large}/metrics?limit=10000"),
        get("metrics, thinned", f"/v1/jobs/{large}/metrics?max_points=5000"),
        get("metrics, CSV", f"/v1/jobs/{large}/metrics?limit=10000&format=csv"),
        get("steps, all", f"/v1/jobs/{large}/steps?limit=10000"),
        get("steps, thinned", f"/v1/jobs/{large}/steps?max_points=5000"),
        get("steps, CSV", f"/v1/jobs/{large}/steps?limit=10000&format=csv"),
        get("events, all", f"/v1/jobs/{large}/events?limit=10000"),
        get("log", f"/v1/jobs/{large}/log"),
        get("log, slow reader", f"/v1/jobs/{large}/log", slow=True),
        get("compare", f"/v1/compare?job={large}&job={some}&max_points=5000"),
        get("stream", f"/v1/jobs/{large}/stream"),
        Attack("long poll", lambda _: Asked("GET", f"/v1/jobs/{large}/metrics?after_epoch=99999", headers=_WAIT)),
        get("weights", f"/v1/jobs/{prey.weights}/weights"),
        get("weights, slow reader", f"/v1/jobs/{prey.weights}/weights", slow=True),
        get("checkpoint", f"/v1/jobs/{prey.weights}/checkpoints/{prey.checkpoint}"),
        get("checkpoints", "/v1/jobs/{job}/checkpoints?limit=1000"),
        send("submit", "POST", "/v1/jobs", lambda _: SUBMITTED),
        send("dry run", "POST", "/v1/jobs?dry_run=true", lambda _: SUBMITTED),
        send("rerun", "POST", f"/v1/jobs/{jobs[0]}/rerun", lambda number: {"name": f"{number}"}),
        send("change", "PATCH", f"/v1/jobs/{jobs[0]}", lambda number: {"name": f"{number}"}),
        Attack("submit, one Idempotency-Key", lambda _: _submission("the same")),
        Attack("submit, new Idempotency-Keys", lambda number: _submission(f"{number // 60}")),
        send(
            "bad body: unknown fields", "POST", "/v1/jobs", lambda _: {f"wrong{number}": 0 for number in range(13_000)}
        ),
        send(
            "bad body: nested",
            "POST",
            "/v1/jobs",
            lambda _: {"spec": {"optimizer": {f"o{n}": 0 for n in range(15_000)}}},
        ),
        send("bad body: array", "POST", "/v1/jobs", lambda _: {"tags": [0] * 60_000, "spec": {}}),
        send(
            "bad body: merge patch",
            "POST",
            f"/v1/jobs/{jobs[0]}/rerun",
            lambda _: {"spec": {f"a{n}": {} for n in range(13_000)}},
        ),
        Attack("bad body: no JSON", lambda _: Asked("POST", "/v1/jobs", b"[" * 190_000)),
        Attack("bad query", lambda _: Asked("GET", "/v1/jobs?" + "&".join(f"limti{n}=1" for n in range(1_000)))),
        get("wrong keys", "/v1/jobs?limit=1", authorised=None),
        get("no key", "/v1/jobs?limit=1", authorised=False),
        get("nothing there", "/v1/jbos/{job}/curves", authorised=False),
        get("contract", "/openapi.json", authorised=False),
        get("docs", "/docs", authorised=False),
        get("problems", "/problems", authorised=False),
        get("livez", "/livez", authorised=False),
        get("readyz", "/readyz", authorised=False),
        get("service metrics", "/metrics"),
        get("queue", "/v1/queue?limit=100"),
        get("workers", "/v1/workers"),
        get("datasets", "/v1/datasets"),
        get("architectures", "/v1/architectures"),
        get("recipes", "/v1/recipes"),
        get("keys", "/v1/keys?limit=100"),
        get("projects", "/v1/projects?limit=100"),
        get("webhooks", "/v1/webhooks?limit=100"),
        get("deliveries", f"/v1/webhooks/{prey.webhook}/deliveries?limit=100"),
        Attack("ping", lambda _: Asked("POST", f"/v1/webhooks/{prey.webhook}/ping")),
        *_on_data_sets(prey),
    ]
    heads = [
        head(name, path)
        for name, path in (
            ("curves.png", f"/v1/jobs/{large}/curves.png"),
            ("log", f"/v1/jobs/{large}/log"),
            ("weights", f"/v1/jobs/{prey.weights}/weights"),
            ("metrics, all", f"/v1/jobs/{large}/metrics?limit=10000"),
            ("contract", "/openapi.json"),
        )
    ]
    return [*found, *heads]


def _on_data_sets(prey: Prey) -> list[Attack]:
    """Uploads, of which each is stored, and what can be asked of a version."""
    here, images = "/v1/datasets/pets/versions/1", prey.images

    def get(name: str, path: Callable[[int], str]) -> Attack:
        return Attack(f"data set: {name}", lambda number: Asked("GET", path(number)))

    def edit(number: int) -> Asked:
        edits = {"edits": [{"images": [images[number % len(images)]], "exclude": True}]}
        return Asked("POST", f"{here}/edits", json.dumps(edits).encode())

    begun = json.dumps({"dataset": "cats", "bytes": 2**20}).encode()
    return [
        Attack("data set: upload of 1 MiB", lambda number: Asked("PUT", f"/v1/datasets/cats{number}", _ARCHIVE)),
        Attack("data set: upload begun", lambda _: Asked("POST", "/v1/uploads", begun)),
        Attack("data set: edit", edit),
        get("version", lambda _: here),
        get("list of images", lambda _: f"{here}/images?limit=1000"),
        get("image", lambda number: f"{here}/images/{images[number % len(images)]}"),
        get("samples", lambda number: f"{here}/samples.png?seed={number}"),
        get("samples of a class", lambda number: f"{here}/samples.png?class=3&count=500&seed={number}"),
    ]


_ARCHIVE = b"PK\x03\x04".ljust(2**20, b"x")  # told by its first bytes to be a zip, which a worker would refuse
SUBMITTED = {"name": "of the benchmark", "tags": ["bench"], "spec": {"dataset": "digits", "epochs": 3}}
_WAIT = {"Prefer": "wait=2"}


def _fields(count: int) -> Mapping[str, int]:
    return {f"wrong{number}": 0 for number in range(count)}


def _submission(key: str) -> Asked:
    return Asked("POST", "/v1/jobs", json.dumps(SUBMITTED).encode(), {"Idempotency-Key": key})


@dataclass(frozen=True, slots=True)
class Target:
    """Where to ask, and as whom."""

    host: str
    port: int
    key: str


async def attack(target: Target, kind: Attack, connections: int, stop: asyncio.Event, statuses: Counter[int]) -> None:
    """Over so many connections until it is told to stop. Counts what was answered; 0 where nothing was."""
    numbers = count()

    async def client() -> None:
        reader: asyncio.StreamReader | None = None
        writer: asyncio.StreamWriter | None = None
        while not stop.is_set():
            try:
                if reader is None or writer is None:
                    reader, writer = await asyncio.open_connection(target.host, target.port)
                number = next(numbers)
                writer.write(_written(target, kind, number))
                status, keeps = await _read(reader, kind.ask(number).method, slow=kind.slow)
                statuses[status] += 1
                if not keeps:
                    writer.close()
                    reader = writer = None
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                statuses[0] += 1
                reader = writer = None
                await asyncio.sleep(AFTER_FAILURE_SECONDS)
        if writer is not None:
            writer.close()

    clients = [asyncio.create_task(client()) for _ in range(connections)]
    await stop.wait()
    for task in clients:
        task.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


def _written(target: Target, kind: Attack, number: int) -> bytes:
    asked = kind.ask(number)
    fields = {"Host": f"{target.host}:{target.port}"}
    if kind.authorised:
        fields["Authorization"] = f"Bearer {target.key}"
    elif kind.authorised is None:
        fields["Authorization"] = f"Bearer epochal_nobody.{number:040}"
    if asked.body:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(asked.body))}
    fields |= asked.headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{asked.method} {asked.path} HTTP/1.1\r\n{head}\r\n".encode() + asked.body


async def _read(reader: asyncio.StreamReader, method: str, *, slow: bool) -> tuple[int, bool]:
    """The status, and whether the connection can be used again."""
    head = await reader.readuntil(b"\r\n\r\n")
    status, lower = int(head[9:12]), head.lower()
    keeps = b"\r\nconnection: close" not in lower
    if method == "HEAD" or status in (204, 304):
        return status, keeps
    if b"\r\ntransfer-encoding: chunked" in lower:
        if b"text/event-stream" in lower:
            await asyncio.sleep(STREAM_SECONDS)
            return status, False
        while size := int((await reader.readuntil(b"\r\n")).strip() or b"0", 16):
            await _take(reader, size + 2, slow=slow)
        await reader.readexactly(2)
        return status, keeps
    place = lower.find(b"\r\ncontent-length:")
    await _take(reader, int(lower[place + 17 :].partition(b"\r\n")[0]), slow=slow)
    return status, keeps


async def _take(reader: asyncio.StreamReader, size: int, *, slow: bool) -> None:
    while size > 0:
        size -= len(await reader.readexactly(min(size, CHUNK)))
        if slow:
            await asyncio.sleep(SLOW_READER_SECONDS)
