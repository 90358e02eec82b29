from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftft.cartography.ranking import id_uniform, top, top_set

# Ids that share long prefixes, are prefixes of each other, or need several bytes.
ids_of_any_kind = st.lists(
    st.one_of(
        st.text(max_size=3),
        st.text("ab\x00ä日", max_size=20),
        st.integers(0, 50).map(lambda i: f"a-long-common-prefix-{i}"),
        st.integers(0, 50).map(lambda i: "x" * i),
    ),
    unique=True,
    min_size=1,
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(ids_of_any_kind, st.data())
def test_top_is_a_sort_by_score_then_id(ids, data):
    scores = data.draw(
        st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=len(ids), max_size=len(ids))
    )
    count = data.draw(st.integers(0, len(ids)))
    largest = data.draw(st.booleans())
    sign = -1 if largest else 1
    expected = sorted(range(len(ids)), key=lambda i: (sign * scores[i], ids[i].encode()))[:count]
    array, values = pa.array(ids, pa.string()), np.array(scores, dtype=np.float32)
    assert top(values, array, count, largest=largest).tolist() == expected
    assert set(top_set(values, array, count, largest=largest).tolist()) == set(expected)


def test_only_candidates_are_ranked():
    ids, scores = pa.array(list("abcdef")), np.array([5, 4, 3, 3, 3, 0])
    rows = np.array([5, 4, 2, 3])
    assert top(scores, ids, 2, largest=True, rows=rows).tolist() == [2, 3]
    assert top(scores, ids, 9, largest=True, rows=rows).tolist() == [2, 3, 4, 5]
    assert top(scores, ids, 0, largest=True).tolist() == []


def test_repeated_ids_do_not_hang():
    ids = pa.array(["same"] * 4)
    assert sorted(top(np.zeros(4), ids, 4, largest=True).tolist()) == [0, 1, 2, 3]
    assert len(top(np.zeros(4), ids, 2, largest=True)) == 2


def test_very_long_ids():
    ids = pa.array(["x" * 20_000 + end for end in "ba"])
    assert top(np.zeros(2), ids, 2, largest=True).tolist() == [1, 0]


FIXED = [
    0.28176129772258496,
    0.23851085199131994,
    0.8691073795196996,
    0.9812453329451329,
    0.6830242568268671,
]


def test_the_numbers_of_ids_are_fixed_for_ever():
    ids = pa.array(["", "a", "12345678", "123456789", "ä日"])
    numbers = id_uniform(ids, 0)
    np.testing.assert_array_equal(numbers, FIXED)
    assert (id_uniform(ids, 1) != numbers).all()
    np.testing.assert_array_equal(id_uniform(ids, 2**64), numbers)
    assert (id_uniform(ids, -1) != numbers).all()


def test_another_process_gives_the_same_numbers():
    code = (
        "import pyarrow as pa; from ftft.cartography.ranking import id_uniform; "
        "print(*id_uniform(pa.array(['q', 'r']), 3))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in "ab"
    ]
    here = id_uniform(pa.array(["q", "r"]), 3)
    assert [list(map(float, run.stdout.split())) for run in runs] == [here.tolist()] * 2


@settings(max_examples=50, deadline=None)
@given(ids_of_any_kind, st.randoms(use_true_random=False))
def test_a_number_belongs_to_its_id_wherever_it_stands(ids, random):
    by_id = dict(zip(ids, id_uniform(pa.array(ids, pa.string()), 7), strict=True))
    random.shuffle(ids)
    moved = id_uniform(pa.array(["pad", *ids], pa.string()).slice(1), 7)
    assert [by_id[name] for name in ids] == moved.tolist()


@pytest.mark.parametrize("pattern", ["{}", "id-{}", "a-long-common-prefix-{:09d}", "{:x}{:x}"])
def test_the_numbers_are_uniform(pattern):
    ids = pa.array([pattern.format(i, i * i) for i in range(20_000)])
    numbers = np.sort(id_uniform(ids, 1))
    # Kolmogorov-Smirnov at a level of about 1e-4.
    assert np.abs(numbers - (np.arange(20_000) + 0.5) / 20_000).max() < 2.2 / np.sqrt(20_000)
    other = id_uniform(ids, 2)
    assert abs(np.corrcoef(id_uniform(ids, 1), other)[0, 1]) < 0.03
    assert numbers[0] >= 0
    assert numbers[-1] < 1
