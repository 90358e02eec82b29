"""Malformed study files and overrides: one message with every problem, no other exception."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import Case, check_command, check_refused, parametrised, read_or_refuse
from ftft.config.load import MAX_BYTES
from ftft.config.load_study import load_study
from ftft.training.arguments import check_training_arguments

BASE = """\
name: small
data:
  train: {path: train.csv, text: text, label: label}
reference: {model: owner/small}
main: {model: owner/large}
"""
VALID = """\
name: grid
base: experiment.yaml
grid:
  references: {a: {layers: 1}, b: owner/b}
  seeds: [0, 1]
"""
FILE = "study.yaml"


def write(at, text, base=BASE):
    (at / "experiment.yaml").write_text(base)
    (at / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())


def text_case(name, text, *words, base=BASE):
    return Case(name, lambda at: write(at, text, base), words, also=())


def override(setting, *words):
    return Case(setting[:120], lambda at: write(at, VALID), words, also=(setting,))


CASES = [
    Case("no file", lambda at: None, (FILE, "no such study file", "docs/studies.md"), also=()),
    Case("a folder", lambda at: (at / FILE).mkdir(), (FILE, "Give the study file"), also=()),
    text_case("empty", "", FILE, "expected a mapping of keys such as name, base and grid"),
    text_case("a list", "- name: x\n", FILE, "expected a mapping", "found list"),
    text_case("too large", VALID + "#" * MAX_BYTES, FILE, "the study file has", "right file"),
    text_case("latin-1", b"name: caf\xe9\n", FILE, "not UTF-8", "study file"),
    text_case("a python object", VALID + "x: !!python/object:os.system {}\n", FILE, "python"),
    text_case("a key twice", VALID + "name: b\n", FILE, "'name' stands twice"),
    text_case("an experiment", BASE, FILE, "this is an experiment file", "ftft run"),
    text_case("no name", VALID.replace("name: grid\n", ""), FILE, "name: missing"),
    text_case("no base", VALID.replace("base: experiment.yaml\n", ""), FILE, "base: missing"),
    text_case("an unknown key", VALID + "baseline: []\n", "baseline", "did you mean baselines?"),
    text_case(
        "a base that is not there",
        VALID.replace("experiment.yaml", "nowhere.yaml"),
        *(FILE, "base.experiment", "nowhere.yaml: there is no such experiment file"),
    ),
    text_case(
        "a base that is a study",
        VALID.replace("experiment.yaml", FILE),
        *(FILE, "base.experiment", "this is a study file"),
    ),
    text_case(
        "a base that is wrong",
        VALID,
        *(FILE, "base.experiment", "experiment.yaml: main: missing"),
        base=BASE.replace("main: {model: owner/large}\n", ""),
    ),
    text_case(
        "a base without a main model",
        "name: x\nbase: {data: {train: {path: a, text: b, label: c}}, reference: {model: m}}\n",
        *("main model main: main.model: missing", "has to be given"),
    ),
    text_case(
        "no data at all",
        "name: x\nbase: {reference: {model: a}, main: {model: b}}\n",
        *("data set x: data: missing", "has to be given"),
    ),
]
OVERRIDES = [
    override("name=../up", "name", "a letter or a digit"),
    override("output=$NOT_SET_ANYWHERE/x", "output", "NOT_SET_ANYWHERE"),
    override("base=3", "base", "a mapping of keys"),
    override("base.experiment=$NOT_SET_ANYWHERE", "base.experiment", "NOT_SET_ANYWHERE"),
    override("base.experimnt=x", "base.experimnt", "did you mean base.experiment?"),
    override("grid=[]", "grid", "a mapping of keys"),
    override("grid.seed=[0]", "grid.seed: unknown key", "did you mean grid.seeds?"),
    override("grid.seeds=[]", "grid.seeds", "at least 1"),
    override("grid.seeds=[0, 0]", "grid.seeds", "0 more than once"),
    override("grid.seeds=[-1]", "grid.seeds.0", "at least 0"),
    override("grid.seeds=3", "grid.seeds", "a list"),
    override("grid.fractions=[0]", "grid.fractions.0", "greater than 0"),
    override("grid.fractions=[0.3, 0.30]", "grid.fractions", "0.3 more than once"),
    override("grid.budgets=[0.3333333, 0.3333334]", "grid.budgets", "0.333333 more than once"),
    override("grid.budgets=[.nan]", "1 problem:", "grid.budgets.0", "finite number"),
    override("grid.strategies=[best]", "grid.strategies.0", "'ambiguous'"),
    override("grid.references=[a]", "grid.references", "a mapping of keys"),
    override("grid.references={a/b: {}}", "grid.references.a/b", "a letter or a digit"),
    override("grid.references={..: {}}", "grid.references...", "a letter or a digit"),
    override("grid.references.a=3", "grid.references.a", "a mapping of keys"),
    override("grid.references.a.layers=0", "reference a: reference.layers", "at least 1"),
    override("grid.references.a.layrs=1", "reference a: reference.layrs", "did you mean layers?"),
    override("grid.mains.m.budget=2", "main model m: main.budget", "at most 1"),
    override(
        "grid.mains.m.training_arguments.optimm=x",
        *("main model m: main.training_arguments.optimm", "did you mean optim?"),
    ),
    override("grid.mains.m.watch=ood", "data set small", "names no development set"),
    override("grid.data={../up: {}}", "grid.data.../up", "a letter or a digit"),
    override("grid.data={d: nowhere.yaml}", "grid.data.d.experiment", "nowhere.yaml"),
    override("grid.data={d: {path: x}}", "grid.data.d.path: unknown key", "known here"),
    override("grid.data={d: {data: {train: 3}}}", "data set d: data.train", "a mapping of keys"),
    override("grid.data={d: {metric: f1}}", "grid.data.d.metric", "'macro_f1'"),
    override("baselines=[erm, erm]", "baselines", "more than once"),
    override("baselines=[best]", "baselines.0", "the baselines are erm"),
    override("resources.cpus=0", "resources.cpus", "at least 1"),
    override("resources.gpus=1.5", "resources.gpus", "a whole number"),
    override("resources.memory=1", "resources.memory: unknown key", "known here: cpus, gpus"),
    override("seeds", "--set seeds", "key=value"),
    override("grid.references.b.model.x=1", "grid.references.b.model is not a mapping", "--set"),
    override(
        f"grid.seeds=[{', '.join(map(str, range(6000)))}]",
        *("the grid has 12,000 cells", "several studies"),
    ),
]


def load(at, *overrides):
    return load_study(at / FILE, overrides, checks=[check_training_arguments])


def test_the_file_that_is_damaged_is_valid(tmp_path):
    write(tmp_path, VALID)
    assert load(tmp_path).references == ("a", "b")


@parametrised(CASES)
def test_file(case, tmp_path):
    case.damage(tmp_path)
    check_refused(lambda: load(tmp_path), tmp_path, case.words)


@parametrised(OVERRIDES)
def test_override(case, tmp_path):
    case.damage(tmp_path)
    check_refused(lambda: load(tmp_path, *case.also), tmp_path, case.words)


@pytest.mark.parametrize("case", CASES[:4], ids=lambda case: case.name)
def test_the_command_says_the_same(case, ftft, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    case.damage(folder)
    check_command(ftft("study", "in/study.yaml"), case.words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--jobs", "0"), ("--jobs", "greater than or equal to 1")),
        (("--engine", "pbs"), ("--engine", "pbs")),
        (("--dry-run", "--summarise"), ("--dry-run and --summarise", "give one of them")),
        (("--engine", "ray", "--jobs", "2"), ("--jobs is for this machine", "Ray")),
    ],
    ids=lambda value: " ".join(value),
)
def test_options(options, words, ftft, tmp_path):
    write(tmp_path, VALID)
    outcome = ftft("study", FILE, *options)
    assert outcome.code == 2
    assert all(word in outcome.err for word in words), outcome.err
    assert not (tmp_path / "runs").exists()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["experiment", "data", "a", "model"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(["base", "grid", "grid.data", "grid.references", "grid.seeds", "baselines"]),
    VALUES,
)
@settings(max_examples=100, deadline=None)
def test_any_value_is_read_or_refused(tmp_path_factory, key, value):
    import json

    folder = tmp_path_factory.mktemp("any")
    write(folder, VALID)
    read_or_refuse(lambda: load(folder, f"{key}={json.dumps(value)}"))
