"""Dagster's own pages on a home that was synchronised once, and a browser that nobody has used before."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from ml_connector.cli.processes import HOST, Processes, free_ports
from ml_connector_tests.faults.site import Site, open_site

NO_CHROMIUM = (
    "There is no `chromium` on this machine, and the pages were not read. "
    "Install it: apt-get install chromium (Debian and Ubuntu)."
)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}",  # a page that reaches beyond this machine fails
)
PATIENCE = 60_000  # milliseconds; the machine may be busy
START_SECONDS = 120
FAILED = pytest.StashKey[bool]()


@dataclass(frozen=True, slots=True)
class Pages:
    """Dagster's pages of a site."""

    url: str
    site: Site


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note that a test failed, so that `page` takes a picture."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="module")
def chromium() -> str:
    """The machine's browser; the first thing that is asked for, because without it all else is in vain."""
    return shutil.which("chromium") or pytest.fail(NO_CHROMIUM)


@pytest.fixture(scope="module")
def targets() -> tuple[str, ...]:
    """Where the site delivers to; a module may say something else."""
    return ("mailchimp",)


@pytest.fixture(scope="module")
def pages(chromium: str, targets: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """300 customers, synchronised once as the command line does it, and the webserver on that home."""
    folder = tmp_path_factory.mktemp("site")
    with open_site(folder, customers=300, targets=targets) as site, Processes() as processes:
        assert site.sync() == 0
        [port] = free_ports(1)
        workspace = str(site.home.path / "workspace.yaml")
        command = [sys.executable, "-m", "dagster_webserver", "-w", workspace, "-h", HOST, "-p", str(port)]
        webserver = processes.start("The webserver", command, site.home.environment())
        processes.wait_until_serving(webserver, port, START_SECONDS)
        yield Pages(f"http://{HOST}:{port}", site)


@pytest.fixture(scope="module")
def browser(chromium: str, pages: Pages) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS, timeout=PATIENCE)
        context = started.new_context(base_url=pages.url, viewport={"width": 1500, "height": 1000})
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield context
        started.close()


@pytest.fixture
def page(browser: BrowserContext, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Page]:
    """An empty page. What the browser's console calls an error fails the test; a failed test leaves `failed.png`."""
    errors: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(f"{message.text} ({message.location.get('url')})")

    page = browser.new_page()
    page.on("console", listen)
    page.on("pageerror", lambda error: errors.append(str(error)))
    # Dagster invites to its community on the first page that an installation ever shows.
    page.add_locator_handler(page.get_by_role("button", name="Skip"), lambda button: button.click())
    yield page
    if errors or request.node.stash.get(FAILED, False):
        page.screenshot(path=tmp_path / "failed.png")
        print(f"What the page looked like: {tmp_path / 'failed.png'}")
    page.close()
    assert not errors
