"""Ids: uniqueness, numbering, and choices by hash."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ftft.data.ids import choose_by_hash, content_ids, first_repeat, number_repeats

few = st.lists(st.sampled_from("abcd"), max_size=12)


@given(few)
def test_first_repeat(ids):
    repeats = [i for i, x in enumerate(ids) if x in ids[:i]]
    expected = (ids.index(ids[repeats[0]]), repeats) if repeats else None
    assert first_repeat(pa.array(ids, pa.string())) == expected


@given(few)
def test_numbered_ids_are_unique_and_first_ones_unchanged(ids):
    numbered = number_repeats(ids)
    assert len(set(numbered)) == len(ids)
    assert all(n.partition("-")[0] == i for n, i in zip(numbered, ids, strict=True))
    assert {i for i in numbered if "-" not in i} == set(ids)


def test_content_ids_are_pinned():
    texts = [pa.chunked_array([["x", "xy"]]), pa.chunked_array([["yz", "z"]])]
    ids = content_ids(texts, pa.chunked_array([["a", "a"]]))
    assert ids == ["2f06fcaa1cdedde9", "1a715d45af17638c"]


@given(st.sets(st.text(max_size=3), max_size=20), st.integers(0, 25), st.randoms())
def test_choice_is_exact_and_ignores_the_order(ids, count, random):
    first = sorted(ids)
    second = sorted(ids)
    random.shuffle(second)
    chosen = choose_by_hash(first, count, salt="s")
    again = choose_by_hash(second, count, salt="s")
    assert chosen.sum() == min(count, len(ids))
    assert set(np.array(first)[chosen]) == set(np.array(second)[again])
