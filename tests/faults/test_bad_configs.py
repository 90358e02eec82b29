"""Malformed experiment files and overrides: one message with every problem, no other exception."""

from __future__ import annotations

import math
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from corpus import Case, check_corpus, check_refused, parametrised, read_or_refuse
from ftft.config.load import MAX_BYTES, load_experiment
from ftft.errors import ConfigError
from ftft.training.arguments import check_training_arguments

VALID = """\
name: small
data:
  train: {path: train.csv, text: text, label: label}
  test_ood: {other: {path: other.csv}}
reference: {model: owner/small}
main: {model: owner/large}
"""
FILE = "experiment.yaml"


def text_case(name, text, *words):
    content = text if isinstance(text, bytes) else text.encode()
    return Case(name, lambda at: (at / FILE).write_bytes(content), words, also=())


def instead(old, new):
    assert VALID.count(old) == 1, old
    return VALID.replace(old, new)


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x0: 1, y0: 2}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 9)}], x{new}: 1}}\n"
    for old, new in zip("abcdefghijkl", "bcdefghijklm", strict=True)
)
# From 6.0.4 on PyYAML merges a key once only.
DEFUSED = Version(yaml.__version__) >= Version("6.0.4")
BOMB = "13 problems" if DEFUSED else "merges stand for more than 100,000"
DEEP = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 2000))

TEXTS = [
    text_case("empty", "", FILE, "expected a mapping", "ftft init"),
    text_case("comments only", "# nothing\n", FILE, "expected a mapping"),
    text_case("a list", "- name: x\n", FILE, "expected a mapping", "found list"),
    text_case("a word", "experiment\n", FILE, "expected a mapping", "found str"),
    text_case("a number", "12\n", FILE, "expected a mapping", "found int"),
    text_case("two documents", VALID + "---\n" + VALID, FILE, "single document"),
    text_case(
        "a measure of completions for classes",
        VALID + "map: {measure: mean-token-probability}\n",
        *(FILE, "map.measure is for task: causal-lm", "leave it out"),
    ),
    text_case(
        "a measure that there is not",
        VALID + "map: {measure: median}\n",
        *(FILE, "map.measure", "inverse-perplexity", "mean-token-probability"),
    ),
    text_case(
        "room for completions among classes",
        instead("data:\n", "data:\n  without_room: leave-out\n"),
        *(FILE, "data.without_room is for task: causal-lm", "leave it out"),
    ),
    text_case("a brace not closed", VALID + "map: {burn_in: 1\n", FILE, "not valid YAML", "line"),
    text_case("a quote not closed", VALID + 'output: "x\n', FILE, "not valid YAML", "line"),
    text_case("a tab as indentation", "name: x\ndata:\n\ttrain: y\n", FILE, "line 3", "Correct it"),
    text_case("wrong indentation", VALID + " map: 3\n", FILE, "not valid YAML", "line 7"),
    text_case("an unknown alias", VALID + "map: *nowhere\n", FILE, "nowhere", "undefined alias"),
    text_case("a key twice", VALID + "name: other\n", FILE, "'name' stands twice", "line 1"),
    text_case(
        "a key twice, nested",
        instead("{model: owner/small}", "{model: a, model: b}"),
        *(FILE, "'model' stands twice", "line 5"),
    ),
    text_case("a python object", VALID + "map: !!python/object:os.system {}\n", FILE, "python"),
    text_case(
        "a python call", VALID + "map: !!python/object/apply:os.system [x]\n", FILE, "line 7"
    ),
    text_case("an unknown tag", VALID + "map: !mine {}\n", FILE, "!mine", "line 7"),
    text_case(
        "binary",
        VALID + "output: !!binary aGk=\n",
        FILE,
        "(at output) is read as a bytes",
        "plain texts",
    ),
    text_case("a set", VALID + "baselines: !!set {erm}\n", FILE, "read as a set", "plain texts"),
    text_case(
        "a date, by a tag",
        VALID + "output: !!timestamp 2026-01-01\n",
        FILE,
        "(at output) is read as a date",
        "put a text in quotes",
    ),
    text_case(
        "a key twice, beside a merge",
        VALID + "map: {<<: {ddof: 1}, ddof: 0, ddof: 1}\n",
        FILE,
        "'ddof' stands twice",
        "line 7",
    ),
    text_case("a list as key", VALID + "? [a, b]\n: 1\n", FILE, "unhashable", "line 7"),
    text_case("a number as key", VALID + "1: 2\n", FILE, "1", "a text"),
    text_case("aliases for millions", VALID + LAUGHS, FILE, "aliases stand for more than 100,000"),
    text_case(
        "a set without a name",
        instead("{other: {path: other.csv}}", "{path: other.csv, label: y}"),
        "data.test_ood",
        "keys of a single set (path, label)",
        "NAME: {path: ...}",
    ),
    text_case("merges for millions", VALID + MERGES, FILE, BOMB),
    text_case("an alias in itself", VALID + "map: &m {burn_in: *m}\n", FILE, "nested", "50 levels"),
    text_case("a merge of itself", VALID + "map: &m {<<: *m}\n", FILE, "not valid YAML"),
    text_case("nested by aliases", VALID + DEEP, FILE, "nested more than 50 levels deep"),
    text_case("nested brackets", VALID + f"map: {'[' * 60}{']' * 60}\n", FILE, "50 levels deep"),
    text_case("many brackets", VALID + "map: " + "[" * 5000, FILE, "not valid YAML"),
    text_case("too large", VALID + "#" * MAX_BYTES, FILE, "bytes", "right file"),
    text_case(
        "latin-1", VALID.encode() + b"output: caf\xe9\n", FILE, "not UTF-8", "saved as UTF-8"
    ),
    text_case("UTF-16", VALID.encode("utf-16"), FILE, "not UTF-8"),
    text_case("a NUL byte", VALID + "output: a\0b\n", FILE, "not valid YAML", "#x0000"),
    text_case("an escape byte", VALID + "output: \x1b[2J\n", FILE, "not valid YAML"),
    text_case("half a surrogate", VALID + 'output: "\\ud800"\n', FILE, "(at output)", "surrogate"),
    text_case("JSON cut off", '{"name": "x", "data": {', FILE, "not valid YAML"),
    text_case("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", FILE, "not UTF-8"),
    text_case("zeros", b"\0" * 100, FILE, "not valid YAML"),
    text_case("no name", instead("name: small\n", ""), FILE, "name: missing", "has to be given"),
    text_case(
        "no data", "name: a\nreference: {model: a}\nmain: {model: b}\n", FILE, "data: missing"
    ),
    text_case(
        "no models", "name: a\ndata: {train: {path: a}}\n", "reference: missing", "main: missing"
    ),
    Case(
        "a folder", lambda at: (at / FILE).mkdir(), (FILE, "cannot be read", "YAML file"), also=()
    ),
    Case("no file", lambda at: None, (FILE, "no such experiment file", "ftft init"), also=()),
    *(
        text_case(
            f"a tag that does not fit: {value}",
            f"output: {value}\n",
            *(FILE, "at line 1 cannot be read as a value of type", "put it in quotes"),
        )
        for value in ('!!int ""', '!!float ""', "!!bool x", "!!timestamp x", "!!int x", "!!int 0x_")
    ),
    text_case("an escape of no character", 'output: "\\UFFFFFFFF"\n', FILE, "no character"),
]

HUGE = {
    "decimal": "9" * 6_000,
    "as long as a file can be": "9" * 900_000,
    "hexadecimal": "0x" + "f" * 5_000,
    "with a fraction": "1" * 300 + ".5",
    "with an exponent": "1e" + "9" * 6_000,
    "of 101 digits": "-" + "1" * 100,
}
INTEGERS = {
    **dict.fromkeys(["layers", "batch_size", "eval_batch_size", "max_length"], "reference"),
    **dict.fromkeys(["patience", "evaluations", "evaluate_every"], "main"),
    "epochs": "reference",
    "learning_rate": "main",
    "points_per_epoch": "reference.recording",
    "limit": "data.train",
    "seed": "data.train",
    "burn_in": "map",
    "ddof": "map",
    "num_clusters": "selection",
    "fraction": "selection",
    "patience ": "dm",
    "logging_steps": "main.training_arguments",
    "dataloader_num_workers": "main.training_arguments",
    "deepspeed": "main.training_arguments",
}


def override(setting, *words):
    return Case(setting[:120], lambda at: (at / FILE).write_text(VALID), words, also=(setting,))


OVERRIDES = [
    override("name=", "name", "a text"),
    override("name=a b", "name", "a letter or a digit"),
    override("name=../up", "name", "a letter or a digit"),
    override("name=..", "name", "a letter or a digit"),
    override("name=/etc", "name", "a letter or a digit"),
    override("name=.hidden", "name", "a letter or a digit"),
    override('name="a\\nb"', "name", "a letter or a digit"),
    override('name="ab\\n"', "name", "a letter or a digit"),
    override(f"name={'x' * 101}", "name", "a letter or a digit"),
    override("name=[a]", "name", "a text"),
    override("name=true", "name", "a text"),
    override("output=3", "output", "a text"),
    override("output=$NOT_SET_ANYWHERE/x", "output", "NOT_SET_ANYWHERE", "export"),
    override('output="a\\0b"', "output", "NUL"),
    override("data=3", "data", "a mapping of keys"),
    override("data.train=[]", "data.train", "at least 1"),
    override("data.train=3", "data.train", "a mapping of keys"),
    override("data.train={path: a, text: b}", "data.train", "label", "missing"),
    override("data.train={path: a, label: b}", "data.train", "text", "missing"),
    override("data.train={text: a, label: b}", "data.train", "path", "exactly one"),
    override("data.train.hub=x", "data.train", "exactly one of 'path'"),
    override("data.train.split=x", "data.train", "'split' goes with 'hub' only"),
    override("data.train.path=", "data.train", "exactly one"),
    override('data.train.path=" "', "data.train", "is empty"),
    override('data.train.path="a\\0b"', "data.train", "NUL"),
    override("data.train.path=${NOT_SET_ANYWHERE}", "NOT_SET_ANYWHERE", "is not set"),
    override("data.train.text=[]", "data.train", "text", "at least 1"),
    override("data.train.text=[a, b, c]", "data.train", "text", "at most 2"),
    override("data.train.text=[a, a]", "data.train", "named more than once"),
    override("data.train.text=label", "data.train", "both as 'text' and as 'label'"),
    override("data.train.text=true", "data.train", "boolean", "quotes"),
    override("data.train.label=FALSE", "data.train", "boolean", "quotes"),
    override("data.train.format=xls", "data.train", "format", "'csv'"),
    override("data.train.delimiter=ab", "data.train", "delimiter", "one character"),
    override("data.train.delimiter=x", "data.train", "delimiter", "no letter"),
    override("data.train.header=false", "data.train", "needs its 'columns' named"),
    override("data.train.columns=[a, b]", "data.train", "add header: false"),
    override("data.train.limit=0", "data.train", "limit", "at least 1"),
    override("data.train.limit=many", "data.train", "limit", "a whole number"),
    override("data.train.labels=[a]", "data.train", "labels", "a mapping of keys"),
    override('data.train.labels={1: a, "1": b}', "--set", "'1' stands twice"),
    override("data.train.labels={true: a}", "boolean", "quotes"),
    override("data.train.where={a: []}", "data.train", "where", "at least 1"),
    override("data.train.pth=x", "data.train", "pth: unknown key", "did you mean data.train.path?"),
    override("data.classes=[a]", "data.classes", "at least 2"),
    override("data.classes=[a, a]", "data.classes", "named more than once"),
    override("data.classes=[true, false]", "data.classes", "boolean"),
    override("data.holdout=1", "data.holdout", "less than 1"),
    override("data.holdout=-0.1", "data.holdout", "at least 0"),
    override("data.holdout=.nan", "data.holdout", "nan"),
    override("data.holdout=0", "data", "no development set", "'holdout' above 0"),
    override("data.dev={a/b: {path: x}}", "'a/b' cannot name a data set", "use letters"),
    override("data.dev={../x: {path: x}}", "cannot name a data set", "use letters"),
    override("data.dev={.x: {path: x}}", "cannot name a data set", "no '.' at the start"),
    override("data.test={other: {path: x}}", "two data sets are called 'other'", "must differ"),
    override("data.test={id: {path: x}}", "two data sets are called 'id'", "must differ"),
    override("data.test={t: {path: x, text: [a, b]}}", "2 text column", "the training data 1"),
    override("data.trian={}", "data.trian: unknown key", "did you mean data.train?"),
    override("metric=f1", "metric", "'accuracy', 'macro_f1'"),
    override("reference.model=", "reference.model", "a text"),
    override('reference.model=" "', "reference.model", "name a hub id"),
    override('main.model="a\\0b"', "main.model", "NUL"),
    override("reference.layers=0", "reference.layers", "at least 1"),
    override("reference.layers=1.5", "reference.layers", "a whole number"),
    override("reference.max_length=7", "reference.max_length", "at least 8"),
    override("reference.learning_rate=0", "reference.learning_rate", "greater than 0"),
    override("reference.learning_rate=.inf", "reference.learning_rate", "finite"),
    override("reference.learning_rate=fast", "reference.learning_rate", "number"),
    override("reference.batch_size=0", "reference.batch_size", "at least 1"),
    override(f"seeds=[{'9' * 5000}]", "--set seeds", "not valid YAML"),
    override("reference.epochs=-1", "reference.epochs", "greater than 0"),
    override("reference.warmup=1", "reference.warmup", "less than 1"),
    override("reference.trust_remote_code=perhaps", "trust_remote_code", "true or false"),
    override("reference.budget=0.5", "reference.budget: unknown key", "known here"),
    override("reference.recording.mode=never", "recording.mode", "'training' or 'evaluation'"),
    override("reference.recording.points_per_epoch=2", "recording", "use mode: evaluation"),
    override("main.budget=0", "main.budget", "greater than 0"),
    override("main.budget=1.01", "main.budget", "at most 1"),
    override("main.patience=0", "main.patience", "at least 1"),
    override("main.keep=worst", "main.keep", "'best' or 'last'"),
    override("main.watch=test", "main.watch", "'id' or 'ood'"),
    override("main.watch=ood", "main.watch", "names no development set"),
    override("main.training_arguments=[]", "main.training_arguments", "a mapping of keys"),
    override("main.training_arguments={1: 2}", "main.training_arguments", "a text"),
    override(
        "main.training_arguments.optimm=x", "optimm", "did you mean main.training_arguments.optim?"
    ),
    override("main.training_arguments.output_dir=/x", "output_dir", "use output."),
    override("main.training_arguments.weight_decay=.inf", "weight_decay", "finite number"),
    override("main.training_arguments.bf16_full_eval=off", "must be true or false", "'off'"),
    override("main.training_arguments.tf32=yes", "must be true or false", "'yes'"),
    override("main.training_arguments.save_steps=1", "save_steps", "main.training_arguments"),
    override("main.training_arguments.gradient_accumulation_steps=x", "whole number from 1", "'x'"),
    override("map.burn_in=-1", "map.burn_in", "at least 0"),
    override("map.ddof=2", "map.ddof", "0 or 1"),
    override("map.region_fraction=0", "map.region_fraction", "greater than 0"),
    override("selection.strategy=best", "selection.strategy", "'ambiguous'"),
    override("selection.strategy=ambigous", "selection.strategy", "Did you mean 'ambiguous'?"),
    override("baselines=[ermm]", "'ermm' is no baseline", "Did you mean 'erm'?"),
    override("selection.fraction=two", "selection.fraction", "number"),
    override("selection.exclude_label_errors=1", "exclude_label_errors", "less than 1"),
    override("selection.easy_share=1.1", "selection.easy_share", "at most 1"),
    override("selection.num_clusters=0", "num_clusters", "at least 1"),
    override(
        "selection={keep_label_proportions: true, balance_labels: true}", "selection", "exclude"
    ),
    override("baselines=[erm, erm]", "baselines", "each may stand once"),
    override("baselines=[best]", "baselines", "the baselines are erm, erm_es"),
    override("dm.budget=2", "dm.budget", "at most 1"),
    override("seeds=[]", "seeds", "at least 1"),
    override("seeds=[-1]", "seeds", "at least 0"),
    override(f"seeds=[{2**32}]", "seeds", "less than 4294967296"),
    override("seeds=[0.5]", "seeds", "a whole number"),
    override("sedes=[0]", "sedes: unknown key", "did you mean seeds?"),
    override("", "--set", "expected key=value"),
    override("name", "--set name", "expected key=value"),
    override("=3", "--set =3", "expected key=value"),
    override("main..model=3", "--set main..model=3", "expected key=value"),
    override(".name=3", "--set .name=3", "dots between the levels"),
    override("name.first=3", "--set name.first=3", "name is not a mapping"),
    override("main={model: a", "--set main={model: a", "not valid YAML"),
    override("main=*nowhere", "--set main=*nowhere", "undefined alias"),
    override("main=!!python/name:os.system x", "--set", "not valid YAML"),
    override("main={model: a, model: b}", "--set", "'model' stands twice"),
    override(f"map={'[' * 60}{']' * 60}", "--set", "50 levels deep"),
]
CASES = [*TEXTS, *OVERRIDES]


def load(folder, overrides=()):
    return load_experiment(folder / FILE, overrides, checks=[check_training_arguments])


@parametrised(CASES)
def test_is_refused(tmp_path, case):
    case.damage(tmp_path)
    check_refused(lambda: load(tmp_path, case.also), tmp_path, case.words)


@pytest.mark.parametrize("number", HUGE.values(), ids=HUGE)
@pytest.mark.parametrize("place", ["name: {}\n", "{}: x\n", "seeds: [0, {}]\n"])
def test_a_huge_number_is_refused_at_once(tmp_path, number, place):
    if place.startswith("{") and len(number) > 1_000:
        place = "? {}\n: x\n"  # as YAML asks of long keys
    (tmp_path / FILE).write_text(place.format(number))
    start = time.process_time()
    words = (FILE, "line 1", f"{len(number):,} characters, more than the 100", "quotes")
    check_refused(lambda: load(tmp_path), tmp_path, words)
    assert time.process_time() - start < 15  # one of them took minutes


@pytest.mark.parametrize("number", [10**12, 10**40, -(10**40)])
@pytest.mark.parametrize("key", INTEGERS)
def test_a_number_too_large_for_its_key_is_refused(tmp_path, key, number):
    (tmp_path / FILE).write_text(VALID)
    section, name = INTEGERS[key], key.strip()
    value = {"a": [number * 10**8]} if name == "deepspeed" else number
    if name in ("limit", "seed", "learning_rate") and number == 10**12:
        assert load(tmp_path, [f"{section}.{name}={value}"])
        return
    words = (name, "1 problem")
    check_refused(lambda: load(tmp_path, [f"{section}.{name}={value}"]), tmp_path, words)


def test_a_number_of_many_digits_is_a_text_where_one_is_expected(tmp_path):
    (tmp_path / FILE).write_text(VALID)
    number = "1" * 100
    source = load(tmp_path, [f"data.train.where={{text: {number}}}"]).data.train[0]
    assert source.where == {"text": [number]}


def test_what_the_cases_change_is_right_before(tmp_path):
    (tmp_path / FILE).write_text(VALID)
    assert load(tmp_path).name == "small"


def test_all_problems_are_told_together(tmp_path):
    (tmp_path / FILE).write_text(VALID)
    settings = [case.also[0] for case in OVERRIDES if case.name.startswith(("map.", "metric="))]
    with pytest.raises(ConfigError, match="5 problems") as caught:
        load(tmp_path, [*settings, "dm.budget=2"])
    for key in ("map.burn_in", "map.ddof", "map.region_fraction", "metric", "dm.budget"):
        assert key in str(caught.value)


def test_values_behind_one_alias_are_set_apart(tmp_path):
    text = instead("reference: {model: owner/small}", "reference: &r {model: owner/small}")
    (tmp_path / FILE).write_text(text.replace("{model: owner/large}", "*r"))
    experiment = load(tmp_path, ["reference.epochs=7"])
    assert (experiment.reference.epochs, experiment.main.epochs) == (7, 5)


def test_a_key_that_a_merge_brings_does_not_stand_twice(tmp_path):
    # The inner mapping is merged elsewhere before its own values are made.
    inner = (
        "reference: {model: owner/small, recording: &a {<<: {mode: training}, mode: evaluation}}"
    )
    text = instead("reference: {model: owner/small}", inner) + "map: {<<: *a}\n"
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigError, match=r"map\.mode: unknown key"):
        load(tmp_path)


# --- generated

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**30, max_value=10**40),
    st.integers(min_value=10**4000, max_value=10**4200),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["", " ", "\0", "x" * 10_000, "../..", "$X", "${", "~", "1e5", "\u202e", "é\n"]
    ),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
    st.recursive(st.none(), lambda inner: st.lists(inner, max_size=2), max_leaves=20),
)


def places(value, path=()):
    """Every place in nested mappings and lists."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    if isinstance(value, dict | list):
        for key, item in items:
            yield from (
                places(item, (*path, key)) if isinstance(item, dict | list) else [(*path, key)]
            )


FULL = VALID + (
    "metric: accuracy\nmap: {burn_in: 1}\nselection: {fraction: 0.3, strategy: random}\n"
    "baselines: [erm, dm]\nseeds: [0, 1]\ndm: {budget: 0.5}\n"
)
PLACES = [place for place in places(yaml.safe_load(FULL)) if place]


def mutated(place, action, value):
    """The full experiment with one place dropped, replaced, renamed or added to."""
    content = yaml.safe_load(FULL)
    node = content
    for key in place[:-1]:
        node = node[key]
    if action == "drop":
        del node[place[-1]]
    elif action == "replace":
        node[place[-1]] = value
    elif isinstance(node, dict):
        node[str(value)[:50]] = node.pop(place[-1]) if action == "rename" else value
    else:
        node.append(value)
    return content


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(["drop", "replace", "rename", "add"]), ODD)
def test_a_mutated_experiment_is_read_or_refused(tmp_path_factory, place, action, value):
    folder = tmp_path_factory.getbasetemp()
    text = yaml.safe_dump(mutated(place, action, value), allow_unicode=True)
    (folder / FILE).write_bytes(text.encode("utf-8", "surrogatepass"))
    read_or_refuse(lambda: load(folder))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=30), st.integers(0, len(VALID)), st.integers(0, 20))
def test_mutated_bytes_are_read_or_refused(tmp_path_factory, inserted, position, removed):
    folder = tmp_path_factory.getbasetemp()
    content = VALID.encode()
    (folder / FILE).write_bytes(content[:position] + inserted + content[position + removed :])
    read_or_refuse(lambda: load(folder))


KEYS = sorted({".".join(map(str, place)) for place in PLACES})


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KEYS), st.text(max_size=30))
def test_any_override_is_read_or_refused(tmp_path_factory, key, value):
    folder = tmp_path_factory.getbasetemp()
    (folder / FILE).write_text(FULL)
    read_or_refuse(lambda: load(folder, [f"{key}={value}"]))


def test_odd_numbers_do_not_pass_as_fractions(tmp_path):
    (tmp_path / FILE).write_text(VALID)
    for value in (math.nan, math.inf, -math.inf):
        assert not read_or_refuse(lambda v=value: load(tmp_path, [f"main.budget={v}"]))


def test_the_corpus_is_large():
    check_corpus("experiment files", CASES)
