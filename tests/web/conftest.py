"""A browser, services, and pages that are watched: see the package's docstring."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.acceptance.conftest import Deployment
from tests.api.conftest import _routes_built_once  # noqa: F401  # a fixture: applications share their routes
from tests.browser import launched
from tests.conftest import Databases
from tests.web.problems import Problems
from tests.web.service import Service

PATIENCE_SECONDS = 45.0  # of what takes a moment on a machine that is not busy

expect.set_options(timeout=1000 * PATIENCE_SECONDS)


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Returns once it holds; fails with `what` where it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def settled(page: Page) -> None:
    """Returns once the view is there and its document has not changed for a moment."""
    expect(page.locator("#content > *").first).to_be_attached()
    loading = page.locator(".loading")
    expect(loading, page.url).to_have_count(0)
    page.evaluate("""() => new Promise((resolve) => {
      let timer = setTimeout(resolve, 120);
      setTimeout(resolve, 2000); // a page that shows something live does not come to rest
      new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(resolve, 120); })
        .observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true });
    })""")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def _new_service(
    sqlite_databases: Databases, _redis_server: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Any]:
    @contextmanager
    def new(**options: Any) -> Iterator[Service]:
        with sqlite_databases(migrated=True) as url:
            service = Service(url, _redis_server, tmp_path_factory.mktemp("service"), **options)
            yield service
            service.close()

    return new


@pytest.fixture(scope="module")
def service(_new_service: Callable[..., Any]) -> Iterator[Service]:
    with _new_service() as service:
        yield service


class Contexts(list[BrowserContext]):
    def close(self) -> None:
        while self:
            self.pop().close()


@pytest.fixture
def _contexts() -> Iterator[Contexts]:
    """Of the test's pages. They are closed before their service is, whose end they would take for a fault."""
    contexts = Contexts()
    yield contexts
    contexts.close()


@pytest.fixture
def fresh_service(_new_service: Callable[..., Any], _contexts: Contexts) -> Iterator[Service]:
    with _new_service() as service:
        yield service
        _contexts.close()


@pytest.fixture
def keyed_service(_new_service: Callable[..., Any], _contexts: Contexts) -> Iterator[Service]:
    with _new_service(require_keys=True) as service:
        yield service
        _contexts.close()


@pytest.fixture(scope="package")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("deployment"))
    deployment.start()
    yield deployment
    deployment.stop()


@pytest.fixture
def problems() -> Iterator[Problems]:
    problems = Problems()
    yield problems
    assert problems.left() == []


class OpenPage(Protocol):
    """Opens pages that are watched."""

    def __call__(
        self,
        service: "Service | Deployment | str",
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        locale: str = "en-GB",
        context: BrowserContext | None = None,
        **options: Any,
    ) -> Page:
        """A page of that service, or at that origin. Two of one `context` are two tabs of one browser."""  # fmt: skip


def _origin(service: "Service | Deployment | str") -> str:
    match service:
        case str():
            return service
        case Service():
            return service.url
        case _:
            return str(service.http.base_url).rstrip("/")


@pytest.fixture
def open_page(chromium: Browser, problems: Problems, _contexts: Contexts) -> OpenPage:
    def open_one(
        service: Service | Deployment | str,
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        locale: str = "en-GB",
        context: BrowserContext | None = None,
        **options: Any,
    ) -> Page:
        if context is None:
            context = chromium.new_context(
                base_url=_origin(service),
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
                locale=locale,
                reduced_motion="reduce",
                **options,
            )
            context.set_default_timeout(1000 * PATIENCE_SECONDS)
            _contexts.append(context)
        page = context.new_page()
        problems.watch(page, _origin(service))
        return page

    return open_one


@pytest.fixture
def page(open_page: OpenPage, service: Service) -> Page:
    return open_page(service)
