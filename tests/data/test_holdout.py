"""The held-out development set: whole texts, labels in proportion, whatever the file's order."""

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftft.data.holdout import choose_held_out
from ftft.data.ids import choose_by_hash
from ftft.errors import DataError

UNIQUE = [(f"text {i}", "ab"[i % 2]) for i in range(140)]


def split(rows, share=0.1):
    """The rows that are held out and those that are not, of (text, label) pairs."""
    names = sorted({label for _, label in rows})
    labels = np.array([names.index(label) for _, label in rows])
    mask = choose_held_out([text for text, _ in rows], labels, share, salt="holdout 0")
    held = [row for row, is_held in zip(rows, mask, strict=True) if is_held]
    return held, [row for row, is_held in zip(rows, mask, strict=True) if not is_held]


def labels_of(rows):
    return dict(Counter(label for _, label in rows))


def texts_of(rows):
    return {text for text, _ in rows}


class TestDifferentTexts:
    @pytest.mark.parametrize("share", [0.05, 0.1, 0.33, 0.8])
    def test_the_first_by_hash_are_chosen(self, share):
        texts = [text for text, _ in UNIQUE]
        before = choose_by_hash(texts, round(share * len(texts)), salt="holdout 0")
        held, _ = split(UNIQUE, share)
        assert texts_of(held) == {t for t, chosen in zip(texts, before, strict=True) if chosen}

    def test_a_label_whose_share_is_a_row_is_among_them(self):
        for start in range(0, 2000, 20):
            rows = [(f"text {start + i}", "ab"[i % 2]) for i in range(20)]
            assert labels_of(split(rows)[0]) == {"a": 1, "b": 1}

    def test_no_label_loses_its_last_training_row(self):
        rows = [*UNIQUE[:10], ("rare", "c")]
        for i in range(50):
            moved = [(f"{text} {i}", label) for text, label in rows]
            held, kept = split(moved, 0.8)
            assert set(labels_of(kept)) == {"a", "b", "c"}
            assert labels_of(held) == {"a": 4, "b": 4}


class TestEqualTexts:
    @pytest.mark.parametrize("text", [f"thanks {i}" for i in range(8)])
    def test_a_frequent_text_stays_together_and_labels_are_in_proportion(self, text):
        # Sorted by label; the frequent text has 60 of 200 rows, more than are held out.
        rows = sorted([*UNIQUE, *[(text, "a")] * 60], key=lambda row: row[1])
        held, kept = split(rows)
        assert kept.count((text, "a")) == 60
        assert labels_of(held) == {"a": 13, "b": 7}

    @pytest.mark.parametrize("text", [f"thanks {i}" for i in range(8)])
    def test_a_frequent_text_that_would_fit(self, text):
        rows = [*UNIQUE, *[(text, "a")] * 60]
        held, kept = split(rows, 0.3)
        assert not texts_of(held) & texts_of(kept)
        assert labels_of(held) == {"a": 39, "b": 21}

    def test_a_text_with_several_labels(self):
        rows = [*UNIQUE, *[("odd", "a")] * 30, *[("odd", "b")] * 30]
        held, kept = split(rows)
        assert not texts_of(held) & texts_of(kept)
        assert labels_of(held) == {"a": 10, "b": 10}

    @pytest.mark.parametrize("copies", [2, 3, 6])
    def test_every_text_several_times_in_a_sorted_file(self, copies):
        rows = [(f"text {i // copies}", "a" if i < 420 else "b") for i in range(600)]
        held, kept = split(rows)
        assert not texts_of(held) & texts_of(kept)
        assert labels_of(held) == {"a": 42, "b": 18}

    def test_groups_too_coarse_for_the_share(self):
        # 100 rows of five texts and two labels: one text is a fifth, where a tenth is wanted.
        rows = [(f"text {i % 5}", "a" if i < 50 else "b") for i in range(100)]
        held, kept = split(rows)
        assert not texts_of(held) & texts_of(kept)
        assert labels_of(held) == {"a": 10, "b": 10}

    def test_training_keeps_different_texts_of_a_label(self):
        # In proportion, all other examples of "a" would be held out.
        rows = [*[("the same", "a")] * 500, *[(f"text {i}", "ab"[i >= 50]) for i in range(500)]]
        held, kept = split(rows)
        assert labels_of(held) == {"a": 25, "b": 45}
        assert len(texts_of(kept) & {f"text {i}" for i in range(50)}) == 25


rows_of_any_kind = st.lists(
    st.tuples(st.sampled_from([f"t{i}" for i in range(12)]), st.sampled_from("abc")), min_size=2
)


@settings(max_examples=300, deadline=None)
@given(rows_of_any_kind, st.floats(0.01, 0.95), st.randoms(use_true_random=False))
def test_any_rows(rows, share, random: Random):
    held, kept = split(rows, share)
    assert not texts_of(held) & texts_of(kept)
    assert set(labels_of(kept)) == set(labels_of(rows))
    again = list(rows)
    random.shuffle(again)
    assert sorted(split(again, share)[0]) == sorted(held)
    counts = Counter(text for text, _ in rows)
    assert len(held) <= max(1, round(share * len(rows))) + 2 * max(counts.values())


class TestLoading:
    CONTENT = "text,label\n" + "".join(
        f"{t},{y}\n" for t, y in [*UNIQUE, *[("thanks 4", "a")] * 60]
    )

    def test_nothing_of_the_training_data_is_held_out(self, load):
        data = load(self.CONTENT)
        assert data.overlaps == {"id": 0}
        assert data.dev["id"].labels.tolist().count(0) == 13
        assert (len(data.train), len(data.dev["id"])) == (180, 20)

    def test_pairs_are_equal_where_both_texts_are(self, write, load):
        content = "text,other,label\n" + "".join(
            f"premise,hypothesis {i // 2},{'ab'[i // 2 % 2]}\n" for i in range(80)
        )
        data = load(content, text=["text", "other"], holdout=0.2)
        assert (len(data.train), len(data.dev["id"])) == (64, 16)
        assert data.overlaps == {"id": 0}

    @pytest.mark.parametrize(
        ("content", "texts"),
        [("text,label\nx,a\ny,b\n", "2"), ("text,label\n" + "x,a\nx,b\n" * 20, "1")],
    )
    def test_none_can_be_spared(self, load, content, texts):
        with pytest.raises(DataError) as caught:
            load(content, holdout=0.5)
        message = str(caught.value)
        assert message.startswith("training data: no development set can be held out of")
        assert f"{texts} different texts" in message
        assert "under 'dev'" in message
