"""Which release of this code runs. Torch-free, and it knows no platform: a trainer says it as well as a service."""

import re
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[1]
REVISION_FILE = "REVISION"  # beside the code: an image is built with it (deploy/Dockerfile)


@cache
def release() -> str:
    """The version, such as 0.3.0; `unknown` where somebody has taken the folder `training` alone."""
    try:
        return version("epochal-server")
    except PackageNotFoundError:  # run from its sources
        pass
    try:
        return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
    except OSError:
        return "unknown"


@cache
def revision() -> str | None:
    """The commit that the image was built from; None outside of an image, or where its build did not say."""
    try:
        text = (ROOT / REVISION_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return text if re.fullmatch("[0-9A-Za-z._-]{1,64}", text) else None
