"""Values that are the same, and YAML that can be pasted."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ftft.config.data import DataSource
from ftft.config.yaml_core import flow, parse
from ftft.data.spelling import has_fraction, respelt, same_value, spelling_key


@pytest.mark.parametrize("spellings", [["1", "1.0", "1e0", "1.00"], ["-0", "0", "0.0"],
                                       ["1e-05", "0.00001"], ["True", "TRUE", "true"]])  # fmt: skip
def test_the_same_value(spellings):
    assert len(set(map(same_value, spellings))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "2"), ("7", "007"), ("1", "true"), ("a", "A"), ("a", "a "), ("1", "١"), ("1", "1 ")],
)
def test_other_values(one, other):
    assert same_value(one) != same_value(other)


def test_digits_that_a_float_would_lose_are_kept():
    assert same_value("123456789012345678") != same_value("123456789012345679")
    assert same_value("9" * 30) != same_value("9" * 29 + "8")
    assert same_value("1e999") != same_value("1e998")


def test_respelt_prefers_the_name_itself():
    assert respelt("1.0", ["1", "1.0"]) == "1.0"
    assert respelt("1.0", ["0", "1"]) == "1"
    assert respelt("True", ["true"]) == "true"
    assert respelt("x", ["y"]) == "x"


@pytest.mark.parametrize("group", [["a", "a ", "A", "\u00a0a", "ａ"], ["1", "1.0", "true", "True "],
                                   ["not-entailment", "not_entailment", "Not entailment"],
                                   ["caf\u00e9", "cafe\u0301"], ["0.5", "0.50"]])  # fmt: skip
def test_spellings_of_one_class(group):
    assert len(set(map(spelling_key, group))) == 1


def test_classes_that_punctuation_tells_apart():
    names = ["C", "C++", "C#", "-", "+", "1", "-1", "0", "07", "7", "a", "b"]
    assert len(set(map(spelling_key, names))) == len(names)


@pytest.mark.parametrize("text", ["0.5", "-2.25", "1.10", ".5", "2,5", "12.5%", "1e-3", " 0.5"])
def test_a_fraction(text):
    assert has_fraction(text)


@pytest.mark.parametrize("text", ["1", "1.0", "-3", "1e3", "1.", "a", "", "1.2.3", "12:30", "½"])
def test_no_fraction(text):
    assert not has_fraction(text)


@given(st.text(max_size=20))
@example("no")
@example("Off")
@example("~")
@example("null")
@example("y")
@example("007")
@example("0o7")
@example("1_000")
@example("12:30")
@example("1.0")
@example("1e3")
@example("-1")
@example("9" * 400)
@example("a, b")
@example("a: b")
@example("a #b")
@example("a ")
@example("2020-01-01")
@example("=")
@example("<<")
@example("\u2028\x85\x00\x7f\ufeff")
@example('"\\\n\t\r')
@example("😀")
def test_every_text_is_read_as_it_is(text):
    source = {"path": "x", "text": "t", "label": "l"}
    where = parse(f"where: {flow({text: [text, 'z' + text]})}")
    assert DataSource(**source, **where).where == {text: [text, "z" + text]}
    labels = parse(f"{{labels: {flow({text: text})}}}")
    assert DataSource(**source, **labels).labels == {text: text}


def test_plain_words_stand_bare():
    assert flow(["not-entailment", "two words", "no", "0", "-1", "true"]) == (
        "[not-entailment, two words, 'no', '0', '-1', 'true']"
    )
    assert flow({"caf\u00e9": "\u6f22\u5b57"}) == "{caf\u00e9: \u6f22\u5b57}"
    assert flow("a\u202eb\n") == '"a\\u202Eb\\n"'  # what cannot be seen
