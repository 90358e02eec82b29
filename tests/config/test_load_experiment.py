"""From a file and ``--set`` to an experiment: what is refused, where, and all at once."""

import re
from pathlib import Path

import pytest
import yaml

from ftft.config import load
from ftft.config.load import load_experiment
from ftft.config.load_study import load_study
from ftft.config.problems import Problem
from ftft.errors import ConfigError
from ftft.training.arguments import check_training_arguments

VALID = """\
name: small
data:
  train: {path: train.csv, text: text, label: label}
reference: {model: owner/small}
main: {model: owner/large}
"""


@pytest.fixture
def write(tmp_path):
    def write(text=VALID, name="experiment.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def problem(write):
    """The message with which a file, with overrides, is refused."""

    def problem(text=VALID, *overrides, checks=()):
        with pytest.raises(ConfigError) as caught:
            load_experiment(write(text), overrides, checks=checks)
        return str(caught.value)

    return problem


class TestValid:
    def test_defaults_are_the_papers(self, write):
        experiment = load_experiment(write())
        assert experiment.name == "small"
        assert experiment.selection.strategy == "ambiguous"
        assert experiment.selection.fraction == 0.33
        assert (experiment.main.patience, experiment.main.horizon) == (2, "erm")
        assert (experiment.reference.max_length, experiment.main.learning_rate) == (300, 2e-5)
        assert (experiment.map.burn_in, experiment.seeds) == ("auto", (0,))

    def test_paths_count_from_the_folder_of_the_file(self, write, tmp_path, monkeypatch):
        monkeypatch.chdir("/")
        text = VALID.replace(
            "  train:", "  test: {a: {path: sub/test.csv}, b: {path: /data/test.csv}}\n  train:"
        )
        data = load_experiment(write(text)).data
        assert data.train[0].path == str(tmp_path / "train.csv")
        assert data.test["a"].path == str(tmp_path / "sub/test.csv")
        assert data.test["b"].path == "/data/test.csv"

    def test_a_file_named_relatively(self, write, tmp_path, monkeypatch):
        write()
        monkeypatch.chdir(tmp_path)
        assert load_experiment("experiment.yaml").data.train[0].path == str(tmp_path / "train.csv")

    def test_variables_and_home_are_expanded_everywhere(self, write, monkeypatch):
        monkeypatch.setenv("FTFT_SOMEWHERE", "/x/y")
        monkeypatch.setenv("HOME", "/home/me")
        experiment = load_experiment(
            write(VALID.replace("train.csv", "'${FTFT_SOMEWHERE}/train.csv'")),
            ["output=~/runs/a", "reference.model=$FTFT_SOMEWHERE/model"],
        )
        assert experiment.data.train[0].path == "/x/y/train.csv"
        assert experiment.output == "/home/me/runs/a"
        assert experiment.reference.model == "/x/y/model"

    def test_only_a_model_that_starts_with_a_dot_is_a_path_from_the_file(self, write, tmp_path):
        names = ["reference.model=../models/small", "main.model=models/large"]
        experiment = load_experiment(write(), names)
        assert experiment.reference.model == str(tmp_path.parent / "models/small")
        assert experiment.main.model == "models/large"

    def test_byte_order_mark(self, write):
        assert load_experiment(write(b"\xef\xbb\xbf" + VALID.encode())).name == "small"

    def test_anchors_may_be_used(self, write):
        text = VALID.replace("{model: owner/small}", "&m {model: owner/small}").replace(
            "{model: owner/large}", "{<<: *m, epochs: 2}"
        )
        assert load_experiment(write(text)).main.model == "owner/small"

    def test_what_is_dumped_loads_as_the_same(self, write):
        first = load_experiment(write(), ["data.dev={d: {path: dev.csv}}", "seeds=[3, 1]"])
        dumped = yaml.safe_dump(first.model_dump(mode="json"))
        assert load_experiment(write(dumped, "again.yaml")) == first

    def test_shipped_examples_are_valid(self, monkeypatch):
        monkeypatch.setenv("FTFT_DATA", "/data")
        folder = Path(__file__).parents[2] / "examples"
        for example in sorted(folder.rglob("*.yaml")):
            load = load_study if example.name == "study.yaml" else load_experiment
            load(example, checks=[check_training_arguments])


class TestAllAtOnce:
    TEXT = """\
name: 7
dat: {}
data:
  train: {path: train.csv, text: text, lable: label}
  test: {t: {path: test.csv, quotign: false}}
reference: {model: owner/small, learning_rat: 1.0e-3, epochs: three}
main:
  model: owner/large
  budget: 0
  training_arguments: {bf61: true, learning_rate: 1, save_steps: 5, per_device_train_batch_size: 2}
selection: {fraction: 1.5, strategy: ambigous}
map: {region_fraction: .nan}
seeds: []
"""

    @pytest.fixture
    def message(self, problem):
        return problem(self.TEXT, checks=[check_training_arguments])

    def test_every_problem_has_its_line(self, message):
        lines = message.splitlines()
        assert lines[0].endswith("experiment.yaml: 16 problems:")
        assert all(line.startswith("  - ") for line in lines[1:])
        assert len(lines) == 17

    @pytest.mark.parametrize(
        "expected",
        [
            "name: must be a text (found 7)",
            "dat: unknown key; did you mean data?",
            "data.train.label: missing; it has to be given.",
            "data.train.lable: unknown key; did you mean label?",
            "data.test.t.quotign: unknown key; did you mean quoting?",
            "reference.learning_rat: unknown key; did you mean learning_rate?",
            "reference.epochs: must be a number (found 'three')",
            "main.budget: must be greater than 0 (found 0)",
            "selection.fraction: must be at most 1 (found 1.5)",
            "selection.strategy: must be 'ambiguous', 'hard-to-learn'",
            "map.region_fraction: must be a finite number (found nan)",
            "seeds: must have at least 1 entry (found [])",
            "main.training_arguments.bf61: transformers.TrainingArguments has no such field; "
            "did you mean bf16?",
            "main.training_arguments.learning_rate: ftft sets this itself; use main.learning_rate.",
            "main.training_arguments.save_steps: ftft needs its own value here",
            "main.training_arguments.per_device_train_batch_size: ftft sets this itself; "
            "use main.batch_size",
        ],
    )
    def test_each_problem_is_named(self, message, expected):
        assert expected in message

    def test_a_key_that_is_like_no_other_lists_what_there_is(self, problem):
        message = problem(VALID + "map: {zzz: 1}\n")
        assert (
            "map.zzz: unknown key; known here: burn_in, ddof, measure, region_fraction." in message
        )


class TestRefused:
    @pytest.mark.parametrize("fraction", ["0", "-0.1", "1.5", ".nan", ".inf", "half", "[0.1]"])
    def test_fractions(self, problem, fraction):
        assert "selection.fraction: " in problem(VALID + f"selection: {{fraction: {fraction}}}\n")

    @pytest.mark.parametrize("key", ["warmup", "learning_rate", "epochs", "budget"])
    def test_numbers_that_are_none(self, problem, key):
        assert f"main.{key}: " in problem(VALID, f"main.{key}=.nan")

    @pytest.mark.parametrize("seeds", ["[1, 2, 1]", "[-1]", "[4294967296]", "[]", "[a]", "[0.5]"])
    def test_seeds(self, problem, seeds):
        assert "seeds" in problem(VALID, f"seeds={seeds}")

    def test_a_list_of_one_wrong_item_is_one_problem(self, problem):
        message = problem(VALID + "seeds: [-1]\n")
        assert "1 problem:" in message
        assert "seeds.0" in message
        assert "at least 1 item" not in message

    def test_seeds_and_baselines_stand_once(self, problem):
        message = problem(VALID, "seeds=[1, 2, 1]", "baselines=[erm, erm]")
        assert "seeds: names 1 more than once" in message
        assert "baselines: names erm more than once" in message

    @pytest.mark.parametrize("name", ["a/b", "../up", ".hidden", "with space", "", "x" * 101])
    def test_names_that_cannot_be_folders(self, problem, name):
        assert "name: " in problem(VALID.replace("small", f'"{name}"', 1))

    def test_watching_sets_that_are_not_there(self, problem):
        message = problem(VALID, "main.watch=ood")
        assert "data.dev_ood names no development set" in message
        assert "Test sets are never watched" in message

    def test_a_variable_that_is_not_set(self, problem, monkeypatch):
        monkeypatch.delenv("FTFT_SOMEWHERE", raising=False)
        message = problem(VALID.replace("train.csv", "'${FTFT_SOMEWHERE}/train.csv'"))
        assert "data.train.path: the environment variable FTFT_SOMEWHERE" in message

    def test_recording_points_within_an_epoch_need_passes(self, problem):
        message = problem(VALID, "reference.recording.points_per_epoch=2")
        assert "reference.recording: points_per_epoch must be 1" in message

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ("{gradient_accumulation_steps: 0}", "whole number from 1"),
            ("{gradient_accumulation_steps: abc}", "whole number from 1"),
            ("{gradient_accumulation_steps: true}", "whole number from 1"),
            ("{weight_decay: .nan}", "weight_decay is nan; it must be a finite number"),
            ("[bf16]", "a mapping of keys"),
            ("{1: 2}", "training_arguments.1: the key must be a text"),
        ],
    )
    def test_training_arguments(self, problem, arguments, expected):
        message = problem(VALID, f"main.training_arguments={arguments}")
        assert "main.training_arguments" in message
        assert expected in message


class TestFile:
    def test_missing(self, tmp_path):
        with pytest.raises(ConfigError, match=r"none\.yaml: there is no such experiment file"):
            load_experiment(tmp_path / "none.yaml")

    def test_named_otherwise(self, tmp_path):
        (tmp_path / "mine.yaml").write_text(VALID)
        with pytest.raises(ConfigError, match=r"Did you mean .*mine\.yaml\?"):
            load_experiment(tmp_path / "mine.yml")

    def test_data(self, tmp_path):
        (tmp_path / "my train.csv").write_text("text,label\na,b\n")
        with pytest.raises(ConfigError, match=r"a data file, by its name.*ftft init '.*train.csv'"):
            load_experiment(tmp_path / "my train.csv")

    def test_folder(self, tmp_path):
        with pytest.raises(ConfigError, match="cannot be read: it is not a file"):
            load_experiment(tmp_path)

    def test_below_a_file(self, write):
        with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
            load_experiment(write() / "experiment.yaml")

    def test_too_large(self, problem):
        message = problem("# " + "x" * load.MAX_BYTES)
        assert "has 1,000,002 bytes, more than the 1,000,000" in message

    def test_not_utf8(self, problem):
        assert "byte 6 is not UTF-8" in problem(b"name: \xe9t\xe9\n")

    @pytest.mark.parametrize(
        ("text", "found"),
        [("", "nothing"), ("- a\n- b\n", "list"), ("just words", "str"), ("7", "int")],
    )
    def test_not_a_mapping(self, problem, text, found):
        message = problem(text)
        assert "expected a mapping of keys such as name, data, reference and main" in message
        assert f"found {found}" in message

    @pytest.mark.parametrize(
        "text", ["a: [1", "a: b: c", "\tname: x", "a: \x00", "d: !!int x", "[" * 1_500]
    )
    def test_not_yaml(self, problem, text):
        message = problem(text)
        assert "experiment.yaml: not valid YAML" in message
        assert len(message.splitlines()) == 1

    @pytest.mark.parametrize(
        "value",
        [
            "!!python/object/apply:os.system ['touch MARK']",
            "!!python/object:subprocess.Popen {}",
            "!!python/name:os.system ''",
            "!local {}",
        ],
    )
    def test_tags_are_refused_and_nothing_is_run(self, problem, tmp_path, monkeypatch, value):
        monkeypatch.chdir(tmp_path)
        message = problem(VALID + f"map: {value}\n")
        assert "could not determine a constructor for the tag" in message
        assert not (tmp_path / "MARK").exists()

    def test_aliases_that_stand_for_millions_of_values(self, problem):
        # The "billion laughs": 2 kB of text, 9 to the power of 12 values.
        lines = ["a0: &a0 [x]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 13)]
        assert "aliases stand for more than" in problem("\n".join(lines))

    def test_an_alias_within_itself(self, problem):
        assert "nested more than 50 levels" in problem(VALID + "map: &a {burn_in: *a}\n")


class TestOverrides:
    def test_nested_lists_and_new_sections(self, write):
        overrides = [
            "selection.fraction=0.25",
            "baselines=[erm, random]",
            "seeds=[1, 2]",
            "main.patience=null",
            "reference.layers=2",
            "reference.recording.mode=evaluation",
            "data.test_ood={far: {path: far.csv, limit: 5}}",
            "main.training_arguments.report_to=none",
        ]
        experiment = load_experiment(write(), overrides)
        assert experiment.selection.fraction == 0.25
        assert experiment.baselines == ("erm", "random")
        assert experiment.seeds == (1, 2)
        assert experiment.main.patience is None
        assert experiment.reference.layers == 2
        assert experiment.reference.recording.mode == "evaluation"
        assert experiment.data.test_ood["far"].limit == 5
        assert experiment.main.training_arguments == {"report_to": "none"}

    def test_all_bad_ones_are_reported_with_the_rest(self, problem):
        message = problem(VALID, "nothing", "seeds.x=1", "selection.fracton=1", "main.budget=7")
        assert "experiment.yaml: 4 problems:" in message
        assert "  - --set nothing: expected key=value" in message

    def test_the_last_one_wins(self, write):
        experiment = load_experiment(write(), ["map.burn_in=1", "map.burn_in=2"])
        assert experiment.map.burn_in == 2

    def test_an_equals_sign_may_be_part_of_the_value(self, write):
        experiment = load_experiment(write(), ["output=runs/a=b"])
        assert experiment.output == "runs/a=b"

    @pytest.mark.parametrize(
        ("text", "value"),
        [("2e-5", 2e-5), ("1E-4", 1e-4), ("3.0e-5", 3e-5), ("1.e-4", 1e-4), (".5e-3", 5e-4)],
    )
    def test_scientific_numbers(self, write, text, value):
        overrides = [f"main.learning_rate={text}", f"main.training_arguments.weight_decay={text}"]
        main = load_experiment(write(), overrides).main
        assert main.learning_rate == value
        assert main.training_arguments == {"weight_decay": value}

    def test_scientific_numbers_in_the_file(self, write):
        # Left as texts, the Trainer would fail on them hours later.
        arguments = "{weight_decay: 1e-2, lr_scheduler_kwargs: {min_lr: 1e-7}, report_to: [a1e5]}"
        text = VALID.replace(
            "{model: owner/large}", f"{{model: m, training_arguments: {arguments}}}"
        )
        assert load_experiment(write(text)).main.training_arguments == {
            "weight_decay": 0.01,
            "lr_scheduler_kwargs": {"min_lr": 1e-7},
            "report_to": ["a1e5"],
        }

    @pytest.mark.parametrize("text", ["no", "off", "on", "y", "2024-13-45", "2024-01-01"])
    def test_words_that_yaml_1_1_takes_for_more_stay_words(self, write, text):
        sets = f"data.train.labels={{{text}: {text}}}"
        experiment = load_experiment(write(), [f"name={text}", sets])
        assert experiment.name == text
        assert experiment.data.train[0].labels == {text: text}

    def test_a_switch_may_still_be_on_or_off(self, write):
        experiment = load_experiment(write(), ["reference.trust_remote_code=off"])
        assert experiment.reference.trust_remote_code is False

    @pytest.mark.parametrize("text", ["nan", "infinity", "e5", "1e"])
    def test_words_that_python_takes_for_numbers_stay_words(self, write, text):
        assert load_experiment(write(), [f"name={text}"]).name == text

    @pytest.mark.parametrize("override", ["fraction", "=3", "a..b=1", ".a=1", "a.=1", ""])
    def test_not_a_key_and_a_value(self, problem, override):
        assert f"--set {override}: expected key=value" in problem(VALID, override)

    @pytest.mark.parametrize(
        "value", ["[1", "{a", "!!int x", "!!python/name:os.system ''", "[" * 1_500]
    )
    def test_values_that_are_not_yaml(self, problem, value):
        assert "the value is not valid YAML" in problem(VALID, f"map.burn_in={value}")

    @pytest.mark.parametrize("key", ["name.first", "seeds.0", "reference.model.x"])
    def test_below_something_that_is_no_mapping(self, problem, key):
        message = problem(VALID + "seeds: [1]\n", f"{key}=1")
        assert f"--set {key}=1: {key.rpartition('.')[0]} is not a mapping in the file" in message

    def test_unknown_keys_are_refused_with_the_nearest(self, problem):
        message = problem(VALID, "selection={fracton: 0.2}")
        assert "selection.fracton: unknown key; did you mean fraction?" in message

    @pytest.mark.parametrize(
        ("misspelt", "meant"),
        [
            ("selection.fracton", "selection.fraction"),
            ("data.train.lable", "data.train.label"),
            ("main.training_arguments.bf61", "main.training_arguments.bf16"),
            ("sedes", "seeds"),
            (r"data.test.\1.lable", r"data.test.\1.label"),
        ],
    )
    def test_what_is_written_with_dots_is_offered_so(self, problem, misspelt, meant):
        assert f"did you mean {meant}?" in problem(
            VALID, f"{misspelt}=1", checks=[check_training_arguments]
        )


def test_a_long_value_is_shown_short(problem):
    message = problem(VALID, f"seeds={'x' * 10_000}")
    assert len(message) < 300


def test_checks_see_the_overridden_mapping(problem):
    def check(raw):
        yield Problem(f"budget is {raw['main']['budget']}")

    assert "  - budget is 0.5" in problem(VALID, "main.budget=0.5", checks=[check])


def test_a_key_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("name: a\ndata: {}\nname: b\n")
    with pytest.raises(ConfigError, match="'name' stands twice in the mapping at line 1"):
        load_experiment(path)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("task=causal", "task: must be 'classification', 'causal-lm', 'multiple-choice' or "
         "'token-classification' (found 'causal'). Did you mean 'causal-lm'?"),
        ("name=a b", "name: must begin with a letter or a digit"),
        ("main=3", "main: must be a mapping of keys (found 3)"),
        ("seeds=x", "seeds: must be a list such as ['x'] (found 'x')"),
        ("seeds=0", "seeds: must be a list such as [0] (found 0)"),
        ("seeds=null", "seeds: must be a list (found nothing; to leave it empty, write [])"),
        ("data.train.where=null",
         "data.train.where: must be a mapping of keys (found nothing; to leave it empty, "
         "write {})"),
        ("main.epochs=", "main.epochs: must be a number (found nothing)"),
        ("data.train.limit=1.5", "data.train.limit: must be a whole number (found 1.5)"),
        ("data.train.quoting=7", "data.train.quoting: must be true or false (found 7)"),
        ("data.train.label=''", "data.train.label: must have at least 1 character (found '')"),
        ("data.train.text=[a, b, c]", "data.train.text: must have at most 2 entries"),
        ("main.adapter={target_modules: 3}",
         "main.adapter.target_modules: must be a text or a list (found 3)"),
    ],
)  # fmt: skip
def test_what_was_expected_is_said_in_plain_words(problem, override, expected):
    message = problem(VALID, override)
    assert f"  - {expected}" in message
    assert not re.search("Input should|Value error|valid |tuple|parse|pattern", message)


@pytest.mark.parametrize("sign", [",", "|", "%"])
def test_a_sign_of_yaml_is_said_to_need_quotes(problem, sign):
    key = "data.train.delimiter"
    advice = f"""Such a text needs quotes: --set '{key}="{sign}"'."""
    assert advice in problem(VALID, f"{key}={sign}")
    assert "quotes: --set" not in problem(VALID, "data.train.text=[a")
    assert problem(VALID, f'{key}="{sign}"', "main.epochs=x").count("  - ") == 1


OTHER_SITE = VALID.replace("reference:", "  test_ood: {other-site: {path: far.csv}}\nreference:", 1)


def test_a_set_that_is_much_like_one_of_the_file_is_offered(problem):
    message = problem(OTHER_SITE, "data.test_ood.othersite.limit=10")
    assert "data.test_ood.othersite: give exactly one of 'path'" in message
    assert (
        "; the file has no data.test_ood.othersite: did you mean data.test_ood.other-site?"
        in message
    )
    # Nothing is offered for what is wrong elsewhere, or for a set that is like no other.
    message = problem(OTHER_SITE, "data.test_ood.othersite=x.csv", "main.epochs=x")
    assert "did you mean" not in message
    message = problem(OTHER_SITE, "data.test_ood.chat.limit=10")
    assert "did you mean" not in message


def test_a_key_that_there_is_is_no_slip(problem):
    """Also where the file has one like it, and not this one."""
    message = problem(VALID, "main.eval_batch_size=0")
    assert "main.eval_batch_size: must be" in message
    assert "did you mean" not in message


def test_a_misspelt_key_is_offered_whole_also_with_keys_below_it(problem):
    message = problem(VALID, "data.test_od.x.path=3")
    assert "data.test_od: unknown key; did you mean data.test_o" in message
