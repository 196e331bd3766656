"""What `import epochal` gives, and what it costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import epochal

HEAVY = ["asyncio", "httpx2", "numpy", "pandas", "rich", "ssl", "urllib.request"]
PROGRAM = f"""
import json, sys
import epochal
dir(epochal)
first = [name for name in {HEAVY} if name in sys.modules]
epochal.NotFoundError
errors = [name for name in {HEAVY} if name in sys.modules]
epochal.Epochal
waits = [name for name in sys.modules if name.startswith("epochal._async")]
print(json.dumps([first, errors, waits]))
"""


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    """Nor is one client for the other."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[], [], []]


def test_every_name_is_there() -> None:
    found = {name: getattr(epochal, name) for name in epochal.__all__}
    assert {name: kind.__name__ for name, kind in found.items()} == {name: name for name in epochal.__all__}
    assert dir(epochal) == epochal.__all__ == sorted(epochal.__all__)
    assert all(kind.__doc__ for kind in found.values())
    with pytest.raises(AttributeError, match="no attribute 'Client'"):
        epochal.Client  # type: ignore[attr-defined]  # noqa: B018  # there is none


def test_every_error_is_one_that_can_be_caught_by_itself() -> None:
    from epochal import errors

    defined = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert defined == {name for name in epochal.__all__ if name.endswith("Error")}
