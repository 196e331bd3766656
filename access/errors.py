"""What keeps a client out. None of these knows HTTP.

AccessError
├── KeyInvalid
├── LinkInvalid
├── LinkExpired
├── KeyNotFound
├── TooManyKeys
├── ProjectNotFound
└── ProjectExists
"""

from environment.startup import CannotStart


class AccessError(Exception):
    """Something that is not for this client."""


class KeyInvalid(AccessError):
    """There is no such key, or it is not valid any more. Which of the two is not told to whoever tries."""

    def __init__(self) -> None:
        super().__init__(
            "The API key is unknown, expired or revoked: send `Authorization: Bearer epochal_<id>.<secret>` "
            "with a key that an administrator made."
        )


class LinkInvalid(AccessError):
    """The signature of a link is not that of a valid key for this address. What is wrong is not told to whoever
    tries."""

    def __init__(self) -> None:
        super().__init__(
            "A link is for GET and HEAD of the one address that it was made for, and ends with the key that made it: "
            "make a new one with POST /v1/links."
        )


class LinkExpired(AccessError):
    """The link was right, and its minute is over."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"A link is valid for {seconds} seconds, and these are over: make a new one with POST /v1/links. "
            "A download that has begun goes on."
        )


class KeyNotFound(AccessError):
    """The project has no such key."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"There is no key {key_id!r}.")


class TooManyKeys(AccessError):
    """The project has as many keys as it may have."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"A project may have {most} keys that are valid: revoke one that nobody uses (`last_used_at` says when it "
            "was used), or have clients share one."
        )


class ProjectNotFound(AccessError):
    """There is no such project, or it is not the caller's."""

    def __init__(self, project: str) -> None:
        super().__init__(f"There is no project {project!r}.")


class ProjectExists(AccessError):
    """A project has this name already."""

    def __init__(self, project: str) -> None:
        super().__init__(f"There is a project {project!r} already: choose another id, or change that one with PATCH.")


class NoOperator(CannotStart):
    """Keys are asked for, and there is none that could make others. The message says what would help."""
