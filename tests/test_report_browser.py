"""The page in a real browser without a window: nothing fails, nothing is missing or too wide.

Skipped where no browser is installed, unless CI_BROWSER=required is set.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .report_studies import study, written

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTHS = (400, 1400)


def missing() -> str | None:
    """Why there is no browser to test with, or None."""
    if not any(map(shutil.which, BROWSERS)):
        return "no browser: install chromium"
    if not shutil.which("chromedriver"):
        return "no chromedriver: install chromium-driver"
    return None


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    reason = missing()
    if reason:
        if os.environ.get("CI_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, BROWSERS)))
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # The driver is named, so that selenium does not look for one in the network.
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page() -> Path:
    return written() / "index.html"


def show(browser: Any, path: Path, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(path.as_uri())


def too_wide(browser: Any) -> bool:
    script = "const e = document.documentElement; return e.scrollWidth > e.clientWidth;"
    return bool(browser.execute_script(script))


# Elements that stick out of the window and are not inside a box that scrolls by itself.
OUTSIDE = """
const width = document.documentElement.clientWidth;
return [...document.querySelectorAll('body *')]
  .filter(e => !e.closest('.box table') && e.getBoundingClientRect().right > width + 1)
  .map(e => e.tagName + ' ' + e.className);
"""
HIDDEN = """
return [...document.querySelectorAll('h1, h2, h3, h4, p, li, table, figure, img, figcaption')]
  .filter(e => !e.closest('details'))
  .filter(e => { const box = e.getBoundingClientRect(); return !box.width || !box.height; })
  .map(e => e.outerHTML.slice(0, 80));
"""


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_is_shown(browser: Any, page: Path, width: int) -> None:
    show(browser, page, width)
    assert browser.get_log("browser") == []
    sizes = browser.execute_script("return [...document.images].map(i => i.naturalWidth);")
    assert len(sizes) == 7 + 2  # figures and canvases
    assert min(sizes) > 0
    assert browser.execute_script(HIDDEN) == []
    for label in study().settings:
        assert browser.find_element("tag name", "body").text.count(label) >= 5


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_sticks_out(browser: Any, page: Path, width: int) -> None:
    show(browser, page, width)
    assert not too_wide(browser)
    assert browser.execute_script(OUTSIDE) == []


def test_a_phone_has_figures_of_its_own(browser: Any, page: Path) -> None:
    used = []
    for width in WIDTHS:
        show(browser, page, width)
        script = "return document.querySelector('figure.plate img').naturalWidth;"
        used.append(browser.execute_script(script))
    assert used[0] < 400 < used[1]


def test_tables_scroll_inside_their_box(browser: Any, page: Path) -> None:
    show(browser, page, 400)
    script = """
    const box = document.getElementById('scores_spatial_probe_lite').closest('.box');
    box.scrollLeft = 50;
    return [box.scrollWidth > box.clientWidth, box.scrollLeft];
    """
    assert browser.execute_script(script) == [True, 50]


def test_tables_need_no_scrolling_on_a_wide_window_and_show_their_figures_on_a_phone(
    browser: Any, page: Path
) -> None:
    show(browser, page, 1400)
    boxes = "[...document.querySelectorAll('main > section > .box')]"
    cut = f"return {boxes}.filter(b => b.scrollWidth > b.clientWidth).map(b => b.innerText);"
    assert browser.execute_script(f"return {boxes}.length;") >= 5
    assert browser.execute_script(cut) == []
    show(browser, page, 400)
    first = f"return {boxes}.map(b => b.querySelector('td').getBoundingClientRect().right);"
    assert max(browser.execute_script(first)) < 400


def test_nothing_is_fetched(browser: Any, page: Path) -> None:
    show(browser, page, 1400)
    script = "return performance.getEntriesByType('resource').map(e => e.name);"
    assert all(name.startswith("data:") for name in browser.execute_script(script))


def test_the_checks_see_what_is_wrong(browser: Any, page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    wrong = "<div style='width: 3000px'>wide</div><img src='none.png' alt='none'></main>"
    broken = tmp_path / "broken.html"
    broken.write_text(text.replace("</main>", wrong), encoding="utf-8")
    show(browser, broken, 1400)
    assert too_wide(browser)
    assert browser.get_log("browser") != []
    assert browser.execute_script(OUTSIDE)


def test_it_prints_on_paper(browser: Any, page: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    show(browser, page, 690)  # of A4 between the margins
    assert not too_wide(browser)
    assert browser.execute_script(OUTSIDE) == []
    wide = browser.execute_script(
        "return [...document.querySelectorAll('table')]"
        ".filter(t => t.getBoundingClientRect().right > innerWidth).map(t => t.id);"
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert wide == []
