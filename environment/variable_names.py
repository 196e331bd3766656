"""Which `EPOCHAL_*` variables are settings, which are somebody else's, and which are misspelt."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

PREFIX = "EPOCHAL_"
OF_THE_CLIENT = frozenset({"EPOCHAL_URL", "EPOCHAL_API_KEY"})

# Kubernetes sets these in every container, for each service of the namespace: for one that is called `epochal`,
# EPOCHAL_PORT=tcp://10.0.0.1:8000 and EPOCHAL_SERVICE_HOST; for `epochal-redis-url`, EPOCHAL_REDIS_URL_PORT, and so on.
_OF_KUBERNETES = re.compile(
    r"EPOCHAL(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_PORT_OF_KUBERNETES = re.compile(r"EPOCHAL(_[A-Z0-9_]+)?_PORT")
_ADDRESS_OF_KUBERNETES = re.compile(r"(tcp|udp|sctp)://(\[[0-9A-Fa-f:]+\]|[0-9.]+):[0-9]+")

# How alike a name must be to a setting's, both without the prefix, to be taken for it: PROT and PORT are 0.75.
ALIKE = 0.7


@dataclass(frozen=True, slots=True)
class Names:
    """What `EPOCHAL_*` variables there are beside settings."""

    misspelt: Mapping[str, str]  # by each name, the setting that it is like
    unknown: Collection[str]  # nobody's that is known


def is_of_kubernetes(name: str, value: str) -> bool:
    """Whether Kubernetes has set the variable, and no person."""
    if _OF_KUBERNETES.fullmatch(name):
        return True
    return _PORT_OF_KUBERNETES.fullmatch(name) is not None and _ADDRESS_OF_KUBERNETES.fullmatch(value) is not None


def other_names(environment: Mapping[str, str], settings: Collection[str]) -> Names:
    """Of an environment, where `settings` are the names of all settings, with the prefix."""
    misspelt: dict[str, str] = {}
    unknown = []
    for name, value in environment.items():
        spelt = name.upper()
        if not spelt.startswith(PREFIX) or spelt in settings or spelt in OF_THE_CLIENT:
            continue
        if is_of_kubernetes(name, value):
            continue
        bare = [setting.removeprefix(PREFIX) for setting in settings]
        if meant := get_close_matches(spelt.removeprefix(PREFIX), bare, 1, ALIKE):
            misspelt[name] = PREFIX + meant[0]
        else:
            unknown.append(name)
    return Names(misspelt, unknown)
