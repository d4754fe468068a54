"""A report in a real Chromium: nothing is loaded, nothing complains, it sorts, fits and can be read by everybody."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.reporting.content import Options, report
from blpo_inspect.reporting.page import html
from blpo_inspect.reporting.run_data import gather
from tests.conftest import ScriptedAPI
from tests.optimizers import toy
from tests.reporting import browser
from tests.reporting.runs import RATING, Benchmark, judged

pytestmark = pytest.mark.skipif(browser.why_not() is not None, reason=browser.why_not() or "")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser.browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def page(safety: list[Path], tmp_path: Path) -> Path:
    """A report with everything in it: two groups, an optimization, hostile answers, something left out."""
    logs = safety[0].parent
    long = "a-very-long-category-name-without-any-place-to-break-it-" * 3
    ratings = Benchmark(["1", "2", "3", "4", "5"], RATING, "toy_rating", {"category": [long] * 5, "text": ["<b>"] * 5})
    judged(ratings, ["1", "3", "3", "5", "<script>"], logs, prompt="Rate " + "it" * 200)
    toy.run(
        toy.World(
            wrong={"P0?": {"train0", "train2", "validation0", "test0"}},
            judge_prompts={"P0?": "P1? <script>alert(1)</script>", "P1? <script>alert(1)</script>": "P2?"},
            i2t_prompts=["Q1?", "Q2?"],
        ),
        blpo(outer_steps=2, inner_steps=2, batch_size=2),
        log_dir=str(logs),
    )
    (logs / "broken.eval").write_bytes(b"x")
    path = tmp_path / "report.html"
    path.write_text(html(report(gather([str(logs)]), Options())), encoding="utf-8")
    return path


def open_all(driver: Any) -> None:
    driver.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")


def test_a_report_in_a_browser(driver: Any, page: Path, scripted: type[ScriptedAPI]) -> None:
    driver.get_log("browser"), driver.get_log("performance")  # what the start of the browser left
    driver.get(page.as_uri())
    assert driver.title == "Judges compared"
    sorts(driver)
    blurs(driver)
    walks_by_keyboard(driver)
    fits(driver)
    follows_the_scheme(driver)
    reads_without_scripts(driver, page)
    assert browser.requests(driver) == []
    assert driver.get_log("browser") == []
    passes_axe(driver, page)


def sorts(driver: Any) -> None:
    """Tables sort by their headers, both ways, and say so."""

    table = "(//table[contains(caption, 'toy_safety') and contains(@class, 'sortable')])[1]"

    def column() -> list[str]:
        return [one.text.strip() for one in driver.find_elements("xpath", f"{table}/tbody/tr/th")]

    assert column() == ["A", "B", "C"]
    button = driver.find_element("xpath", f"{table}//th[contains(., 'accuracy')]/button")
    button.click()
    assert column() == ["A", "B", "C"]
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "descending"
    button.click()
    assert column() == ["C", "B", "A"]
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "ascending"


def blurs(driver: Any) -> None:
    """An unsafe image is blurred until its box is checked."""
    box = driver.find_element("css selector", ".veil input")
    image = driver.find_element("css selector", ".veil img")
    assert "blur" in image.value_of_css_property("filter")
    driver.execute_script("arguments[0].focus()", box)
    box.send_keys(" ")
    assert image.value_of_css_property("filter") == "none"


def walks_by_keyboard(driver: Any) -> None:
    """The first tab stop is the skip link, and it leads to the figures."""
    from selenium.webdriver.common.keys import Keys

    driver.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
    driver.get(driver.current_url)
    driver.find_element("tag name", "body").send_keys(Keys.TAB)
    skip = driver.switch_to.active_element
    assert skip.text == "To the figures"
    assert skip.rect["x"] >= 0
    skip.send_keys(Keys.ENTER)
    assert driver.switch_to.active_element.get_attribute("id") == "main"


def fits(driver: Any) -> None:
    """No width makes the page scroll sideways, whatever is open."""
    for width in (360, 800, 1280):
        browser.shape(driver, width)
        driver.refresh()
        open_all(driver)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width


def follows_the_scheme(driver: Any) -> None:
    """Light and dark are what the reader prefers."""
    found = {}
    for scheme in ("light", "dark"):
        browser.colours(driver, scheme)
        found[scheme] = driver.find_element("tag name", "html").value_of_css_property("background-color")
    assert found == {"light": "rgba(255, 255, 255, 1)", "dark": "rgba(20, 24, 29, 1)"}


def passes_axe(driver: Any, page: Path) -> None:
    """axe-core finds nothing, in light and dark, with everything open."""
    pytest.importorskip("axe_core_python")
    axe = (resources.files("axe_core_python") / "axe.min.js").read_text()
    driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})  # axe is a script of its own
    for scheme in ("light", "dark"):
        browser.colours(driver, scheme)
        driver.get(page.as_uri())
        open_all(driver)
        driver.execute_script(axe)
        found = driver.execute_async_script("axe.run(document).then(arguments[arguments.length - 1])")
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
        assert "color-contrast" in {one["id"] for one in found["passes"]}


def reads_without_scripts(driver: Any, page: Path) -> None:
    """Everything is there, and no button that would do nothing."""
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get(page.as_uri())
        assert "5. Can I trust and repeat it?" in driver.find_element("tag name", "main").text
        assert not driver.find_elements("css selector", "th button")
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
