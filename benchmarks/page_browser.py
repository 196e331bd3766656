"""What a page in Chromium tells of itself: paints, long tasks, nodes, memory, and what it has loaded."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WATCH = """window.__tasks = [];
new PerformanceObserver((list) => list.getEntries().forEach((each) => __tasks.push([each.startTime, each.duration])))
  .observe({ type: "longtask", buffered: true });"""
NODES = """() => {
  const walker = document.createTreeWalker(document, NodeFilter.SHOW_ALL);
  let count = 0;
  while (walker.nextNode()) count += 1;
  return count;
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's. Without one, there is nothing to measure."""
    path = next(filter(None, map(shutil.which, NAMES)), None) or sys.exit("There is no Chromium here.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Loaded:
    """How much, as it came over the connection, headers included."""

    requests: int = 0
    bytes: int = 0


class Watched:
    """A page of its own browser context, with an empty cache."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.context: BrowserContext = browser.new_context(base_url=url, viewport={"width": 1280, "height": 900})
        self.context.set_default_timeout(120_000)
        self.page: Page = self.context.new_page()
        self.page.add_init_script(WATCH)
        self._cdp: CDPSession = self.context.new_cdp_session(self.page)
        self._cdp.send("Network.enable")
        self._addresses: dict[str, str] = {}
        self.files = Loaded()  # of the page itself
        self.answers = Loaded()  # of the API
        self._cdp.on("Network.requestWillBeSent", self._sent)
        self._cdp.on("Network.loadingFinished", self._finished)

    def _sent(self, event: Any) -> None:
        self._addresses[event["requestId"]] = event["request"]["url"]

    def _finished(self, event: Any) -> None:
        loaded = self.answers if "/v1/" in self._addresses[event["requestId"]] else self.files
        loaded.requests += 1
        loaded.bytes += int(event["encodedDataLength"])

    def first_paint(self) -> float:
        """Milliseconds from the navigation to the first content."""
        entries = "performance.getEntriesByName('first-contentful-paint').map((each) => each.startTime)"
        [milliseconds] = self.page.evaluate(entries)
        return float(milliseconds)

    def now(self) -> float:
        """Milliseconds since the navigation."""
        return float(self.page.evaluate("performance.now()"))

    def long_tasks(self, since: float = 0) -> list[float]:
        """How long each task over 50 ms took, in milliseconds."""
        return [duration for start, duration in self.page.evaluate("__tasks") if start >= since]

    def nodes(self) -> int:
        """Of the document, elements and texts."""
        return int(self.page.evaluate(NODES))

    def heap(self) -> int:
        """Bytes of JavaScript's heap that are in use after a garbage collection."""
        for _ in range(2):
            self._cdp.send("HeapProfiler.collectGarbage")
        return int(self._cdp.send("Runtime.getHeapUsage")["usedSize"])

    def close(self) -> None:
        """Forget it, and its cache."""
        self.context.close()
