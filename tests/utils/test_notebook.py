"""What values show of themselves in a notebook."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from fake_runs import result, results
from ftft.cartography.datamap import DataMap
from ftft.dynamics.container import TrainingDynamics
from ftft.results.verdict import verdict
from ftft.selection.strategies import select
from ftft.utils.notebook import html_table

NASTY = '<script>alert("x")</script>&'
SVG = "{http://www.w3.org/2000/svg}"


def dynamics(examples=60, classes=("no", NASTY), **given):
    logits = np.random.default_rng(0).normal(size=(3, examples, len(classes)))
    labels = np.arange(examples) % len(classes)
    ids = [f"{NASTY}{row}" for row in range(examples)]
    return TrainingDynamics.from_arrays(logits, labels, ids, class_names=classes, **given)


def parsed(html):
    """The elements, if it is well formed, all text being escaped."""
    assert "<script" not in html
    return ET.fromstring(f"<div>{html}</div>")


def cells(html):
    return [[cell.text or "" for cell in row] for row in parsed(html).iter("tr")]


class TestDataMap:
    def test_counts_and_means_by_region(self):
        datamap = DataMap.from_dynamics(dynamics(), burn_in=0)
        headers, *rows = cells(datamap._repr_html_())
        assert headers == [
            *("region", "examples", "share", "confidence", "variability", "correctness")
        ]
        for code, row in enumerate(rows):
            inside = datamap.region_code == code
            assert row[1] == str(inside.sum())
            assert row[3] == f"{datamap.confidence[inside].mean():.3f}"
        assert sum(int(row[1]) for row in rows) == 60

    def test_the_picture_holds_every_example(self):
        datamap = DataMap.from_dynamics(dynamics(), burn_in=0)
        (svg,) = parsed(datamap._repr_html_()).iter(f"{SVG}svg")
        assert "data map" in svg.find(f"{SVG}title").text
        filled = svg.findall(f"{SVG}rect")
        assert 1 < len(filled) <= 60
        places = {(rect.get("x"), rect.get("y")) for rect in filled}
        assert len(places) == len(filled)

    def test_the_picture_is_small_whatever_the_map(self):
        large = DataMap.from_dynamics(dynamics(examples=50_000), burn_in=0)
        assert len(large._repr_html_()) < 250_000

    @pytest.mark.parametrize(("examples", "fraction"), [(1, 0.33), (1, 1.0), (2, 0.33)])
    def test_the_smallest_maps_show_themselves(self, examples, fraction):
        given = TrainingDynamics.from_arrays(np.zeros((2, examples, 2)), [0] * examples)
        datamap = DataMap.from_dynamics(given, region_fraction=fraction, burn_in=0)
        assert len(cells(datamap._repr_html_())) == 4


def test_a_selection_shows_how_it_was_made_and_its_first_examples():
    selection = select(DataMap.from_dynamics(dynamics(), burn_in=0), "ambiguous", 0.33)
    html = selection._repr_html_()
    caption = next(parsed(html).iter("caption")).text
    assert caption == "selection of 20 of 60 examples: ambiguous, fraction 0.33, seed 0"
    _, *rows = cells(html)
    assert [row[0] for row in rows] == selection.example_ids[:5].to_pylist()
    assert rows[0][1] == f"{selection.scores[0]:.4g}"


def test_dynamics_show_their_labels_without_reading_logits():
    recorded = dynamics(meta={"model": NASTY, "seed": 3})
    unread = TrainingDynamics(**{**vars(recorded), "reader": None, "incomplete": {3: 10}})
    html = unread._repr_html_()
    caption = next(parsed(html).iter("caption")).text
    assert caption == (
        "training dynamics of 60 examples at 3 recording points, 1 more incomplete; "
        f"model: {NASTY}; seed: 3"
    )
    assert cells(html)[1:] == [["no", "30", "50.0%"], [NASTY, "30", "50.0%"]]


def test_of_many_labels_the_first_are_shown():
    classes = tuple(f"class {number}" for number in range(30))
    html = dynamics(classes=classes)._repr_html_()
    assert len(cells(html)) == 21
    assert "(10 more rows)" in html


def test_results_show_the_verdict_with_scores_and_costs_by_method():
    run = result(ood=0.6, id_score=0.9, estimated=True)
    other = result(seed=1, ood=0.64, id_score=0.92, estimated=True)
    runs = [replace(one, ood_scores={NASTY: one.ood_score}) for one in (run, other)]
    found = results(runs, sets=(NASTY,)).renamed(NASTY)
    found = replace(found, values={**found.values, "metric": "macro_f1"})
    html = found._repr_html_()
    headers, row = cells(html)
    assert headers == ["method", "seeds", "ID", f"OOD ({NASTY})", "FLOPs / ERM", "seconds / ERM"]
    assert row == ["FTFT", "2", "91.0 ± 1.4", "62.0 [36.6, 87.4]", "1.00", "~0.50"]
    assert f"{next(parsed(html).iter('caption')).text}".startswith(f"{NASTY}: macro-F1")
    assert next(parsed(html).iter("p")).text == verdict(found).sentence


def test_numbers_are_set_to_the_right():
    html = html_table("t", ["name", "number"], [["a", "1"]])
    assert '<td style="text-align: left">a</td><td style="text-align: right">1</td>' in html
