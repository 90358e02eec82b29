"""The report's statistics by length, and lengths among what is explored."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ftft import DataMap
from ftft.dynamics.container import TrainingDynamics
from ftft.report.composition import shares, ways
from ftft.report.map_payload import explorer
from ftft.report.views import MapView, RunView
from ftft.results.read import Results

LENGTHS = np.repeat([3, 5, 8, 20], 25).astype(np.int32)


@pytest.fixture
def view():
    """A hundred examples in four lengths, of which the long ones were selected."""
    logits = np.random.default_rng(0).normal(size=(4, 100, 2))
    dynamics = replace(TrainingDynamics.from_arrays(logits, [0, 1] * 50), lengths=LENGTHS)
    return MapView("ftft", 0, DataMap.from_dynamics(dynamics, burn_in=0), LENGTHS == 20, None)


def test_by_quarters_of_length(view):
    found = shares([view], "length")
    assert [one.name for one in found] == ["3 tokens", "5 tokens", "8 tokens", "20 tokens"]
    assert [one.examples for one in found] == [25.0] * 4
    assert [one.of_selection for one in found] == [0.0, 0.0, 0.0, 1.0]
    for one, length in zip(found, (3, 5, 8, 20), strict=True):
        inside = length == LENGTHS
        assert one.confidence == pytest.approx(view.datamap.confidence[inside].mean())
        assert one.variability == pytest.approx(view.datamap.variability[inside].mean())


def test_another_seed_may_lack_examples(view):
    """Its lengths fall into the quarters of the first, also where it has none of some."""
    kept = LENGTHS < 20
    columns = {
        name: getattr(view.datamap, name)[kept]
        for name in ("labels", "confidence", "variability", "region_code", "lengths")
    }
    fewer = replace(view, datamap=replace(view.datamap, **columns), selected=np.ones(75, bool))
    found = shares([view, fewer], "length")
    assert [one.examples for one in found] == [25.0, 25.0, 25.0, 12.5]
    assert found[3].confidence == pytest.approx(view.datamap.confidence[LENGTHS == 20].mean())


def test_maps_that_do_not_know_lengths(view):
    old = replace(view, datamap=replace(view.datamap, lengths=None))
    assert ways([view]) == ("label", "region", "length")
    assert ways([view, old]) == ("label", "region")


def test_examples_without_labels_are_not_divided_by_them(view):
    without = replace(view, datamap=replace(view.datamap, class_names=()))
    assert ways([without]) == ("region", "length")


def test_a_group_without_examples_has_no_means(view):
    none = replace(view.datamap, region_code=np.zeros(100, dtype=np.int8))
    first, *others = shares([replace(view, datamap=none)], "region")
    assert first.confidence == pytest.approx(view.datamap.confidence.mean())
    assert [(one.confidence, one.variability) for one in others] == [(None, None)] * 2


@pytest.mark.parametrize("known", [True, False])
def test_tokens_are_explored_where_they_are_known(view, known):
    datamap = view.datamap if known else replace(view.datamap, lengths=None)
    run = Results(Path(), {"experiment": "x", "data": {"fingerprint": ""}}, ())
    maps = (replace(view, datamap=datamap),)
    page = explorer([RunView(run, "", maps, None, with_texts=False, notes=())], 10**6)
    about = page.maps[0]
    assert ("length" in about["unknown"]) is not known
    assert (["length", "u2", 100] in about["layout"]) is known
