"""The page of a run: its size, and how fast it is in a browser, by number of examples.

    python benchmarks/report.py --examples 1000 100000 400000
    python benchmarks/report.py --draw webgl          WebGL, also where it is computed in software

Runs are made up. Each page is opened from disk in Chromium without a window, in a new context:

    written   seconds to write the page from the run folder
    open      from the start of the navigation until the map is drawn and the table filled
    lasso     from the end of a lasso around the middle of the map until the table is filled
    sort      from choosing another statistic until the table is filled
    search    from the end of typing a word until all texts are searched
    frame     between two frames while the map is dragged, median and 95th percentile
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from fake_runs import Made, write_run
from ftft.report.html import write_report
from ftft.results.read import read_run

ARGUMENTS = ["--no-sandbox", "--disable-gpu-sandbox", "--no-first-run"]
FRAMES = 60

MEASURE_FRAMES = """(count) => new Promise((done) => {
    const gaps = [], plane = ftft.explorer.plane;
    let last = performance.now();
    const step = (now) => {
        gaps.push(now - last);
        last = now;
        plane.move(3, 1);
        if (gaps.length > count) done(gaps.slice(1)); else requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
})"""

# Seconds until the table has been filled again after something was done.
UNTIL_LISTED = """(what) => new Promise((done) => {
    const { listeners } = ftft.explorer.listing, before = listeners.changed;
    const start = performance.now();
    listeners.changed = () => {
        before();
        listeners.changed = before;
        done((performance.now() - start) / 1000);
    };
    if (what === "lasso") {
        const { plane } = ftft.explorer, { clientWidth: w, clientHeight: h } = plane.element;
        const corners = [[0.3, 0.3], [0.7, 0.25], [0.75, 0.7], [0.5, 0.8], [0.25, 0.6]];
        ftft.explorer.choose(plane.inside(corners.map(([x, y]) => [x * w, y * h])), false);
    } else if (what === "sort") {
        ftft.explorer.sort("aum", true);
    } else {
        listing.query = "orchard";
        listing.refresh();
    }
})"""


def measured(browser: Any, path: Path, draw: str) -> dict[str, float]:
    """Open a page and use it."""
    context = browser.new_context(viewport={"width": 1360, "height": 860})
    page = context.new_page()
    start = time.perf_counter()
    page.goto(f"{path.as_uri()}#draw={draw}" if draw else path.as_uri())
    page.wait_for_selector("html[data-map=open]", state="attached", timeout=120_000)
    page.wait_for_selector("#drawing:empty", state="attached", timeout=120_000)
    found = {"open": time.perf_counter() - start}
    page.wait_for_selector("html[data-charts=drawn]", state="attached", timeout=120_000)
    for what in ("sort", "search"):
        found[what] = page.evaluate(UNTIL_LISTED, what)
    page.evaluate("ftft.explorer.preset('all')")
    page.wait_for_timeout(1000)
    gaps = sorted(page.evaluate(MEASURE_FRAMES, FRAMES))
    found["frame"], found["slow frame"] = statistics.median(gaps), gaps[int(0.95 * len(gaps))]
    page.evaluate("ftft.explorer.plane.whole()")
    page.wait_for_timeout(1000)
    found["lasso"] = page.evaluate(UNTIL_LISTED, "lasso")
    print(f"    drawn by: {page.evaluate('ftft.explorer.plane.drawing.kind')}")
    context.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", nargs="+", type=int, default=[1000, 100_000, 400_000])
    parser.add_argument("--draw", choices=["webgl", "pixels"], default="")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or sys.exit("no chromium: apt-get install chromium")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as place, sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for examples in options.examples:
            folder = write_run(Path(place) / str(examples), Made(examples=examples, seeds=(0,)))
            start = time.perf_counter()
            path = write_report([read_run(folder)], Path(place) / f"{examples}.html")
            written = time.perf_counter() - start
            print(f"{examples:,} examples: {path.stat().st_size / 1e6:.1f} MB, {written:.1f} s")
            found = measured(browser, path, options.draw)
            print(
                f"    open {found['open']:.2f} s, lasso {found['lasso']:.2f} s, "
                f"sort {found['sort']:.2f} s, search {found['search']:.2f} s, "
                f"frame {found['frame']:.0f} ms (95%: {found['slow frame']:.0f} ms)"
            )
        browser.close()


if __name__ == "__main__":
    main()
