"""The report in a real browser: opened from the file system, as a reader would."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_site import FORMULA_LABEL, HOSTILE_LABEL, HOSTILE_NAME, LOW, artifacts, render, write_outputs
from PIL import Image

from analysis.contract import findings_of

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium (the dev dependencies)")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webdriver import WebDriver  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

pytestmark = pytest.mark.browser

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
)
PAGES = ["index", "obtain", "scrub", "odd_checks", "interpret", "exam", "provenance"]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("needs Debian's chromium and chromium-driver: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: WebDriver, site: Path) -> Iterator[WebDriver]:
    """Chromium on the first page, as a desktop in a light room, with nothing stored."""
    show(chromium)
    open_page(chromium, site, "index")
    chromium.execute_script("localStorage.clear()")
    open_page(chromium, site, "index")
    return chromium


def show(browser: WebDriver, *, width: int = 1440, height: int = 900, scheme: str = "light") -> None:
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": features})


def open_page(browser: WebDriver, site: Path, name: str) -> None:
    browser.get((site / f"{name}.html").as_uri())


def complaints(browser: WebDriver) -> list[str]:
    return [
        entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")
    ]


def ground(browser: WebDriver) -> str:
    return browser.execute_script("return getComputedStyle(document.body).backgroundColor")


def texts(browser: WebDriver, selector: str) -> list[str]:
    return [element.text for element in browser.find_elements(By.CSS_SELECTOR, selector)]


def open_card(browser: WebDriver, kind: str) -> WebElement:
    """The card of a kind of finding, with its table unfolded."""
    card = browser.find_element(By.ID, f"finding-odd_checks-{kind}")
    browser.execute_script("arguments[0].querySelector('details').open = true", card)
    return card


def press(browser: WebDriver, element: WebElement) -> None:
    """Click in the middle of the screen, where no bar lies over the page."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def choose(card: WebElement, decision: str) -> None:
    Select(card.find_element(By.CSS_SELECTOR, ".decide select")).select_by_value(decision)


@pytest.mark.parametrize("name", PAGES)
def test_page_opens_without_complaint_or_broken_picture(browser: WebDriver, site: Path, name: str) -> None:
    complaints(browser)  # those of the pages before
    open_page(browser, site, name)
    broken = browser.execute_script(
        "return [...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src)"
    )
    assert broken == []
    assert complaints(browser) == []
    assert browser.execute_script("return document.querySelector('.theme').hidden") is False  # the script ran
    assert browser.title.endswith("· birds · DeepSight")


@pytest.mark.parametrize("width", [360, 390, 768, 1440])
@pytest.mark.parametrize("name", PAGES)
def test_page_fits_the_screen(browser: WebDriver, site: Path, name: str, width: int) -> None:
    show(browser, width=width, height=800)
    open_page(browser, site, name)
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_hostile_label_is_text(browser: WebDriver) -> None:
    assert browser.title == "What to do first · birds · DeepSight"
    assert HOSTILE_LABEL in browser.find_element(By.TAG_NAME, "main").text


def test_table_sorts_numbers_by_size_and_text_by_letters(browser: WebDriver, site: Path) -> None:
    open_page(browser, site, "odd_checks")
    label, images, _ = browser.find_elements(By.CSS_SELECTOR, ".data-table th button")

    def column(n: int) -> list[str]:
        return texts(browser, f".data-table tbody td:nth-child({n})")

    images.click()
    assert column(2)[:4] == ["1,300", "29", "28", "27"]
    images.click()
    assert column(2)[:3] == ["0", "1", "2"]
    label.click()
    assert column(1)[:3] == [HOSTILE_LABEL, "class 0", "class 1"]
    assert column(1)[3:12][-1] == "class 10"  # 2 to 9 come before 10
    heading = browser.find_elements(By.CSS_SELECTOR, ".data-table th")[0]
    assert heading.get_attribute("aria-sort") == "ascending"


def test_table_sorts_from_the_keyboard(browser: WebDriver, site: Path) -> None:
    open_page(browser, site, "odd_checks")
    browser.find_elements(By.CSS_SELECTOR, ".data-table th button")[1].send_keys(Keys.ENTER)
    assert texts(browser, ".data-table tbody td:nth-child(2)")[0] == "1,300"


def test_table_turns_pages(browser: WebDriver, site: Path) -> None:
    open_page(browser, site, "odd_checks")
    assert len(texts(browser, ".data-table tbody tr")) == 25
    browser.find_element(By.CSS_SELECTOR, ".pager .next").click()
    assert len(texts(browser, ".data-table tbody tr")) == 7  # of 32
    assert texts(browser, ".pager-place") == ["Page 2 of 2"]
    assert not browser.find_element(By.CSS_SELECTOR, ".pager .next").is_enabled()


def test_table_search_finds_rows_on_any_page(browser: WebDriver, site: Path) -> None:
    open_page(browser, site, "odd_checks")
    search = browser.find_element(By.CSS_SELECTOR, ".data-table input")
    search.send_keys("cLASS 29")
    assert texts(browser, ".data-table tbody td:first-child") == ["Class 29"]
    assert texts(browser, ".table-count") == ["1 of 32 rows"]
    search.send_keys("9")
    assert texts(browser, ".data-table tbody tr") == []
    assert texts(browser, ".table-count") == ["0 of 32 rows"]


def test_table_search_starts_on_the_first_page(browser: WebDriver, site: Path) -> None:
    open_page(browser, site, "odd_checks")
    browser.find_element(By.CSS_SELECTOR, ".pager .next").click()
    browser.find_element(By.CSS_SELECTOR, ".data-table input").send_keys("class")
    assert texts(browser, ".pager-place") == ["Page 1 of 2"]


def test_selected_rows_are_exported_as_decisions_that_can_be_read_again(
    browser: WebDriver, tmp_path: Path
) -> None:
    from analysis.dataset.decisions import read_decisions

    pale, rare = open_card(browser, "pale"), open_card(browser, "rare")
    boxes = pale.find_elements(By.CSS_SELECTOR, "tbody input[type=checkbox]")
    boxes[0].send_keys(Keys.SPACE)  # from the keyboard, as by a click
    press(browser, boxes[2])
    choose(pale, "relabel")
    button = pale.find_element(By.CSS_SELECTOR, ".decide button")
    assert not button.is_enabled()  # no label has been given
    pale.find_element(By.CSS_SELECTOR, ".new-label input").send_keys(FORMULA_LABEL)
    pale.find_element(By.CSS_SELECTOR, ".reason input").send_keys('an "owl", pale')
    press(browser, button)
    press(browser, boxes[1])
    choose(pale, "drop")
    press(browser, button)
    assert texts(pale, "tbody .select") == ["relabel", "drop", "relabel"]
    press(browser, rare.find_element(By.CSS_SELECTOR, "thead input"))
    choose(rare, "ignore")
    press(browser, rare.find_element(By.CSS_SELECTOR, ".decide button"))

    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    browser.find_element(By.CSS_SELECTOR, ".basket .download").click()
    file = tmp_path / "decisions.csv"
    WebDriverWait(browser, 10).until(lambda _: file.exists() and file.stat().st_size)
    columns = ["content_hash", "path", "kind", "decision", "label", "reason"]
    assert read_decisions(file)[columns].to_numpy().tolist() == [
        [f"{0:032x}", f"photos/birds/{HOSTILE_NAME}", "pale", "relabel", FORMULA_LABEL, 'an "owl", pale'],
        [f"{9:032x}", "photos/birds/09.png", "pale", "relabel", FORMULA_LABEL, 'an "owl", pale'],
        [f"{3:032x}", "photos/birds/03.png", "pale", "drop", "", 'an "owl", pale'],
        ["", "", "rare", "ignore", HOSTILE_LABEL, ""],
    ]


def test_selection_of_all_rows_is_of_those_found_on_all_pages(
    browser: WebDriver, manifest: pd.DataFrame
) -> None:
    write_outputs(artifacts(findings_of(LOW, item_id=[3, 4] * 30, detail=["odd", "even"] * 30)))
    open_page(browser, render(manifest), "index")
    card = open_card(browser, "small")
    card.find_element(By.CSS_SELECTOR, "input[type=search]").send_keys("even")
    card.find_element(By.CSS_SELECTOR, "thead input").click()
    assert texts(card, ".n-selected") == ["30 selected"]
    assert len(texts(card, "tbody tr")) == 25


def test_decision_can_be_taken_back(browser: WebDriver) -> None:
    card = open_card(browser, "small")
    basket = browser.find_element(By.CSS_SELECTOR, ".basket")
    box, button = (card.find_element(By.CSS_SELECTOR, name) for name in ("tbody input", ".decide button"))
    assert not basket.is_displayed()
    press(browser, box)
    press(browser, button)
    assert basket.is_displayed()
    assert "1 decision:" in basket.text
    press(browser, box)
    choose(card, "")
    press(browser, button)
    assert not basket.is_displayed()
    assert texts(card, "tbody .select")[0] == ""


def test_classes_can_be_ignored_or_kept_but_not_dropped(browser: WebDriver) -> None:
    options = open_card(browser, "rare").find_elements(By.CSS_SELECTOR, ".decide option")
    assert [option.get_attribute("value") for option in options] == ["ignore", "keep", ""]


def test_table_with_selection_sorts_by_the_column_clicked(browser: WebDriver) -> None:
    card = open_card(browser, "small")
    card.find_elements(By.CSS_SELECTOR, "th button")[0].click()
    assert texts(card, "tbody td:nth-child(2)") == ["8", "7", "6", "5"]  # item_id, the largest first


def test_page_runs_no_script_but_its_own_and_loads_nothing_from_elsewhere(browser: WebDriver) -> None:
    ran, barred = browser.execute_async_script(
        """
        const [done] = arguments, image = new Image(), script = document.createElement("script");
        script.textContent = "window.intruder = true";
        document.body.append(script);
        document.addEventListener("securitypolicyviolation", ({ blockedURI }) => {
          if (blockedURI !== "inline") done([Boolean(window.intruder), blockedURI]);
        });
        image.src = "http://127.0.0.1:9/tracker.png";
        """
    )
    assert not ran
    assert barred == "http://127.0.0.1:9/tracker.png"


# ---- search and keys ---------------------------------------------------------------------------------------


def press_key(browser: WebDriver, key: str) -> None:
    ActionChains(browser).send_keys(key).perform()


def is_at(browser: WebDriver, address: str) -> bool:
    return browser.current_url.endswith(f"/{address}")


def test_search_is_reached_and_used_by_keyboard(browser: WebDriver) -> None:
    press_key(browser, "/")
    search = browser.switch_to.active_element
    assert search.get_attribute("role") == "combobox"
    search.send_keys("heights")
    assert texts(browser, ".found li") == ["Figure\nHeights of all\nOdd checks"]
    assert search.get_attribute("aria-expanded") == "true"
    search.send_keys(Keys.ENTER)
    WebDriverWait(browser, 10).until(lambda _: is_at(browser, "odd_checks.html#odd_checks-heights"))


def test_search_offers_the_best_first_and_arrow_keys_choose(browser: WebDriver) -> None:
    search = browser.find_element(By.CSS_SELECTOR, ".finder input")
    search.send_keys("odd")
    titles = texts(browser, ".found-title")
    # called so, beginning so, and then those of a stage that is called so: findings before figures
    assert titles == [
        *("Odd", "Odd checks", "Torn images", "Rare classes", "Pale images", "Small images"),
        *("Images upside down", "Heights of all", "Per class"),
    ]
    search.send_keys(Keys.ARROW_DOWN)
    (chosen,) = browser.find_elements(By.CSS_SELECTOR, ".found [aria-selected=true]")
    assert chosen.get_attribute("id") == search.get_attribute("aria-activedescendant")
    search.send_keys(Keys.ENTER)
    WebDriverWait(browser, 10).until(lambda _: is_at(browser, "odd_checks.html"))


def test_search_says_when_it_finds_nothing_and_closes(browser: WebDriver) -> None:
    search = browser.find_element(By.CSS_SELECTOR, ".finder input")
    search.send_keys("zebra crossing")
    assert browser.find_element(By.CSS_SELECTOR, ".finder [role=status]").text == "0 found"
    search.send_keys(Keys.ENTER)  # leads nowhere
    search.send_keys(Keys.ESCAPE)
    assert search.get_attribute("value") == ""
    assert not browser.find_element(By.CSS_SELECTOR, ".found").is_displayed()
    assert is_at(browser, "index.html")


def test_search_finds_by_pointer_what_stands_on_this_page(browser: WebDriver) -> None:
    browser.find_element(By.CSS_SELECTOR, ".finder input").send_keys("pale")
    browser.find_element(By.CSS_SELECTOR, ".found a").click()
    WebDriverWait(browser, 10).until(lambda _: is_at(browser, "index.html#finding-odd_checks-pale"))
    assert not browser.find_element(By.CSS_SELECTOR, ".found").is_displayed()


def test_keys_lead_from_stage_to_stage(browser: WebDriver) -> None:
    for turn in ("n intake", "n odd_checks", "n exam", "n exam", "p odd_checks"):
        key, file = turn.split()
        press_key(browser, key)
        WebDriverWait(browser, 10).until(lambda _, file=file: is_at(browser, f"{file}.html"))


def test_keys_lead_through_a_page_and_enter_opens(browser: WebDriver, site: Path) -> None:
    press_key(browser, "j")
    press_key(browser, "j")
    assert browser.switch_to.active_element.get_attribute("id") == "finding-odd_checks-rare"
    press_key(browser, "k")
    assert browser.switch_to.active_element.get_attribute("id") == "finding-odd_checks-torn"
    open_page(browser, site, "scrub")
    press_key(browser, "j")
    press_key(browser, Keys.ENTER)
    WebDriverWait(browser, 10).until(lambda _: is_at(browser, "odd_checks.html"))


def test_keys_are_told_and_can_be_switched_off(browser: WebDriver, site: Path) -> None:
    press_key(browser, "?")
    dialog = browser.find_element(By.CSS_SELECTOR, "dialog.keys[open]")
    assert "next and previous stage" in dialog.text
    dialog.find_element(By.CSS_SELECTOR, "input").click()
    dialog.find_element(By.CSS_SELECTOR, "button").click()
    assert browser.find_elements(By.CSS_SELECTOR, "dialog[open]") == []
    open_page(browser, site, "index")  # the choice lasts
    press_key(browser, "n")
    press_key(browser, "?")
    assert is_at(browser, "index.html")
    assert browser.find_elements(By.CSS_SELECTOR, "dialog[open]") == []


def test_keys_typed_into_a_field_are_letters(browser: WebDriver) -> None:
    card = open_card(browser, "pale")
    reason = card.find_element(By.CSS_SELECTOR, ".reason input")
    press(browser, reason)
    press_key(browser, "np?/jk")
    assert reason.get_attribute("value") == "np?/jk"
    assert is_at(browser, "index.html")


@pytest.mark.parametrize("anchor", ["odd_checks-heights", "odd_checks-table-per_class"])
def test_links_to_what_stood_on_a_chapter_s_page_still_lead_there(
    browser: WebDriver, site: Path, anchor: str
) -> None:
    browser.get(f"{site.as_uri()}/scrub.html#{anchor}")
    WebDriverWait(browser, 10).until(lambda _: is_at(browser, f"odd_checks.html#{anchor}"))


def test_pair_opens_close_up_with_both_pictures(browser: WebDriver, pair_site: Path) -> None:
    open_page(browser, pair_site, "index")
    browser.find_element(By.CSS_SELECTOR, ".pair a.tile-picture").click()
    dialog = browser.find_element(By.CSS_SELECTOR, "dialog[open]")
    assert len(dialog.find_elements(By.CSS_SELECTOR, "img")) == 2
    assert "The two differ in label and size." in dialog.text
    dialog.send_keys(Keys.ARROW_RIGHT)
    assert "<i>near</i>" in dialog.text


@pytest.mark.parametrize("width", [360, 1440])
def test_pairs_and_search_fit_the_screen(browser: WebDriver, pair_site: Path, width: int) -> None:
    show(browser, width=width, height=800)
    open_page(browser, pair_site, "index")
    browser.find_element(By.CSS_SELECTOR, ".finder input").send_keys("c")
    found = browser.find_element(By.CSS_SELECTOR, ".found").rect
    assert found["x"] >= 0
    assert found["x"] + found["width"] <= width
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_dark_mode_follows_the_system_and_then_the_reader(browser: WebDriver, site: Path) -> None:
    light = ground(browser)
    show(browser, scheme="dark")
    dark = ground(browser)
    assert dark != light
    browser.find_element(By.CSS_SELECTOR, ".theme").click()
    assert ground(browser) == light
    open_page(browser, site, "odd_checks")
    assert ground(browser) == light  # the choice lasts from page to page
    paper = "return getComputedStyle(document.querySelector('.sheet')).backgroundColor"
    browser.find_element(By.CSS_SELECTOR, ".theme").click()
    assert ground(browser) == dark
    assert browser.execute_script(paper) == "rgb(255, 255, 255)"  # figures are drawn on white


def test_picture_opens_close_up_and_leads_to_its_neighbours(browser: WebDriver) -> None:
    pictures = browser.find_elements(By.CSS_SELECTOR, "#finding-odd_checks-small a.tile-picture")
    pictures[0].click()
    dialog = browser.find_element(By.CSS_SELECTOR, "dialog[open]")
    assert "photos/birds/06.png" in dialog.text
    assert "8 px wide" in dialog.text
    dialog.send_keys(Keys.ARROW_RIGHT)
    assert "photos/birds/08.png" in dialog.text
    dialog.send_keys(Keys.ARROW_RIGHT)
    assert "photos/birds/06.png" in dialog.text
    dialog.send_keys(Keys.ESCAPE)
    assert browser.find_elements(By.CSS_SELECTOR, "dialog[open]") == []


def test_printing_unfolds_what_is_folded_and_leaves_the_menu_out(browser: WebDriver) -> None:
    count = "return document.querySelectorAll('details[open]').length"
    before = browser.execute_script(count)
    browser.execute_script(
        "window.seen = []; window.addEventListener('beforeprint', () => "
        "window.seen.push(document.querySelectorAll('details:not([open])').length))"
    )
    browser.execute_cdp_cmd("Page.printToPDF", {})
    assert browser.execute_script("return window.seen") == [0]
    assert browser.execute_script(count) == before
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not browser.find_element(By.CSS_SELECTOR, ".chapters").is_displayed()
    assert ground(browser) == "rgb(255, 255, 255)"


def test_page_can_be_read_without_scripts(browser: WebDriver, site: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_page(browser, site, "odd_checks")
        assert len(browser.find_elements(By.CSS_SELECTOR, ".data-table tbody tr")) == 32
        assert not browser.find_element(By.CSS_SELECTOR, ".table-tools").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


# ---- the map -----------------------------------------------------------------------------------------------


@pytest.fixture
def points(browser: WebDriver, map_site: Path) -> WebElement:
    """The map of embeddings: images 0 and 3 to 8 on a line from the left edge to the right."""
    complaints(browser)
    open_page(browser, map_site, "map")
    canvas = browser.find_element(By.CSS_SELECTOR, ".map-points")
    WebDriverWait(browser, 10).until(lambda _: canvas.get_attribute("data-frames"))
    return canvas


def colour_map(browser: WebDriver, what: str, text: str) -> None:
    Select(browser.find_element(By.CSS_SELECTOR, f".map-{what}")).select_by_visible_text(text)


def legend(browser: WebDriver) -> list[str]:
    return [text.replace("\n", " ") for text in texts(browser, ".map-legend li") if text]


def hover(browser: WebDriver, points: WebElement, share: float) -> str:
    """The card's text, the pointer at a share of the way from the left-most to the right-most."""
    width, height = points.size["width"], points.size["height"]
    across = round((share - 0.5) * 0.94 * min(width, height))
    ActionChains(browser).move_to_element_with_offset(points, across, 0).perform()
    return browser.find_element(By.CSS_SELECTOR, ".map-card").text


def pixels(points: WebElement) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(points.screenshot_as_png)).convert("RGB")).reshape(-1, 3)


def has_colour(points: WebElement, colour: tuple[int, int, int]) -> bool:
    return bool((np.abs(pixels(points).astype(int) - colour).max(axis=1) < 60).any())


def test_map_draws_every_image_that_has_a_place_in_its_label_s_colour(
    browser: WebDriver, points: WebElement
) -> None:
    assert points.get_attribute("data-drawn") == "7"
    assert legend(browser) == [
        "owl 2",
        f"{HOSTILE_LABEL} 3",
        '=HYPERLINK("http://example.com","x") 2',
        "No label 1",
    ]
    assert has_colour(points, (0x00, 0x72, 0xB2))  # the first class's
    assert [entry for entry in complaints(browser) if "GL Driver" not in entry] == []
    colour_map(browser, "space", "Thumbnails")
    assert points.get_attribute("data-drawn") == "8"


def test_map_shows_the_image_under_the_pointer(browser: WebDriver, points: WebElement) -> None:
    text = hover(browser, points, 0.0)
    assert "owl" in text
    assert HOSTILE_NAME in text
    assert "Pale images" in text
    text = hover(browser, points, 5 / 8)  # image 5
    assert HOSTILE_LABEL in text
    assert "05.png" in text
    assert "Small images" in text
    picture = browser.find_element(By.CSS_SELECTOR, ".map-card canvas").screenshot_as_png
    middle = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))[48, 48].astype(int)
    assert np.abs(middle - (100, 0, 200)).max() < 12  # the thumbnail of image 5, but for compression
    ActionChains(browser).move_to_element(browser.find_element(By.TAG_NAME, "h1")).perform()
    assert not browser.find_element(By.CSS_SELECTOR, ".map-card").is_displayed()


def test_map_s_click_opens_the_file(browser: WebDriver, points: WebElement, map_site: Path) -> None:
    home = browser.current_window_handle
    hover(browser, points, 0.0)
    ActionChains(browser).click().perform()
    WebDriverWait(browser, 10).until(lambda _: len(browser.window_handles) == 2)
    opened = next(handle for handle in browser.window_handles if handle != home)
    browser.switch_to.window(opened)
    try:
        wanted = (map_site.parents[1] / "photos/birds" / HOSTILE_NAME).as_uri()
        WebDriverWait(browser, 10).until(lambda _: browser.current_url == wanted.replace("%27", "'"))
    finally:
        browser.close()
        browser.switch_to.window(home)


def test_map_s_legend_hides_and_finds_classes(browser: WebDriver, points: WebElement) -> None:
    owl = browser.find_elements(By.CSS_SELECTOR, ".map-legend li button")[0]
    owl.click()
    assert points.get_attribute("data-drawn") == "5"
    assert owl.get_attribute("aria-pressed") == "false"
    browser.find_element(By.CSS_SELECTOR, ".map [data-show='none']").click()
    assert points.get_attribute("data-drawn") == "0"
    browser.find_element(By.CSS_SELECTOR, ".map [data-show='all']").click()
    browser.find_element(By.CSS_SELECTOR, ".map-legend input").send_keys("OW")
    assert legend(browser) == ["owl 2"]
    assert points.get_attribute("data-drawn") == "7"  # the others are faint, not gone
    assert not has_colour(points, (0xE6, 0x9F, 0x00))


def test_map_colours_by_finding_and_split(browser: WebDriver, points: WebElement) -> None:
    colour_map(browser, "colouring", "Split")
    assert legend(browser) == ["train 4", "validation 2", "test 2"]
    colour_map(browser, "colouring", "Finding")
    assert legend(browser) == ["Pale images 3", "Small images 4", "No finding 1"]
    browser.find_elements(By.CSS_SELECTOR, ".map-legend li button")[1].click()
    assert points.get_attribute("data-drawn") == "3"  # 0, 3 and 4; 9 has no place


def test_map_zooms_to_pictures_and_back_from_the_keyboard(browser: WebDriver, points: WebElement) -> None:
    assert points.get_attribute("data-pictures") == "0"
    browser.execute_script("arguments[0].focus()", points)
    points.send_keys("+")
    points.send_keys("+")
    WebDriverWait(browser, 10).until(lambda _: points.get_attribute("data-pictures") != "0")
    assert browser.find_element(
        By.CSS_SELECTOR, ".map-card"
    ).is_displayed()  # of the image nearest the centre
    points.send_keys("0")
    WebDriverWait(browser, 10).until(lambda _: points.get_attribute("data-pictures") == "0")


@pytest.mark.parametrize("width", [360, 1440])
def test_map_fits_the_screen(browser: WebDriver, map_site: Path, width: int) -> None:
    show(browser, width=width, height=800)
    open_page(browser, map_site, "map")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.find_element(By.CSS_SELECTOR, ".map-points").is_displayed()
