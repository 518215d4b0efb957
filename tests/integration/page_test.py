"""The page at / in a real browser: it tells of an outage and of the drain after it, on a screen and on a phone.

With BOTTLEDWATER_SCREENSHOTS=FOLDER it leaves pictures there: docs/screenshots are made so.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Scene
from harness.browser import CHROMIUM, Browser
from harness.writer import Writer

from servers import free_port

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed: scripts/test installs it")

WIDTHS = [1024, 360, 320]


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as browser:
        yield browser


def look_at(browser: Browser, name: str) -> None:
    """On every kind of screen, nothing is wider than it; pictures where they are wanted."""
    folder = os.environ.get("BOTTLEDWATER_SCREENSHOTS")
    for width in WIDTHS:
        for dark in (False, True):
            browser.look_like(width, dark)
            wider = browser.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, f"{name} at {width} px is {wider} px too wide"
            if folder:
                browser.screenshot(Path(folder) / f"{name}-{width}-{'dark' if dark else 'light'}.png")
    browser.look_like(1024)


def test_the_page_tells_of_an_outage_and_of_its_end(scene: Scene, browser: Browser):
    scene.execute("CREATE TABLE orders (id int PRIMARY KEY, item text)")
    address = f"127.0.0.1:{free_port()}"
    scene.running_relay(admin=address)
    browser.look_like(1024)
    with Writer(scene.url(), "INSERT INTO orders VALUES ({n}, 'secret-value')", per_second=400) as writer:
        writer.wait_for(400)
        browser.open(f"http://{address}/")
        browser.wait_for_text("Everything works", "public.orders", timeout=15)
        look_at(browser, "well")

        scene.servers.kafka.kill9()
        browser.wait_for_text("is away", "Since", "The spool lasts", "What to do", timeout=15)
        assert scene.servers.kafka.address in browser.text()
        look_at(browser, "outage")
        assert "is away" in browser.evaluate("document.querySelector('[aria-live]').textContent")

        scene.execute("INSERT INTO orders SELECT -i, 'secret-value' FROM generate_series(1, 400000) i")
        scene.servers.kafka.restart()
        browser.wait_for_text("Catching up", timeout=60)
        look_at(browser, "drain")
    scene.settle()
    browser.wait_for_text("Everything works", timeout=30)
    assert "secret-value" not in browser.evaluate("document.documentElement.outerHTML")
    # Without the relay, Chromium itself complains of each failed request; before, nothing may.
    assert browser.errors == []
    assert {url for url in browser.requested if not url.startswith(("data:", f"http://{address}/"))} <= {"about:blank"}


def test_the_page_says_when_the_relay_does_not_answer(scene: Scene, browser: Browser):
    address = f"127.0.0.1:{free_port()}"
    relay = scene.running_relay(admin=address)
    browser.open(f"http://{address}/")
    browser.wait_for_text("Everything works", timeout=15)
    relay.kill9()
    browser.wait_for_text("does not answer", timeout=15)
    look_at(browser, "gone")
    relay.start()
    browser.wait_for_text("Everything works", timeout=30)


def test_everything_can_be_reached_by_keyboard_and_is_named(scene: Scene, browser: Browser):
    address = f"127.0.0.1:{free_port()}"
    scene.running_relay(admin=address)
    browser.open(f"http://{address}/")
    browser.wait_for_text("Everything works", timeout=15)
    nameless = browser.evaluate("""[...document.querySelectorAll('button, a, input, select, summary')]
        .filter(one => !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length))
        .map(one => one.outerHTML)""")
    assert nameless == []
    assert browser.evaluate("[...document.querySelectorAll('th')].every(one => one.scope)")
    assert browser.evaluate("document.documentElement.lang") == "en"
    assert browser.evaluate("document.querySelectorAll('main, h1').length") >= 2
    assert browser.evaluate("[...document.querySelectorAll('[tabindex]')].every(one => one.tabIndex <= 0)")
