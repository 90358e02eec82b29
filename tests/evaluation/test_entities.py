"""Entities as conlleval finds them, against a transcription of its two tables."""

import random
from itertools import chain

import numpy as np
import pytest

from ftft.data.tagged import split_tag
from ftft.evaluation.entities import TagScheme, f1, find_entities

TAGS = ["O", *(f"{prefix}-{kind}" for prefix in "BIES" for kind in ("x", "y"))]


def conlleval(tags):
    """Chunks by startOfChunk and endOfChunk of conlleval.pl (Tjong Kim Sang, 2004)."""
    found, before, start = set(), ("O", ""), None
    for place, tag in enumerate([*tags, "O"]):
        now = tuple(tag.split("-", 1)) if tag != "O" else ("O", "")
        pair = before[0] + now[0]
        other = now[1] != before[1]
        ends = pair in ("BB", "BO", "IB", "IO", "EE", "EI", "EO") or before[0] in "ES"
        if start is not None and (ends or (before[0] != "O" and other) or now[0] == "S"):
            found.add((start, place, before[1]))
            start = None
        begins = now[0] in "BS" or pair in ("EE", "EI", "OE", "OI", "SE", "SI")
        if begins or (now[0] != "O" and other):
            start = place
        before = now
    return found


def entities(tags, sentence=None):
    scheme = TagScheme.of([split_tag(tag) for tag in TAGS])
    codes = np.array([TAGS.index(tag) for tag in tags])
    sentence = np.zeros(len(tags), int) if sentence is None else np.array(sentence)
    found = find_entities(codes, sentence, scheme)
    kinds = [scheme.kinds[kind] for kind in found.kind]
    return set(zip(found.start.tolist(), found.end.tolist(), kinds, strict=True)), found


def test_entities_are_those_of_conlleval():
    chance = random.Random(0)
    for _ in range(2_000):
        tags = chance.choices(TAGS, k=chance.randint(1, 9))
        assert entities(tags)[0] == conlleval(tags), tags


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["O", "I-x", "I-x"], {(1, 3, "x")}),
        (["B-x", "I-y"], {(0, 1, "x"), (1, 2, "y")}),
        (["I-x", "B-x"], {(0, 1, "x"), (1, 2, "x")}),
    ],
)
def test_an_inside_tag_begins_an_entity_where_none_is_open(tags, expected):
    assert entities(tags)[0] == expected


def test_entities_do_not_cross_sentences():
    assert entities(["B-x", "I-x"], [0, 1])[0] == {(0, 1, "x"), (1, 2, "x")}


def test_the_whole_entity_and_its_type_must_be_right():
    gold = entities(["B-x", "I-x", "O", "B-y", "O"])[1]
    found = entities(["B-x", "O", "O", "B-y", "B-x"])[1]
    assert found.same_as(gold).tolist() == [False, True, False]


def test_f1():
    assert f1(1, 2, 3) == pytest.approx(0.4)
    assert f1(0, 0, 0) == 0.0


def test_against_seqeval():
    seqeval = pytest.importorskip("seqeval.metrics", reason="a peer: pip install seqeval")
    chance = random.Random(1)
    bio = [tag for tag in TAGS if tag[0] in "OBI"]
    gold, guessed = ([chance.choices(bio, k=8) for _ in range(50)] for _ in range(2))
    sentence = np.repeat(np.arange(50), 8)
    wanted, found = (entities([*chain(*tags)], sentence)[1] for tags in (gold, guessed))
    own = f1(int(found.same_as(wanted).sum()), len(wanted.start), len(found.start))
    assert own == pytest.approx(seqeval.f1_score(gold, guessed))
