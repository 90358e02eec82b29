"""The page in a real browser: it opens from disk, draws, selects, filters and stays harmless."""

import csv
import json
import os
import time

import numpy as np
import pytest

from fake_runs import EVIL, ODD_IDS, Made, datamap, made_values, write_run, write_values
from ftft import DataMap
from ftft.cartography import read_coordinates, write_coordinates
from ftft.config.methods import METHODS
from ftft.dynamics.container import TrainingDynamics
from ftft.report.html import MOST_BYTES, write_report
from ftft.report.map_page import read_maps, write_maps
from ftft.results.read import read_run
from ftft.selection.strategies import select

MADE = Made(ids=ODD_IDS, seeds=(0, 1))


@pytest.fixture
def page(opened, page_file):
    return opened(page_file)


def drag(page, points, *, shift=False):
    """Move the mouse over the map with the button down, through shares of its size."""
    page.locator("#plane").scroll_into_view_if_needed()
    box = page.locator("#plane").bounding_box()
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in points]
    if shift:
        page.keyboard.down("Shift")
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    if shift:
        page.keyboard.up("Shift")


def colours_drawn(page):
    """How many colours the map's canvas shows."""
    return page.evaluate(
        """() => {
            const canvas = document.getElementById("points");
            const copy = document.createElement("canvas");
            copy.width = canvas.width; copy.height = canvas.height;
            const context = copy.getContext("2d");
            context.drawImage(canvas, 0, 0);
            const image = context.getImageData(0, 0, copy.width, copy.height);
            return new Set(new Uint32Array(image.data.buffer)).size;
        }"""
    )


def test_opens_from_disk_without_a_complaint_or_a_request(page, page_file):
    page.wait_for_selector("html[data-charts=drawn]", state="attached")
    assert page.errors == []
    assert page.requests == [page_file.absolute().as_uri()]
    assert page.locator(".chart svg").count() >= 5
    assert page.locator("h1").inner_text().startswith("FTFT beats ERM out of distribution")
    assert page.locator(".tiles b").first.inner_text() == "+2.5"


@pytest.mark.parametrize("way", ["pixels", "webgl"])
def test_the_map_is_drawn_both_ways(opened, page_file, way):
    page = opened(page_file, hash=f"#draw={way}")
    kind = {"pixels": "pixels", "webgl": "WebGL"}[way]
    assert page.evaluate("ftft.explorer.plane.drawing.kind") == kind
    page.wait_for_selector("#drawing:empty", state="attached")
    assert colours_drawn(page) > 10
    # The driver minds that this test looks at what was drawn.
    assert [error for error in page.errors if "ReadPixels" not in error] == []


@pytest.mark.parametrize("shift", [True, False])
def test_a_lasso_fills_the_table(page, shift):
    if not shift:
        page.click("#lasso")
    around_the_hard = [(0.09, 0.55), (0.9, 0.55), (0.9, 0.93), (0.09, 0.93), (0.09, 0.56)]
    drag(page, around_the_hard, shift=shift)
    page.wait_for_selector("#count:has-text('selected')")
    _, drawn = datamap(MADE, 0)
    confidence = dict(zip(drawn.example_ids.to_pylist(), drawn.confidence.tolist(), strict=True))
    chosen = page.evaluate(
        "ftft.explorer.map.ids.many(ftft.explorer.listing.sorted).then(ids => ids)"
    )
    assert 20 < len(chosen) < 300
    assert max(confidence[one] for one in chosen) < 0.46
    left_out = set(confidence) - set(chosen)
    assert min(confidence[one] for one in left_out) > 0.3 or len(left_out) < 600
    assert page.rows() == chosen[:50]
    page.click("#drop")
    page.wait_for_count("600 examples")


def test_a_filter_hides_the_others(page):
    page.click("#filters summary")
    page.locator("fieldset[data-field=label] label", has_text="neutral").locator("input").uncheck()
    _, drawn = datamap(MADE, 0)
    left = int((drawn.labels != 1).sum())
    page.wait_for_count(f"{left} examples of 600")
    assert not any(label.startswith("neutral") for label in page.column(2))
    page.locator("fieldset[data-field=slice0] label", has_text="travel").locator("input").uncheck()
    page.wait_for_selector("#filtered:has-text('label, source')")
    hidden = page.evaluate("ftft.explorer.plane.states.filter(state => state === 0).length")
    assert hidden > 600 - left
    page.click("[data-preset=all]")
    page.wait_for_count("600 examples")


def test_presets_show_what_they_say(page):
    page.click("[data-preset=selected]")
    page.wait_for_count("198 examples of 600")
    _, drawn = datamap(MADE, 0)
    chosen = set(select(drawn, "ambiguous", 0.33).example_ids.to_pylist())
    assert set(page.rows()) <= chosen
    page.click("[data-preset=errors]")
    page.wait_for_count("600 examples")
    lowest = np.argsort(drawn.aum, kind="stable")[:5]
    assert page.rows()[:5] == [drawn.example_ids[int(row)].as_py() for row in lowest]


def test_sorts_by_every_statistic(page):
    for key in ("confidence", "correctness", "forgetting", "aum", "mean_loss", "el2n"):
        page.select_option("#sort", key)
        page.wait_for_timeout(60)
        values = page.evaluate(
            f"[...ftft.explorer.listing.sorted].map(i => ftft.explorer.map.value('{key}', i))"
        )
        ascending = page.evaluate("ftft.explorer.listing.ascending")
        assert values == sorted(values, reverse=not ascending)
    page.locator("#examples thead button", has_text="conf.").click()
    page.wait_for_selector("th[aria-sort=ascending]")
    shown = [float(value) for value in page.column(3)]
    assert shown == sorted(shown)
    _, drawn = datamap(MADE, 0)
    assert shown[0] == pytest.approx(float(drawn.confidence.min()), abs=6e-4)


def test_searches_texts_and_ids(page):
    page.fill("#search", "ex-123")
    page.wait_for_count("1 example of 600")
    assert page.rows() == ["ex-123"]
    page.fill("#search", "ORCHARD lamp")
    page.wait_for_selector("#count:not(:has-text('1 example of'))")
    page.wait_for_timeout(300)
    texts = page.eval_on_selector_all(
        "#examples .texts td", "all => all.map(cell => cell.textContent)"
    )
    assert texts
    assert all("orchard lamp" in text for text in texts)
    page.fill("#search", "no such thing")
    page.wait_for_count("0 examples of 600")


def test_texts_that_would_do_harm_do_none(page):
    for evil in EVIL:
        page.fill("#search", evil[:20])
        page.wait_for_count("1 example of 600")
        assert page.locator("#examples td.text p").first.text_content() == evil
        page.locator("#examples td.text button").first.click()
        assert page.locator("#examples .full").first.text_content() == evil
        page.fill("#search", "")
        page.wait_for_count("600 examples")
    page.click("#filters summary")
    assert page.locator("fieldset[data-field=slice0]", has_text="<b>letters</b>").count() == 1
    assert page.locator("#transfer", has_text="of <b>it</b> little").count() == 1
    page.wait_for_timeout(100)
    assert page.evaluate("typeof window.hit") == "undefined"
    assert page.locator("#examples img, #examples script").count() == 0
    assert page.errors == []


def test_a_script_that_was_added_does_not_run(page):
    """The policy allows the page's own scripts and no other."""
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hit = 3";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", '<img src=x onerror="window.hit = 4">');
        }"""
    )
    page.wait_for_timeout(100)
    assert page.evaluate("typeof window.hit") == "undefined"
    assert any("Content Security Policy" in error for error in page.errors)
    with pytest.raises(Exception, match="Failed to fetch"):
        page.evaluate("fetch('https://example.org/')")


def test_an_example_in_full(page):
    page.fill("#search", "ex-77")
    page.wait_for_count("1 example of 600")
    assert page.locator(".spark path").count() == 1
    page.locator("#examples td.text button").click()
    recorded, drawn = datamap(MADE, 0)
    row = drawn.example_ids.to_pylist().index("ex-77")
    facts = page.locator(".opened dl").inner_text()
    assert drawn.class_names[drawn.labels[row]] in facts
    assert f"{drawn.mean_loss[row]:.3f}" in facts
    assert page.locator(".opened svg circle").count() == len(recorded.epochs)


def test_the_csv_has_the_ids_and_no_formulas(page, tmp_path):
    page.fill("#search", "-")
    page.wait_for_selector("#count:has-text('of 600')")
    wanted = page.evaluate("ftft.explorer.map.ids.many(ftft.explorer.listing.sorted).then(x => x)")
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(wanted) > 500
    assert [row["example_id"].removeprefix("'") for row in rows] == wanted
    page.fill("#search", "")
    page.wait_for_count("600 examples")
    with page.expect_download() as download:
        page.click("#download")
    text = download.value.path().read_text(encoding="utf-8")
    assert "\n'=HYPERLINK(1)," in text
    assert '\n"\'@risky,""quoted""",' in text
    assert "\n=" not in text
    assert "\n@" not in text
    _, drawn = datamap(MADE, 0)
    confidence = dict(zip(drawn.example_ids.to_pylist(), drawn.confidence.tolist(), strict=True))
    assert float(rows[0]["confidence"]) == pytest.approx(confidence[wanted[0]], abs=1e-4)


def test_copies_ids(opened, page_file):
    page = opened(page_file, permissions=["clipboard-read", "clipboard-write"])
    page.fill("#search", "ex-12")
    page.wait_for_selector("#copy:has-text('Copy 11 ids')")
    page.click("#copy")
    page.wait_for_selector("#notice:has-text('11 ids copied')")
    assert page.evaluate("navigator.clipboard.readText()").split("\n") == page.rows()


def test_all_of_it_by_keyboard(page):
    """Filter, select all shown, sort, open an example and move the map without a mouse."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#filters summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.wait_for_selector("#filtered:has-text('label')")
    page.locator("#take").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#count:has-text('selected')")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    page.locator("#examples thead button").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("th[aria-sort]")
    page.locator("#examples td button").first.focus()
    page.keyboard.press("Enter")
    assert page.locator(".opened").count() == 1
    page.locator("#plane").focus()
    before = page.evaluate("({...ftft.explorer.plane.view})")
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    after = page.evaluate("({...ftft.explorer.plane.view})")
    assert after["x1"] - after["x0"] < before["x1"] - before["x0"]
    page.keyboard.press("0")
    assert page.evaluate("({...ftft.explorer.plane.view})") == before
    page.keyboard.press("Escape")
    page.wait_for_selector("#drop[disabled]")


def test_pans_zooms_and_hovers(page):
    before = page.evaluate("({...ftft.explorer.plane.view})")
    drag(page, [(0.5, 0.5), (0.7, 0.6)])
    panned = page.evaluate("({...ftft.explorer.plane.view})")
    assert panned["x0"] < before["x0"]
    assert panned["y0"] > before["y0"]
    page.dblclick("#plane")
    at = page.evaluate(
        """() => {
            const plane = ftft.explorer.plane, box = plane.element.getBoundingClientRect();
            const [x, y] = plane.toScreen(3);
            return [box.left + x, box.top + y];
        }"""
    )
    page.mouse.move(*at)
    page.wait_for_selector("#tip:not([hidden])")
    shown = page.locator("#tip").inner_text()
    assert "confidence" in shown
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(50)
    zoomed = page.evaluate("({...ftft.explorer.plane.view})")
    assert zoomed["x1"] - zoomed["x0"] < 0.6 * (before["x1"] - before["x0"])
    page.click("#fit")
    fitted = page.evaluate("({...ftft.explorer.plane.view})")
    x = page.evaluate("[...ftft.explorer.plane.x]")
    assert fitted["x0"] < min(x) < max(x) < fitted["x1"]
    assert max(x) - min(x) > 0.9 * (fitted["x1"] - fitted["x0"])


def test_another_seed_is_another_map(page):
    first = page.evaluate("[...ftft.explorer.map.arrays.confidence.slice(0, 20)]")
    page.select_option("#which", "1")
    page.wait_for_timeout(400)
    assert page.evaluate("ftft.explorer.map.about.seed") == 1
    assert page.evaluate("[...ftft.explorer.map.arrays.confidence.slice(0, 20)]") != first


def test_colours_and_their_legend(page):
    for key in ("label", "region", "selected", "slice0", "correctness"):
        page.select_option("#colour", key)
        counts = page.eval_on_selector_all(
            "#legend small", "all => all.map(x => Number(x.textContent.replace(',', '')))"
        )
        assert sum(counts) == 600
        assert page.locator("#legend svg path").count() == len(counts)


def test_dark_light_and_phone(opened, page_file):
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = opened(page_file, color_scheme="dark")
    light = opened(page_file, color_scheme="light")
    assert dark.evaluate(paper) != light.evaluate(paper)
    dark.click("#theme")
    dark.click("#theme")
    assert dark.locator("#theme").inner_text() == "Colours: light"
    assert dark.evaluate(paper) == light.evaluate(paper)


def boxes(page, selector):
    """Left, top, right and bottom of what is shown there."""
    return page.eval_on_selector_all(
        selector,
        """all => all.map(one => {
            const {left, top, right, bottom} = one.getBoundingClientRect();
            return [left, top, right, bottom];
        })""",
    )


def covered(found):
    """The pairs of boxes of which one covers a part of the other."""
    return [
        (one, other)
        for place, one in enumerate(found)
        for other in found[:place]
        if min(one[2], other[2]) - max(one[0], other[0]) > 1
        and min(one[3], other[3]) - max(one[1], other[1]) > 1
    ]


def test_on_a_phone(opened, page_file):
    phone = opened(
        page_file, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    phone.wait_for_selector("html[data-charts=drawn]", state="attached")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.locator("#plane").bounding_box()["width"] > 340
    # What goes on beyond the edge fades there, and no longer at its end.
    sections, faded = phone.locator("nav ol"), "one => getComputedStyle(one).maskImage"
    assert sections.get_attribute("data-more") == "right"
    assert "gradient" in sections.evaluate(faded)
    sections.evaluate("one => { one.scrollLeft = one.scrollWidth; }")
    phone.wait_for_selector("nav ol[data-more=left]")
    scores = phone.locator("#results .scroll")
    assert scores.get_attribute("data-more") == "right"
    main = scores.locator("th", has_text="OOD mean").bounding_box()
    assert main["x"] + main["width"] <= 390
    scores.evaluate("one => { one.scrollLeft = one.scrollWidth; }")
    assert scores.locator("th", has_text="method").bounding_box()["x"] >= 0
    # Texts end where the screen does, whatever the table's width.
    phone.locator("#examples tbody button").first.tap()
    texts = boxes(phone, "#examples .text p, #examples .opened .full, #examples .opened dd")
    assert len(texts) > 20
    assert max(right for _, _, right, _ in texts) <= 390
    assert phone.locator("#explorer .touch").is_visible()
    assert phone.locator("#explorer .mouse").is_hidden()
    assert phone.errors == []


def test_on_a_wide_screen_texts_have_the_width_of_the_table(page):
    assert page.locator("nav ol").get_attribute("data-more") == ""
    table = page.locator("#examples").bounding_box()["width"]
    longest = max(right - left for left, _, right, _ in boxes(page, "#examples .text p"))
    assert longest > 0.7 * table
    assert page.locator("#explorer .touch").is_hidden()
    page.locator("#examples tbody button").first.click()
    drawn = boxes(page, ".opened svg text")
    assert len(drawn) >= 5
    assert covered(drawn) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_names_of_equal_scores_do_not_cover_each_other(opened, tmp_path, width):
    methods = ("erm", "erm_es", "random", "dm", "ftft")
    made = made_values(Made(seeds=(0, 1), gains=(0.0, 0.0), methods=methods, sets=("far",)))
    for one in made["runs"]:
        one["scores"]["test"]["far"]["accuracy"] = 0.6
    write_values(tmp_path, made)
    page = opened(
        write_report([read_run(tmp_path)], tmp_path / "equal.html"),
        viewport={"width": width, "height": 900},
    )
    page.wait_for_selector("html[data-charts=drawn]", state="attached")
    titles = {METHODS[method].title for method in methods}
    page.evaluate(
        """titles => {
            for (const one of document.querySelectorAll("[data-chart=pareto] text"))
                if (titles.includes(one.textContent)) one.classList.add("is-a-name");
            const dots = [...document.querySelectorAll("[data-chart=pareto] [aria-label=dot]")];
            dots.at(-1).classList.add("means");
        }""",
        list(titles),
    )
    assert {*page.locator(".is-a-name").all_text_contents()} == titles
    names = boxes(page, ".is-a-name")
    marks = boxes(page, ".means path")
    assert len(marks) == len(methods)
    assert covered(names) == []
    assert [pair for pair in covered([*names, *marks]) if pair[1] in names] == []
    ((left, _, right, _),) = boxes(page, "[data-chart=pareto]")
    assert all(left <= name[0] and name[2] <= right for name in names)


def test_several_runs(opened, runs, tmp_path):
    path = write_report([read_run(run) for run in runs], tmp_path / "both.html")
    page = opened(path)
    page.wait_for_selector("html[data-charts=drawn]", state="attached")
    assert page.locator(".verdict").count() == 2
    options = page.locator("#which option").all_inner_texts()
    assert options == [
        "made, reference, seed 0",
        "made, reference, seed 1",
        "other, reference, seed 0",
    ]
    page.select_option("#which", "2")
    page.wait_for_count("200 examples")
    assert page.errors == []


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_many_runs_are_told_apart_and_shown_alone(opened, tmp_path, width):
    folders = []
    for place in range(14):
        made = Made(name=f"run-{place:02}", examples=60, seeds=(0, 1), gains=(0.004 * place,) * 4)
        folders.append(write_run(tmp_path / str(place), made))
    write_report([read_run(folder) for folder in folders], tmp_path / "page.html")
    page = opened(tmp_path / "page.html", viewport={"width": width, "height": 900})
    page.wait_for_selector("html[data-charts=drawn]", state="attached")
    buttons = page.locator("[data-chart=pareto] .runs button")
    assert [one.strip() for one in buttons.all_text_contents()] == [
        f"{place + 1} run-{place:02}" for place in range(14)
    ]
    looks = page.evaluate(
        """() => [...document.querySelectorAll(".runs path")].map(
            (one) => one.getAttribute("stroke") + one.getAttribute("fill"))"""
    )
    assert len(set(looks)) == 14

    def named():
        return page.locator("[data-chart=pareto] .names text").all_text_contents()

    assert sorted(named()) == sorted(["ERM", "random subset", *map(str, range(1, 15))])
    buttons.nth(3).focus()
    page.keyboard.press("Enter")
    assert sorted(named()) == ["4", "ERM", "random subset"]
    assert buttons.nth(3).get_attribute("aria-pressed") == "true"
    page.keyboard.press("Enter")  # the button has kept the focus
    assert len(named()) == 16
    assert page.errors == []


def test_400_000_examples(opened, tmp_path):
    """In the file-size limit always; in 3 s where FTFT_REPORT_TIMING asks for it."""
    run = write_run(tmp_path / "large", Made(examples=400_000, seeds=(0,)))
    path = write_report([read_run(run)], tmp_path / "large.html")
    assert path.stat().st_size <= MOST_BYTES
    start = time.perf_counter()
    page = opened(path)
    page.wait_for_selector("#drawing:empty", state="attached")
    seconds = time.perf_counter() - start
    print(f"{path.stat().st_size / 1e6:.1f} MB, open in {seconds:.2f} s")
    assert page.evaluate("ftft.explorer.map.size") == 400_000
    assert colours_drawn(page) > 10
    drag(page, [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)], shift=True)
    page.wait_for_selector("#count:has-text('selected')", timeout=20_000)
    assert len(page.rows()) == 50
    assert page.errors == []
    if os.environ.get("FTFT_REPORT_TIMING"):
        assert seconds <= 3


def test_without_a_map_the_rest_is_there(opened, runs, tmp_path):
    values = json.loads((runs[0] / "results.json").read_text())
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/results.json").write_text(json.dumps(values))
    page = opened(write_report([read_run(tmp_path / "bare")], tmp_path / "bare.html"))
    page.wait_for_selector("html[data-charts=drawn]", state="attached")
    assert page.locator("#map", has_text="There is no data map to show").count() == 1
    assert page.locator(".notes li").count() >= 2
    assert page.errors == []


def test_a_map_of_no_run(opened, tmp_path):
    """Imported without forgetfulness: what is unknown is nowhere, nor is a selection."""
    coordinates = tmp_path / "c.jsonl"
    write_coordinates(coordinates, datamap(Made(), 0)[1])
    lines = [json.loads(line) for line in coordinates.read_text().splitlines()]
    for line in lines:
        del line["forgetfulness"]
    coordinates.write_text("".join(json.dumps(line) + "\n" for line in lines))
    read_coordinates(coordinates).write(tmp_path / "map.parquet")
    page = opened(write_maps(read_maps([tmp_path / "map.parquet"]), tmp_path / "report.html"))
    page.wait_for_selector("html[data-charts=drawn]", state="attached")
    assert page.errors == []
    sorts = page.eval_on_selector_all("#sort option", "all => all.map(one => one.value)")
    assert sorts == ["confidence", "variability", "correctness"]
    headings = page.eval_on_selector_all("#examples th button", "all => all.map(b => b.title)")
    assert headings == [f"Sort by {name}" for name in sorts]
    assert page.locator("[data-preset=selected]").is_hidden()
    assert page.eval_on_selector_all("#colour option", "all => all.map(one => one.value)") == [
        *("correctness", "label", "region")
    ]
    page.click("[data-preset=errors]")
    page.wait_for_function("document.getElementById('sort').value === 'confidence'")
    lowest = [float(value) for value in page.column(3)]
    assert lowest == sorted(lowest)
    page.locator("#examples tbody button").first.click()
    facts = page.locator("tr.opened dt").all_text_contents()
    assert "confidence" in facts
    assert not {"selected", "forgetting", "EL2N", "AUM (area under the margin)"} & set(facts)
    assert colours_drawn(page) > 2


def test_a_map_of_examples_without_labels_shows_none(opened, tmp_path):
    """Of prompts and completions: a label that all have says nothing."""
    values = np.random.default_rng(0).uniform(0.1, 0.9, size=(4, 30, 5))
    values[..., 4] = values[..., 4].round()
    about = {"encoding": "values", "class_names": (), "example_ids": [f"e{i}" for i in range(30)]}
    dynamics = TrainingDynamics.from_arrays(values, None, **about)
    DataMap.from_dynamics(dynamics, burn_in=0).write(tmp_path / "map.parquet")
    page = opened(write_maps(read_maps([tmp_path / "map.parquet"]), tmp_path / "report.html"))
    options = page.eval_on_selector_all("#colour option", "all => all.map(one => one.value)")
    assert options == ["correctness", "region"]
    assert page.locator("#examples thead th").nth(1).text_content() == "region"
    assert set(page.column(2)) <= {"easy-to-learn", "ambiguous", "hard-to-learn"}
    page.locator("#examples tbody button").first.click()
    facts = page.locator("tr.opened dt").all_text_contents()
    assert "region" in facts
    assert "label" not in facts
    assert page.locator("#filters", has_text="label").count() == 0
    assert page.errors == []


def test_what_was_selected_is_not_cut_off(opened, page_file):
    """On a wide screen the tables fit; on a phone the names stay while the figures are moved."""
    page = opened(page_file)
    widths = "all => all.map(one => [one.scrollWidth, one.clientWidth])"
    found = page.eval_on_selector_all("#selection .scroll", widths)
    assert len(found) >= 2
    assert all(wide <= room for wide, room in found), found
    page = opened(page_file, viewport={"width": 390, "height": 844})
    table = page.locator("#selection .scroll").first
    table.evaluate("one => { one.scrollLeft = 1000; }")
    assert table.evaluate("one => one.scrollLeft") > 50
    name, edge = table.locator("tbody th").first, table.bounding_box()["x"]
    assert name.bounding_box()["x"] == pytest.approx(edge, abs=1)
    assert page.errors == []


@pytest.mark.parametrize("width", [390, 1280])
def test_the_commands_that_repeat_it_are_not_cut(opened, tmp_path, width):
    folder = tmp_path / ("a-long-name-" * 12)
    folder.mkdir()
    write_values(folder, made_values(Made(seeds=(0,))))
    page = opened(
        write_report([read_run(folder)], tmp_path / "long.html"),
        viewport={"width": width, "height": 900},
    )
    page.wait_for_selector("html[data-charts=drawn]", state="attached")
    assert page.evaluate(
        "() => { const all = [...document.querySelectorAll('.commands')]; return all.length > 0 && "
        "all.every(one => one.textContent && one.scrollWidth <= one.clientWidth); }"
    )
    # ERM's cost and the line of the best look different.
    chart = page.locator("[data-chart=pareto]")
    assert chart.locator(".frontier").get_attribute("stroke-dasharray") == "5,4"
    assert chart.locator("[aria-label=rule]").first.get_attribute("stroke-dasharray") is None
