"""Bounds on a process."""

import sys
from subprocess import run

BOUNDED = """
import resource
from environment.process_limits import address_space, limit
assert address_space() > 2**20
limit(resource.RLIMIT_NOFILE, 50)
limit(resource.RLIMIT_NOFILE, 60)
limit(resource.RLIMIT_CORE, 0, for_good=True)
limit(resource.RLIMIT_CORE, 10)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], *resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_a_bound_for_good_is_not_raised_again() -> None:
    told = run([sys.executable, "-c", BOUNDED], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["60", "0", "0"]
