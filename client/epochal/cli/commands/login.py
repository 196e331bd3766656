"""`epochal login` and `epochal logout`."""

from __future__ import annotations

from epochal.cli.failures import CommandError
from epochal.cli.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from epochal.cli.context import Context
    from epochal.cli.parser import Parser
    from epochal.cli.state import Target

DONE = 0


def _login_arguments(parser: Parser) -> None:
    parser.add_argument("address", nargs="?", metavar="ADDRESS", help="such as https://epochal.example.org")
    parser.add_argument("--key-stdin", action="store_true", help="read the key from the standard input")


def _login(context: Context) -> int:
    from epochal.cli.state import Target, canonical, find_target, read_config

    asked = context.arguments
    address = asked.address or find_target(asked.url).address
    key = _read_key() if asked.key_stdin else None
    config = read_config()
    if key is None and _is_accepted(context, Target(address, None, "")):
        config.keys.pop(canonical(address), None)
    else:
        key = key or _ask_key(address)
        if not _is_accepted(context, Target(address, key, "")):
            raise CommandError(
                f"{canonical(address)} does not know this key", "Is it for that service, and still valid?", 3
            )
        config.keys[canonical(address)] = key
    config.address = address.strip()
    config.save()
    _warn(context, address, has_key=key is not None)
    return DONE


def _warn(context: Context, address: str, *, has_key: bool) -> None:
    import os

    from epochal.cli.state import canonical

    output = context.plain_output()
    output.note(f"{canonical(address)}: {'the key is stored' if has_key else 'it asks for no key'}.")
    for name in ("EPOCHAL_URL", "EPOCHAL_API_KEY"):
        if os.environ.get(name):
            output.note(f"{name} is set here, and goes before what is stored.")


def _is_accepted(context: Context, target: Target) -> bool:
    """Whether the service takes requests with this key, or without one. Raises EpochalError where it cannot be said."""
    from epochal.errors import AuthenticationError

    client = context.client_of(target)
    try:
        client.jobs.list(limit=1).first_page()
    except AuthenticationError:
        return False
    finally:
        client.close()
    return True


def _read_key() -> str:
    from epochal.cli.output import read_standard_input

    key = read_standard_input().strip()
    if not key:
        raise CommandError("there is no key in the standard input")
    return key


def _ask_key(address: str) -> str:
    """Without showing it."""
    from epochal.cli.context import may_ask
    from epochal.cli.state import canonical
    from epochal.terminal.text import safe

    if not may_ask():
        raise CommandError(
            "this service asks for a key, and there is no terminal to ask for it",
            "Pipe it in: epochal login --key-stdin < FILE",
        )
    import getpass

    try:
        key = getpass.getpass(f"Key for {safe(canonical(address))}: ").strip()
    except EOFError:
        key = ""
    if not key:
        raise CommandError("no key was given")
    return key


def _logout_arguments(parser: Parser) -> None:
    parser.add_argument("address", nargs="?", metavar="ADDRESS", help="of the service (default: the one in use)")


def _logout(context: Context) -> int:
    from epochal.cli.state import canonical, find_target, read_config

    address = canonical(context.arguments.address or find_target(context.arguments.url).address)
    config = read_config()
    if config.keys.pop(address, None) is None:
        raise CommandError(f"no key is stored for {address}")
    config.save()
    context.plain_output().note(
        f"{address}: the key is forgotten. It stays valid: `epochal keys revoke` takes it back."
    )
    return DONE


COMMANDS = {
    "login": Command(
        _login,
        "Try a service, and remember its address and the key for it, in a file that only you can read. The key "
        "is asked for on the terminal, or read from the standard input, and never sent to another address. EPOCHAL_URL "
        "and EPOCHAL_API_KEY go before what is stored.",
        [
            ("epochal login http://127.0.0.1:8000", "asks for a key if the service does"),
            ("epochal login https://epochal.example.org --key-stdin < key.txt", "without a terminal"),
        ],
        _login_arguments,
        has_forms=False,
    ),
    "logout": Command(
        _logout,
        "Forget the key for a service.",
        [("epochal logout", "of the service in use")],
        _logout_arguments,
        has_forms=False,
    ),
}
