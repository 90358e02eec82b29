"""Take the pictures of a report that docs/gallery.md shows.

`gallery.py REPORT.html FOLDER NAME [PICTURE...]`, with Chromium installed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
# Name of the picture, screen, colours, and what of the page it is of; None: its top.
PICTURES = (
    ("top", WIDE, "light", None),
    ("scores-dark", WIDE, "dark", "#results"),
    ("map", WIDE, "light", "#map"),
    ("phone", PHONE, "light", None),
    ("phone-scores", PHONE, "light", "#results"),
    ("phone-map-dark", PHONE, "dark", "#map"),
)


def main(report: Path, folder: Path, name: str, wanted: list[str]) -> None:
    """Take those that are wanted, else all of them."""
    found = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for picture, screen, colours, part in PICTURES:
            if picture in (wanted or [picture]):
                take(browser, report, screen, colours, part, folder / f"{name}-{picture}.png")
        browser.close()


def take(
    browser: Browser, report: Path, screen: dict[str, int], colours: str, part: str | None, to: Path
) -> None:
    """Take one of them."""
    small = screen is PHONE
    context = browser.new_context(
        viewport=screen, color_scheme=colours, has_touch=small, is_mobile=small
    )
    page = context.new_page()
    page.goto(report.absolute().as_uri())
    page.wait_for_selector("html[data-charts=drawn]", state="attached", timeout=120_000)
    if part is not None:
        page.add_style_tag(content="html { scroll-behavior: auto !important; }")
        page.locator(f"{part} h2").scroll_into_view_if_needed()
        page.evaluate("part => document.querySelector(part).scrollIntoView()", part)
    page.wait_for_timeout(300)
    page.screenshot(path=str(to))
    context.close()
    Image.open(to).convert("RGB").quantize(160).save(to, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
