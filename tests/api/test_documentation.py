"""The page at /docs: it works without a network, and what it is made of is what its makers published."""

import re
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from api.contract.documentation import STATIC

VENDORED = STATIC / "swagger-ui"


class Loaded(HTMLParser):
    """What a page loads, and what it says to run itself."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self._within: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag
        for name, value in attrs:
            if (tag, name) in {("script", "src"), ("link", "href"), ("img", "src")}:
                self.addresses.append(str(value))
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")

    def handle_data(self, data: str) -> None:
        if self._within in ("script", "style") and data.strip():
            self.inline.append(data)


def test_every_vendored_file_is_as_it_was_published() -> None:
    lines = [line.split(maxsplit=1) for line in (VENDORED / "SHA256SUMS").read_text().splitlines()]
    listed = {name: digest for digest, name in lines}
    there = {file.name: sha256(file.read_bytes()).hexdigest() for file in VENDORED.iterdir()}
    ours = {"README.md", "SHA256SUMS"}
    assert {name: digest for name, digest in there.items() if name not in ours} == listed
    assert "LICENSE" in listed


def test_everything_that_the_page_loads_is_here(front: TestClient) -> None:
    page = front.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    loaded = Loaded(page.text)
    assert len(loaded.addresses) >= 4
    for address in loaded.addresses:
        assert "//" not in address
        answer = front.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert re.search("/assets/[0-9a-f]{16}/", address)
    assert front.get("/openapi.json").status_code == 200


def test_the_page_may_run_nothing_but_our_files(front: TestClient) -> None:
    page = front.get("/docs")
    assert Loaded(page.text).inline == []
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert not re.search(r"unsafe|https?:|\*", page.headers["content-security-policy"])


def test_the_page_asks_for_the_contract_and_gives_it_to_nobody() -> None:
    script = (STATIC / "docs.js").read_text()
    assert 'url: document.getElementById("swagger-ui").dataset.contract' in script
    assert "validatorUrl: null" in script
    assert "//" not in re.sub(r"// .*", "", script)


@pytest.mark.parametrize(
    "address",
    ["/docs/assets/0123456789abcdef/swagger-ui.css", "/docs/assets/../docs.js", "/docs/assets/docs.html", "/redoc"],
)
def test_nothing_else_is_served(front: TestClient, address: str) -> None:
    assert front.get(address).json()["code"] == "route_not_found"


def test_it_can_be_asked_for_without_its_content(front: TestClient) -> None:
    assert front.head("/docs").status_code == 200
