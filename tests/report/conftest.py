"""A browser, where there is one, and pages of generated runs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field

import pytest
from playwright import sync_api

from fake_runs import EVIL, ODD_IDS, Made, write_run
from ftft.report.html import write_report
from ftft.results.read import read_run

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu-sandbox", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-default-apps"),
]


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium is installed (apt-get install chromium), so no page is opened")
    with sync_api.sync_playwright() as running:
        started = running.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield started
        started.close()


@dataclass
class Opened:
    """A page in a browser, and all that it complained about or asked for."""

    page: object
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.page, name)

    def rows(self):
        """The ids in the table."""
        return self.page.eval_on_selector_all(
            "#examples tbody tr[data-row] td:first-child button",
            "all => all.map(b => b.textContent)",
        )

    def wait_for_count(self, text):
        self.page.wait_for_selector(f"#count:text-is('{text}')", timeout=10_000)

    def column(self, number):
        return self.page.eval_on_selector_all(
            f"#examples tbody tr[data-row] td:nth-child({number})",
            "all => all.map(cell => cell.textContent)",
        )


@pytest.fixture
def opened(browser):
    """Open a page from disk and wait until its map is there."""
    contexts = []

    def call(path, *, hash="", **options):
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        result = Opened(context.new_page())
        page = result.page
        page.on(
            "console",
            lambda m: result.errors.append(m.text) if m.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: result.errors.append(str(error)))
        page.on("request", lambda request: result.requests.append(request.url))
        page.goto(path.absolute().as_uri() + hash)
        page.wait_for_selector("html[data-map=open]", state="attached", timeout=60_000)
        return result

    yield call
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A run whose texts, ids, slices and name would do harm, and a second one without OOD."""
    folder = tmp_path_factory.mktemp("runs")
    sources = ("fiction", "<b>letters</b>", "travel")
    first = Made(
        marks=EVIL, ids=ODD_IDS, sources=sources, seeds=(0, 1), gains=(0.024, 0.026), name="made"
    )
    other = Made(examples=200, sets=(), methods=("ftft",), seeds=(0,), name="other")
    return write_run(folder / "one", first), write_run(folder / "two", other)


@pytest.fixture(scope="session")
def page_file(runs, tmp_path_factory):
    """The page of the first run."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    return write_report([read_run(runs[0])], path)
