"""Faults of what the service's programs stand on: the database, the network, the disks."""

import signal
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tests.chaos import contract
from tests.chaos.deployment import Deployment
from tests.chaos.disk import Disk
from tests.chaos.faults import Fixed, Missed
from tests.chaos.programs import Program
from tests.chaos.proxy import Proxy


@dataclass(slots=True)
class DatabaseGone(Fixed):
    """PostgreSQL's immediate shutdown; it stays down until the end, then recovers from its log."""

    occupies = frozenset({"database"})

    def begin(self, deployment: Deployment) -> str:
        """Whoever is connected loses the connection."""
        if _database(deployment).pid is None:
            raise Missed("the database does not run")
        deployment.away.add("database")
        _database(deployment).end(10.0, signal.SIGQUIT)
        return "PostgreSQL shuts down immediately and stays down"

    def end(self, deployment: Deployment) -> None:
        """It starts."""
        _database(deployment).start()
        deployment.away.discard("database")


@dataclass(slots=True)
class NetworkFails(Fixed):
    """The connections to database or broker are cut and refused, or stay open and carry nothing."""

    of: Literal["database", "broker"]
    frozen: bool

    @property
    def occupies(self) -> frozenset[str]:
        """What nobody reaches meanwhile."""
        return frozenset({self.of})

    def begin(self, deployment: Deployment) -> str:
        """For every program at once."""
        proxy = self._proxy(deployment)
        deployment.away.add(self.of)
        if self.frozen:
            proxy.freeze()
        else:
            proxy.cut()
        return f"the network to the {self.of} is {'frozen' if self.frozen else 'cut'}"

    def end(self, deployment: Deployment) -> None:
        """What was frozen arrives now."""
        self._proxy(deployment).restore()
        deployment.away.discard(self.of)

    def _proxy(self, deployment: Deployment) -> Proxy:
        proxy = deployment.database_proxy if self.of == "database" else deployment.broker_proxy
        assert proxy
        return proxy


@dataclass(slots=True)
class FullDisk(Fixed):
    """Not a page more fits on the disk of checkpoints and weights."""

    occupies = frozenset({"disk"})

    def begin(self, deployment: Deployment) -> str:
        """What is being written fails."""
        _fill(deployment.disk)
        deployment.away.add("disk")
        return "the storage's disk is full"

    def end(self, deployment: Deployment) -> None:
        """There is room again."""
        deployment.disk.free()
        deployment.away.discard("disk")


@dataclass(slots=True)
class FullDatabaseDisk(Fixed):
    """Not a page more fits on the disk of SQLite's files."""

    occupies = frozenset({"database"})

    def begin(self, deployment: Deployment) -> str:
        """Whatever is to be written is refused, and what is there can be read."""
        _fill(deployment.database_disk)
        deployment.away.add("database")
        return "the database's disk is full"

    def end(self, deployment: Deployment) -> None:
        """There is room again."""
        deployment.database_disk.free()
        deployment.away.discard("database")


@dataclass(slots=True)
class ReadOnlyDatabase(Fixed):
    """PostgreSQL takes no writes of the service, as one whose disk is full or that is a standby now."""

    occupies = frozenset({"database"})

    def begin(self, deployment: Deployment) -> str:
        """For every connection."""
        _alter(deployment, "SET default_transaction_read_only = on")
        deployment.away.add("database")
        return "the database is read-only"

    def end(self, deployment: Deployment) -> None:
        """Connections that are read-only end."""
        _alter(deployment, "RESET default_transaction_read_only")
        deployment.away.discard("database")


@dataclass(slots=True)
class FewConnections(Fixed):
    """PostgreSQL lets the service have no more than a few connections: fewer than there are programs."""

    occupies = frozenset({"database"})

    def begin(self, deployment: Deployment) -> str:
        """Those that there are end."""
        _alter(deployment, "CONNECTION LIMIT 1")
        deployment.away.add("database")
        return "the database has one connection for the whole service"

    def end(self, deployment: Deployment) -> None:
        """As many as they like."""
        _alter(deployment, "CONNECTION LIMIT -1")
        deployment.away.discard("database")


@dataclass(slots=True)
class OtherSchema(Fixed):
    """The database says that its schema is of another release: a program that starts meanwhile must not work on it."""

    revision: str
    _ours: str = ""
    occupies = frozenset({"database"})

    def begin(self, deployment: Deployment) -> str:
        """Programs that run already may go on."""
        self._ours = _exchange_revision(deployment, self.revision)
        deployment.away.add("database")
        return f"the database's schema is said to be {self.revision}"

    def end(self, deployment: Deployment) -> None:
        """The schema is ours again."""
        _exchange_revision(deployment, self._ours)
        deployment.away.discard("database")


def _exchange_revision(deployment: Deployment, revision: str) -> str:
    """The revision that was there. Raises Missed if the database takes no writes."""
    try:
        with deployment.database.engine.begin() as connection:
            before = str(connection.scalar(text("SELECT version_num FROM alembic_version")))
            connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    except SQLAlchemyError as error:
        raise Missed("the database does not answer") from error
    return before


def _alter(deployment: Deployment, how: str) -> None:
    """The service's role; its connections end, so that it holds for all. Raises Missed where the server is not up."""
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :role"
    try:
        with deployment.database.engine.begin() as connection:
            connection.execute(text(f"ALTER ROLE {contract.ROLE} {how}"))
        with deployment.database.engine.begin() as connection:
            connection.execute(text(ended), {"role": contract.ROLE})
    except SQLAlchemyError as error:
        raise Missed("the database does not answer") from error


def _fill(disk: Disk) -> None:
    if not disk.fill():
        raise Missed("the disk cannot be filled")


def _database(deployment: Deployment) -> Program:
    assert deployment.database_program
    return deployment.database_program
