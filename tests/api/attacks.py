"""What attacks on the API have in common: how a refusal looks, and what is said meanwhile."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from unittest.mock import patch

import structlog

from api.schemas import Problem
from logs import LogFormat, configure_logging

ROOT = Path(__file__).parents[2]

TELLTALE = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|SELECT |INSERT |sqlalchemy|psycopg|sqlite3?\.|/srv/|"
    + "|".join(re.escape(str(place)) for place in (ROOT, Path.home(), gettempdir()))
)


def refused(answer: Any, *statuses: int) -> dict[str, Any]:
    """As a problem that gives nothing away."""
    problem: dict[str, Any] = answer.json()
    Problem.model_validate(problem)
    assert answer.status_code in statuses, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    said = {name: value for name, value in problem.items() if name != "instance"}
    assert not TELLTALE.search(json.dumps(said)), said
    return problem


@contextmanager
def everything_logged(form: LogFormat) -> Iterator[StringIO]:
    """The service's log, with all that any library has to say."""
    root, written = logging.getLogger(), StringIO()
    before = (root.level, root.handlers[:])
    with patch.object(sys, "stderr", written):
        configure_logging("debug", form)
    try:
        yield written
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        structlog.reset_defaults()
