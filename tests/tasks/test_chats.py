"""Chats: read, written with the tokenizer's template, trained on, and what cannot be used."""

import json

import numpy as np
import pytest
from datasets import Dataset
from transformers import AutoTokenizer

from completions import commands, write_commands, write_experiment
from ftft import load_experiment
from ftft.cartography.datamap import DataMap
from ftft.data.chats import whole_chat
from ftft.data.detect import detect_columns
from ftft.dynamics.container import TrainingDynamics
from ftft.errors import ConfigError, DataError, ModelError
from ftft.experiment.pipeline import run
from ftft.selection import Selection
from ftft.tasks import load_data
from ftft.tasks.completions import encode_completions

TEMPLATE = (
    "{% for m in messages %}"
    "{% if m.role == 'developer' %}{{ raise_exception('no developers here') }}{% endif %}"
    "{{ m.role }} {{ m.content }} [END] {% endfor %}"
    "{% if add_generation_prompt %}assistant {% endif %}"
)


@pytest.fixture(scope="module")
def chatting(decoder, tmp_path_factory):
    """A tiny decoder whose tokenizer has a chat template."""
    import shutil

    folder = shutil.copytree(decoder(), tmp_path_factory.mktemp("chatting") / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder


def chat(row):
    return [
        {"role": "system", "content": "jump"},
        {"role": "user", "content": row["prompt"]},
        {"role": "assistant", "content": row["completion"]},
    ]


def experiment_of(folder, model):
    """The experiment of prompts and completions, its files turned into chats."""
    columns = "prompt: prompt, completion: completion"
    file = write_experiment(folder, model, **{columns: "messages: messages"})
    for path in folder.glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        chats = [{"id": row["id"], "kind": row["kind"], "messages": chat(row)} for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in chats))
    return file


def test_the_last_message_is_the_completion(chatting, tmp_path):
    train = load_data(load_experiment(experiment_of(tmp_path, chatting))).train
    row = commands(64)[0]
    first = train.take([row["id"]])
    (prompt,), (completion,) = (column.to_pylist() for column in first.shown)
    assert prompt == f"system: jump\n\nuser: {row['prompt']}"
    assert completion == row["completion"]
    tokenizer = AutoTokenizer.from_pretrained(chatting)
    encoded = encode_completions(first, tokenizer, max_length=32).rows[0]
    whole = tokenizer.apply_chat_template(chat(row), tokenize=False)
    assert encoded["input_ids"] == tokenizer(whole, add_special_tokens=False)["input_ids"]
    learnt = [token for token in encoded["labels"] if token != -100]
    assert tokenizer.decode(learnt) == f"{row['completion']} [END]"


def test_a_whole_run(chatting, tmp_path, ftft, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = experiment_of(tmp_path, chatting)
    run(load_experiment(file), "run", lambda line: None)
    selected = next((tmp_path / "run").rglob("selection*.parquet"))
    outcome = ftft("export", selected, "picked.jsonl", "--rows", file)
    assert outcome.code == 0, outcome.err
    lines = [json.loads(line) for line in (tmp_path / "picked.jsonl").read_text().splitlines()]
    assert [line["example_id"] for line in lines] == Selection.read(
        selected
    ).example_ids.to_pylist()
    written = {row["id"]: chat(row) for row in commands(64)}
    assert all(line["messages"] == written[line["example_id"]] for line in lines)
    read = Dataset.from_json("picked.jsonl", cache_dir=str(tmp_path / "cache"))
    assert [list(one) for one in read["messages"]] == [line["messages"] for line in lines]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_init_finds_chats(tmp_path, kind):
    rows = [{"id": row["id"], "messages": chat(row)} for row in commands(12)]
    path = tmp_path / f"chats.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        Dataset.from_list(rows).to_parquet(path)
    found = detect_columns(path)
    assert (found.task, found.source().messages, found.id) == ("causal-lm", "messages", "id")


USER, ANSWER = {"role": "user", "content": "run"}, {"role": "assistant", "content": "I_RUN"}


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([USER], "the last message is not the assistant's"),
        ([ANSWER], "no message of the user before the assistant's last one"),
        ([USER, ANSWER, ANSWER], "no message of the user before"),
        (
            [USER, {**ANSWER, "content": " "}],
            "the assistant's last message is empty",
        ),
        (
            [USER, {**ANSWER, "content": None}],
            "a message without a role and a content",
        ),
        (
            [USER, {**ANSWER, "content": [{"type": "image"}]}],
            "a message without a role",
        ),
        ([USER, {"from": "gpt", "value": "I_RUN"}], "a message without a role"),
        (
            [{**USER, "role": "human"}, ANSWER],
            "the role 'human', where ftft knows system",
        ),
        ([], "no list of messages"),
        ("run", "no list of messages"),
        (USER, "no list of messages"),
    ],
)
def test_chats_that_cannot_be_used(chatting, tmp_path, messages, problem):
    file = experiment_of(tmp_path, chatting)
    lines = (tmp_path / "train.jsonl").read_text().splitlines()
    lines[1] = json.dumps({"id": "c0-1", "kind": "", "messages": messages})
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError, match="training data") as error:
        load_data(load_experiment(file))
    assert f"row 2 (line 2): {problem}" in str(error.value)
    assert "train.jsonl, column 'messages'" in str(error.value)


def test_a_tokenizer_without_a_template(decoder, tmp_path):
    train = load_data(load_experiment(experiment_of(tmp_path, decoder()))).train
    with pytest.raises(ModelError, match="has no chat template"):
        encode_completions(train, AutoTokenizer.from_pretrained(decoder()), max_length=32)


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{{ messages | length }}", "otherwise than the prompt before it"),
    ],
)
def test_a_template_that_does_not_fit(chatting, tmp_path, template, problem):
    train = load_data(load_experiment(experiment_of(tmp_path, chatting))).train
    tokenizer = AutoTokenizer.from_pretrained(chatting)
    tokenizer.chat_template = template
    with pytest.raises(DataError, match=problem):
        encode_completions(train, tokenizer, max_length=32)


def test_a_chat_without_room_for_its_completion(chatting, tmp_path, ftft):
    file = experiment_of(tmp_path, chatting)
    outcome = ftft("validate", file, "--set", "main.max_length=8")
    assert outcome.code == 2
    assert "no token of a completion is left to learn" in outcome.err


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ("messages: messages, prompt: prompt", "leave these two out"),
        ("messages: messages, label: kind", "'messages' and 'label' say the same"),
    ],
)
def test_messages_beside_other_columns(chatting, tmp_path, columns, problem):
    usual = "prompt: prompt, completion: completion"
    with pytest.raises(ConfigError, match=problem):
        load_experiment(write_experiment(tmp_path, chatting, **{usual: columns}))


def test_chats_and_prompts_side_by_side(chatting, tmp_path, ftft, monkeypatch):
    """A set's own columns count, whatever the training data has; exports keep both kinds."""
    monkeypatch.chdir(tmp_path)
    file = experiment_of(tmp_path, chatting)
    write_commands(tmp_path / "plain.jsonl", 24, seed=3)
    plain = "{path: plain.jsonl, prompt: prompt, completion: completion, id: id}"
    train = f"data.train=[{{path: train.jsonl, messages: messages, id: id}}, {plain}]"
    data = load_data(load_experiment(file, [f"data.test_ood.ood={plain}", train]))
    assert data.test_ood["ood"].shown[0].to_pylist() == [r["prompt"] for r in commands(24, seed=3)]
    mixed = data.train.take(["c0-0", "c3-0"])
    tokenizer = AutoTokenizer.from_pretrained(chatting)
    alone = [mixed.take([one]) for one in mixed.example_ids.to_pylist()]
    rows, *others = (
        encode_completions(one, tokenizer, max_length=32).rows["input_ids"]
        for one in (mixed, *alone)
    )
    assert list(rows) == [one[0] for one in others]
    of_chats = "data.test_ood={ood: {path: ood.jsonl, messages: messages}}"
    other = load_experiment(file, [f"data.train={plain}", "data.dev={}", "data.test={}", of_chats])
    assert load_data(other).test_ood["ood"].shown[0][0].as_py().startswith("system: jump")
    logits = np.random.default_rng(0).normal(size=(3, 2, 2))
    drawn = DataMap.from_dynamics(TrainingDynamics.from_arrays(logits, [0, 1], ["c0-0", "c3-0"]))
    drawn.write(tmp_path / "map.parquet")
    mixed_file = tmp_path / "mixed.yaml"
    mixed_file.write_text(
        file.read_text().replace(
            "  train: {path: train.jsonl, messages: messages, id: id}",
            f"  train: [{{path: train.jsonl, messages: messages, id: id}}, {plain}]",
        )
    )
    outcome = ftft("export", "map.parquet", "mixed.jsonl", "--rows", mixed_file)
    assert outcome.code == 0, outcome.err
    lines = map(json.loads, (tmp_path / "mixed.jsonl").read_text().splitlines())
    found = {line["example_id"]: (line["messages"], line["completion"]) for line in lines}
    first, second = commands(1)[0], commands(1, seed=3)[0]
    assert found["c0-0"] == (chat(first), first["completion"])
    assert found["c3-0"] == (None, second["completion"])


def test_the_completion_joins_the_messages_again():
    before = json.dumps([USER])
    assert whole_chat(before, "I_RUN") == [USER, ANSWER]
