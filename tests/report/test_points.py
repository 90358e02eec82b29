"""What a page holds of the maps: samples in proportion, numbers as they were, texts that fit."""

import base64
import gzip
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from fake_runs import Made, datamap, write_run
from ftft.config.tasks import GROUP_TITLES, TASK_METRICS
from ftft.report import map_payload
from ftft.report.html import page
from ftft.report.map_payload import explorer
from ftft.report.sampling import shown_rows
from ftft.report.texts import ROWS_PER_BLOCK, packed_texts
from ftft.report.views import read_view
from ftft.results.read import read_run

MADE = Made(seeds=(0, 1))


def unpacked(block):
    return gzip.decompress(base64.b64decode(block))


def read_arrays(found, about):
    content, at, arrays = unpacked(found.blocks[about["name"]]), 0, {}
    for name, kind, length in about["layout"]:
        arrays[name] = np.frombuffer(content, f"<{kind}", length, at)
        at += arrays[name].nbytes
    assert at == len(content)
    return arrays


def read_lists(found, prefix):
    blocks = [f"{prefix}-{n}" for n in range(len(found.blocks)) if f"{prefix}-{n}" in found.blocks]
    return [value for block in blocks for value in json.loads(unpacked(found.blocks[block]))]


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    return read_view(read_run(write_run(tmp_path_factory.mktemp("points") / "run", MADE)))


def test_numbers_ids_and_texts_belong_together(view):
    found = explorer([view], 10_000_000)
    assert [one["seed"] for one in found.maps] == [0, 1]
    assert len(found.datasets) == 1
    dataset = found.datasets[0]
    ids = read_lists(found, "d0-ids")
    texts = read_lists(found, "d0-texts")
    assert sorted(ids) == sorted(f"ex-{n}" for n in range(600))
    rows = view.train.table.to_pylist()
    by_id = {row["example_id"]: row for row in rows}
    assert texts == [[by_id[one]["text_0"], by_id[one]["text_1"]] for one in ids]
    shared = read_arrays(found, dataset)
    assert [dataset["labels"][code] for code in shared["label"]] == [
        view.train.class_names[by_id[one]["label"]] for one in ids
    ]
    column = dataset["columns"][0]
    assert [column["values"][code] for code in shared["slice0"]] == [
        by_id[one]["slice:source"] for one in ids
    ]
    for one in found.maps:
        recorded, drawn = datamap(MADE, one["seed"])
        places = [drawn.example_ids.to_pylist().index(each) for each in ids]
        arrays = read_arrays(found, one)
        for name, (low, high) in one["scales"].items():
            values = low + (high - low) * arrays[name] / 65535
            np.testing.assert_allclose(
                values, getattr(drawn, name)[places], atol=(high - low) / 65535
            )
        np.testing.assert_allclose(arrays["correctness"] / 5, drawn.correctness[places], atol=1e-6)
        assert arrays["region"].tolist() == drawn.region_code[places].tolist()
        assert arrays["selected"].sum() == one["selected"] == 198
        last = recorded.epoch_logits(4)[places]
        exact = np.exp(last - last.max(1, keepdims=True))
        exact /= exact.sum(1, keepdims=True)
        gold = exact[np.arange(600), drawn.labels[places]]
        curves = arrays["curves"].reshape(5, 600)
        np.testing.assert_allclose(curves[4] / 255, gold, atol=1 / 255)


def test_a_sample_is_in_proportion():
    strata = np.repeat([0, 1, 2, 3], [5000, 3000, 1990, 10])
    rows = shown_rows(strata, 1000)
    assert len(rows) == len(set(rows.tolist())) == 1000
    assert np.bincount(strata[rows]).tolist() == [500, 300, 199, 1]
    assert rows.tolist() == shown_rows(strata, 1000).tolist()
    # Its first part is a fair picture too.
    assert np.bincount(strata[rows[:200]], minlength=4)[0] == pytest.approx(100, abs=25)


@pytest.mark.parametrize("most", [1, 7, 333])
def test_a_sample_has_exactly_its_size(most):
    strata = np.random.default_rng(0).integers(5, size=400)
    assert len(shown_rows(strata, most)) == most


def test_all_are_shown_where_they_fit():
    assert sorted(shown_rows(np.zeros(50, np.int64), 50).tolist()) == list(range(50))


def test_a_sample_is_said(view, monkeypatch):
    monkeypatch.setattr(map_payload, "MOST_POINTS", 100)
    found = explorer([view], 10_000_000)
    assert (found.datasets[0]["shown"], found.datasets[0]["total"]) == (100, 600)
    assert len(read_lists(found, "d0-ids")) == 100
    assert len(read_lists(found, "d0-texts")) == 100


def test_a_small_budget_is_kept_and_what_was_cut_is_said(tmp_path):
    wordy = Made(words=90, seeds=(0,))
    view = read_view(read_run(write_run(tmp_path / "run", wordy)))
    whole = explorer([view], 10_000_000)
    size = sum(map(len, whole.blocks.values()))
    assert whole.datasets[0]["textNote"] == ""
    budget = int(size * 0.8)
    found = explorer([view], budget)
    assert sum(map(len, found.blocks.values())) <= budget
    assert found.datasets[0]["shown"] == 600
    assert "texts are cut after" in found.datasets[0]["textNote"]
    tiny = explorer([view], 20_000)
    assert sum(map(len, tiny.blocks.values())) <= 20_000
    assert tiny.datasets[0]["shown"] < 600


def test_the_page_keeps_the_limit(view):
    limit = len(page([view]).encode()) + 400_000 - 5_000
    assert len(page([view], limit).encode()) <= limit


TEXTS = pa.array([f"{'a long text ' * (n % 40)}{n}" for n in range(3000)])


def test_texts_are_cut_to_one_length():
    whole = packed_texts([TEXTS], 10_000_000)
    assert (whole.limit, whole.cut) == (None, 0)
    assert len(whole.blocks) == -(-3000 // ROWS_PER_BLOCK)
    size = sum(map(len, whole.blocks))
    cut = packed_texts([TEXTS], int(size * 0.95))
    assert cut is not None
    texts = [row[0] for block in cut.blocks for row in json.loads(unpacked(block))]
    assert max(map(len, texts)) == cut.limit + 1
    assert sum(text.endswith("…") for text in texts) == cut.cut > 0
    assert packed_texts([TEXTS], 100) is None


def test_every_task_names_its_groups():
    assert GROUP_TITLES.keys() == TASK_METRICS.keys()


def test_groups_have_the_name_that_their_task_gives_them(view):
    """The groups of sentences with tags are no labels: whether a sentence has entities."""
    assert explorer([view], 10_000_000).datasets[0]["groupedBy"] == "label"
    tagged = replace(view.train, task="token-classification")
    sentences = replace(view, train=tagged, with_texts=False)
    assert explorer([sentences], 10_000_000).datasets[0]["groupedBy"] == "entities"
    shown = page([sentences])
    assert 'aria-label="Selection by entities"' in shown
    assert 'aria-label="Selection by label"' not in shown
    unread = replace(view, train=None)
    assert explorer([unread], 10_000_000).datasets[0]["groupedBy"] == "label"
