"""A real FormKit in a real Chromium: one browser for each module, one small server for all; nothing of them is left."""

from __future__ import annotations

import os
import shutil
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Page

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
FILES = {
    "/": HERE / "page/index.html",
    "/page.js": HERE / "page/page.js",
    "/vue.js": MODULES / "vue/dist/vue.runtime.global.prod.js",
    "/formkit.js": MODULES / "@formkit/vue/dist/index.iife.js",
    "/formkit-host.js": HERE.parents[1] / "docs/examples/formkit-host.js",
}
# No eval, no inline scripts, nothing from elsewhere: forms have to work on a page that allows no more than this.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class _Files(BaseHTTPRequestHandler):
    """Serve the files of the page, and nothing else."""

    def __init__(self, *args: Any, files: Mapping[str, Path]) -> None:
        self._files = files
        super().__init__(*args)

    def do_GET(self) -> None:
        path = self._files.get(self.path)
        if path is None:
            self.send_error(404)
            return
        body = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if path.suffix == ".html" else "text/javascript")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that is given by http.server
        """Say nothing."""


def chromium() -> str | None:
    """Return where Chromium is: that of the system, or what ``PLUGBUS_CHROMIUM`` names."""
    named = os.environ.get("PLUGBUS_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def _skip(reason: str) -> NoReturn:
    """Skip what can't be run; fail where it was asked for by ``make browser``, which says where Chromium is."""
    if "PLUGBUS_CHROMIUM" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    missing = [path.name for path in FILES.values() if not path.is_file()]
    if missing:
        _skip(f"needs {', '.join(missing)} of tests/browser/node_modules: make browser")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, files=FILES))
    thread = Thread(target=server.serve_forever, name="page")
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


# Playwright has an event loop running in this thread while it is open: it is closed before other tests come.
@pytest.fixture(scope="module")
def open_page(address: str) -> Iterator[Page]:
    if find_spec("playwright") is None:
        _skip("needs playwright: make browser")
    executable = chromium()
    if executable is None:
        _skip("needs Chromium: apt-get install chromium, or name one in PLUGBUS_CHROMIUM")
    from playwright.sync_api import sync_playwright

    # Only who may start processes without a sandbox, as root in a container may, does so; the page is our own.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with (
        sync_playwright() as started,
        started.chromium.launch(executable_path=executable, args=arguments) as browser,
    ):
        page = browser.new_page()
        page.set_default_timeout(10_000)
        page.goto(address)
        yield page


class Shown:
    """One form on the page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def show(self, schema: Any) -> None:
        """Show a schema; nothing may go wrong with it."""
        self.page.evaluate("schema => show(schema)", schema)
        assert self.faults == []

    @property
    def faults(self) -> list[str]:
        """Return what went wrong on the page."""
        found: list[str] = self.page.evaluate("faults")
        return found

    @property
    def ran(self) -> list[Any]:
        """Return what hostile text has left behind."""
        found: list[Any] = self.page.evaluate("ran")
        return found

    def submit(self) -> Any:
        """Submit the form; return what it sends, None if it does not."""
        return self.page.evaluate("submit()")

    @property
    def values(self) -> Any:
        """Return the values that the form holds now."""
        return self.page.evaluate("values()")

    @property
    def messages(self) -> list[str]:
        """Return the messages of validation that are shown."""
        return self.page.locator(".formkit-message, [role=alert]").all_inner_texts()


@pytest.fixture
def shown(open_page: Page) -> Iterator[Shown]:
    open_page.evaluate("ran.length = 0")
    yield Shown(open_page)
    assert open_page.evaluate("ran") == [], "text of an author was executed"
