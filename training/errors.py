"""The error for every mistake in a data set, and library errors in a form that users may see. Torch-free.

Users must not see paths of the server, and should see the names that they have sent themselves, whole. A message has
both, and is looked through once it is put together: names that look like paths stand in ⟨ ⟩, and stay.
"""

import re

# Absolute paths up to the last name. In quotes, a path may have spaces; outside, it ends at the first one.
_FOLDERS = re.compile(
    r"""(?:(?<=['"])(?:file://)?/[^'"\n]*/|(?<![^\s'"(=\[{,`])(?:file://)?/(?:[^/\s'"<>|:;,()]+/)+)"""
)
_KEPT = re.compile(rf"(⟨[^⟨⟩\n]*⟩)|{_FOLDERS.pattern}")


class DatasetInvalid(ValueError):
    """The data set that the user named cannot be used: `detail` says what is wrong and where, `hint` what to change.

    Users see both, so paths in them are relative to the data sets' folder: they must not show where that is on the
    server. In a notebook, `load_dataset` adds it as a note, which a traceback shows.
    """

    def __init__(self, detail: str, hint: str) -> None:
        # Both are stored in databases and JSON as UTF-8, and the name of a file may have bytes that are not.
        self.detail = detail.encode(errors="backslashreplace").decode()
        self.hint = hint.encode(errors="backslashreplace").decode()
        super().__init__(self.detail, self.hint)  # so that it survives a pipe

    def __str__(self) -> str:
        return f"{self.detail} {self.hint}"


def told(error: BaseException) -> str:
    """The message of a library's error without paths of this machine, for the user who submitted a job."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return _FOLDERS.sub("…/", str(error))


def without_folders(text: str) -> str:
    """`text` with absolute paths cut down to their last names, but for what `kept` has marked."""
    return _KEPT.sub(lambda found: found[1] or "…/", text)


def kept(name: str) -> str:
    """`name`, which somebody has sent or this code has made up, for a message: in ⟨ ⟩ where it, or what follows, would
    be taken for a path of the server. Such marks of its own are escaped, so that nobody can hide one."""
    looks_so = f"{name}/"
    if without_folders(looks_so) == looks_so and "⟨" not in name and "⟩" not in name:
        return name
    return f"⟨{name.replace('⟨', ascii('⟨')[1:-1]).replace('⟩', ascii('⟩')[1:-1])}⟩"
