"""What goes wrong in a page without anybody seeing it."""

import re
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request, Response

VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI}`));"""
ABORTED = "net::ERR_ABORTED"  # the page itself gave the request up, or left
ANSWERED = "Failed to load resource: the server responded"  # told with its address by the answer itself


class Problems:
    """Of all pages of a test, one line each."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def expect(self, *patterns: str) -> None:
        """What matches one of these is no problem in this test."""
        self._expected += map(re.compile, patterns)

    def left(self) -> list[str]:
        return [each for each in self.found if not any(pattern.search(each) for pattern in self._expected)]

    def watch(self, page: Page, origin: str) -> None:
        def on_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and not message.text.startswith(ANSWERED):
                self.found.append(f"console: {message.text} ({message.location.get('url', '')})")

        def on_request(request: Request) -> None:
            address = urlsplit(request.url)
            if address.scheme not in ("data", "blob") and f"{address.scheme}://{address.netloc}" != origin:
                self.found.append(f"left the origin: {request.method} {request.url}")

        def on_failed(request: Request) -> None:
            if request.failure != ABORTED:
                self.found.append(f"failed: {request.method} {_path(request.url)}: {request.failure}")

        def on_response(response: Response) -> None:
            if response.status >= 400:
                self.found.append(f"{response.status}: {response.request.method} {_path(response.url)}")

        def on_error(error: Any) -> None:
            self.found.append(f"error: {error} {getattr(error, 'stack', '')}")

        page.add_init_script(VIOLATIONS)
        page.on("console", on_console)
        page.on("request", on_request)
        page.on("requestfailed", on_failed)
        page.on("response", on_response)
        page.on("pageerror", on_error)


def _path(url: str) -> str:
    address = urlsplit(url)
    return address.path + (f"?{address.query}" if address.query else "")
