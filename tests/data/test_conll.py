"""CoNLL files, and what is wrong with them."""

import pytest

from ftft.config.data import DataConfig
from ftft.data.readers.conll import read_conll
from ftft.data.tagged import load_tagged
from ftft.errors import DataError
from published import needs, published


def write(folder, text):
    path = folder / "a.conll"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\tO\nb\tB-x\n\nc\tO\n", [(1, ["a", "b"]), (4, ["c"])]),
        ("a\tO\n\t\n\t\n\nc\tO", [(1, ["a"]), (5, ["c"])]),
        ("a O\r\nb  B-x\r\n   \r\nc O\r\n", [(1, ["a", "b"]), (4, ["c"])]),
        ("-DOCSTART- O\n\na O\n", [(3, ["a"])]),
        ("# sent_id = 1\n#\tO\na\tO\n", [(2, ["#", "a"])]),
        ("\u00a0\tO\na b\tO\n\x85\tO\n", [(1, ["\u00a0", "a b", "\x85"])]),
        (b"\xef\xbb\xbfa\tO\n", [(1, ["a"])]),
    ],
)
def test_sentences(tmp_path, text, expected):
    found = read_conll(write(tmp_path, text), 1, 2)
    assert [(one.line, one.words) for one in found] == expected
    assert all(len(one.words) == len(one.tags) for one in found)


def test_columns_are_chosen_also_from_the_end(tmp_path):
    path = write(tmp_path, "1 U.N. NNP I-ORG\n2 official NN O\n")
    assert read_conll(path, 2, -1)[0].tags == ["I-ORG", "O"]
    assert read_conll(path, 2, 3)[0].tags == ["NNP", "NN"]
    assert read_conll(path, 2, -1)[0].words == ["U.N.", "official"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\tO\nalone\nb\tO\n", "line 2: 1 column ('alone')"),
        ("a\tO\n\n\tO\n", "line 3: the word in column 1 is empty"),
        ("a\tO\nb\t\n", "line 2: the tag in column 2 is empty"),
        (b"a\tO\n\xff\tO\n", "UTF-8"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, words):
    path = write(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read_conll(path, 1, 2)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_column_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"line 1: 2 columns .* the tag in column 4"):
        read_conll(write(tmp_path, "a\tO\n"), 1, 4)


@needs("ner")
def test_wnut_as_published():
    """Counts of Derczynski et al. (2017, table 2), and I- after O, which only begins an entity."""
    folder = published("ner")
    sets = {name: {"path": folder / f"wnut17_{name}.conll"} for name in ("train", "dev", "test")}
    sets = {name: {"path": str(one["path"])} for name, one in sets.items()}
    config = {
        "train": {**sets["train"], "text": 1, "label": 2},
        "dev": {"dev": sets["dev"]},
        "test": {"test": sets["test"]},
    }
    data = load_tagged(DataConfig.model_validate(config))
    found = (data.train, data.dev["dev"], data.test["test"])
    assert [len(one) for one in found] == [3394, 1009, 1287]
    assert sum(map(len, data.train.table.column("words").to_pylist())) == 62730
    assert [one.shown[0].to_pandas().str.count(r"\]\([a-z-]+\)").sum() for one in found] == [
        *(1975, 836, 1079),
    ]
    assert len(data.class_names) == 13
