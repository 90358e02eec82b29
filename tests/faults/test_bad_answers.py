"""Malformed choices, tags, completions and chats: a message that names file, column and row."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from completions import make_decoder
from corpus import Case, check_corpus, check_refused, flipped, parametrised, read_or_refuse
from ftft.config.load import load_experiment
from ftft.tasks import TASKS, load_data

KEYS = {
    "multiple-choice": "text: text, choices: choices, label: label",
    "token-classification": "text: tokens, label: tags",
    "causal-lm": "prompt: prompt, completion: completion",
}
CHAT = [{"role": "user", "content": "How?"}, {"role": "assistant", "content": "So."}]
RIGHT = {
    "multiple-choice": {"text": "Which one?", "choices": ["this", "that", "those"], "label": 1},
    "token-classification": {"tokens": ["Ann", "Lee", "left"], "tags": ["B-per", "I-per", "O"]},
    "causal-lm": {"prompt": "walk twice", "completion": " I_WALK I_WALK"},
    "chats": {"messages": CHAT},
}


def rows(kind, **changes):
    """Twelve rows, of which the sixth is changed; a key that is ... is left out of it."""
    made = [json.loads(json.dumps(RIGHT[kind])) for _ in range(12)]
    for n, row in enumerate(made):
        for name in ("text", "prompt"):
            if name in row:
                row[name] += f" {n}"
        if "tokens" in row:
            row["tokens"][1] += str(n)
        if "label" in row:
            row["label"] = n % 3
        if "messages" in row:
            row["messages"][0]["content"] += f" {n}"
    made[5] |= changes
    made[5] = {key: value for key, value in made[5].items() if value is not ...}
    return "".join(json.dumps(row) + "\n" for row in made)


def bad(name, kind, *words, content=None, keys=None, file="train.jsonl", **changes):
    """A case; the experiment reads the file with the task's usual keys, or others."""
    text = rows(kind, **changes) if content is None else content
    task = "causal-lm" if kind == "chats" else kind
    keys = keys or ("messages: messages" if kind == "chats" else KEYS[task])

    def damage(at):
        (at / file).write_text(text, encoding="utf-8")
        write_experiment(at, task, f"path: {file}, {keys}")

    return Case(name, damage, words)


def write_experiment(at, task, source):
    (at / "experiment.yaml").write_text(
        f"name: bad\ntask: {task}\ndata: {{train: {{{source}}}}}\n"
        "reference: {model: small}\nmain: {model: large}\n"
    )


COLUMNS = "q,a,b,c,label\n" + "".join(f"Which {n}?,this,that,those,{n % 3}\n" for n in range(12))
BY_COLUMNS = "text: q, choices: [a, b, c], label: label"


def csv_with(line):
    kept = COLUMNS.splitlines()
    return "\n".join([*kept[:6], line, *kept[6:]]) + "\n"


CHOICES = [
    bad("one choice", "multiple-choice", "row 6", "2", choices=["this"], label=0),
    bad("no choices", "multiple-choice", "row 6", "choices", choices=[], label=0),
    bad("eleven choices", "multiple-choice", "row 6", "10", choices=[str(n) for n in range(11)]),
    bad("a choice twice", "multiple-choice", "row 6", "twice", choices=["this", "this"]),
    bad("an empty choice", "multiple-choice", "row 6", "empty", choices=["this", "", "those"]),
    bad("a number for a list", "multiple-choice", "train.jsonl", "choices", choices=7),
    bad("a null for a list", "multiple-choice", "row 6", "choices", choices=None),
    bad("a mapping without texts", "multiple-choice", "train.jsonl", "choices", choices={"x": 1}),
    bad("gold out of range", "multiple-choice", "row 6", "label", label=7),
    bad("gold below zero", "multiple-choice", "row 6", "label", label=-1),
    bad("gold with a fraction", "multiple-choice", "row 6", "label", label=0.5),
    bad("gold missing", "multiple-choice", "row 6", "label", label=None),
    bad("gold a list", "multiple-choice", "train.jsonl", "label", label=[0, 1]),
    bad("gold no letter", "multiple-choice", "row 6", "label", label="Z"),
    bad("an empty question", "multiple-choice", "row 6", "empty", text=""),
    bad("a column that is not there", "multiple-choice", "train.jsonl", "options", keys=(
        "text: text, choices: options, label: label")),
    bad("a column of choices that is not there", "multiple-choice", "train.csv", "'d'",
        content=COLUMNS, file="train.csv", keys="text: q, choices: [a, b, d], label: label"),
    bad("an empty choice before another", "multiple-choice", "row 6", "empty",
        content=csv_with("Which?,this,,those,0"), file="train.csv", keys=BY_COLUMNS),
    bad("gold is an empty choice", "multiple-choice", "row 6", "label",
        content=csv_with("Which?,this,that,,2"), file="train.csv", keys=BY_COLUMNS),
    bad("a cell that is no list", "multiple-choice", "train.csv", "list",
        content="q,choices,label\n" + "Which?,this or that,0\n" * 12, file="train.csv",
        keys="text: q, choices: choices, label: label"),
]  # fmt: skip

CONLL = "Ann\tB-per\nLee\tI-per\nleft\tO\n\n" * 12
WORDS = {"file": "train.conll", "keys": "text: 1, label: 2"}

TAGS = [
    bad("fewer tags than words", "token-classification", "line 6", "tags", tags=["O", "O"]),
    bad("more tags than words", "token-classification", "line 6", "tags", tags=["O"] * 4),
    bad("a text for tags", "token-classification", "train.jsonl", "tags", tags="O O O"),
    bad("a text for words", "token-classification", "train.jsonl", "tokens", tokens="Ann left"),
    bad("no words", "token-classification", "line 6", "no words", tokens=[], tags=[]),
    bad("a null for words", "token-classification", "line 6", "tokens", tokens=None),
    bad("a null among words", "token-classification", "line 6", "word 2", tokens=["A", None, "c"]),
    bad("an empty tag", "token-classification", "line 6", "tag", tags=["B-per", "", "O"]),
    bad("a null among tags", "token-classification", "line 6", "tag", tags=["B-per", None, "O"]),
    bad("tags that are numbers", "token-classification", "train.jsonl", "tags", tags=[1, 2, 0]),
    bad("words left out", "token-classification", "train.jsonl", "tokens", tokens=...),
    bad("words that are not there", "token-classification", "train.jsonl", "words",
        keys="text: words, label: tags"),
    bad("a line without a tag", "token-classification", "train.conll", "line 49",
        content=CONLL + "alone\n", **WORDS),
    bad("a column beyond the last", "token-classification", "train.conll", "5", content=CONLL,
        file="train.conll", keys="text: 1, label: 5"),
    bad("an empty file of sentences", "token-classification", "train.conll", "no ", content="",
        **WORDS),
    bad("only empty lines", "token-classification", "train.conll", "no ", content="\n" * 9,
        **WORDS),
    bad("a sentence file for classes of texts", "causal-lm", "train.conll", "token-classification",
        content=CONLL, file="train.conll", keys="prompt: a, completion: b"),
]  # fmt: skip

COMPLETIONS = [
    bad("an empty completion", "causal-lm", "row 6", "completion", completion=""),
    bad("a completion of blanks", "causal-lm", "row 6", "completion", completion="  "),
    bad("a null completion", "causal-lm", "row 6", "completion", completion=None),
    bad("a completion left out", "causal-lm", "row 6", "completion", completion=...),
    bad("a completion that is a list", "causal-lm", "train.jsonl", "completion", completion=["a"]),
    bad("a null prompt", "causal-lm", "row 6", "prompt", prompt=None),
    bad("no column of prompts", "causal-lm", "train.jsonl", "which 'prompt' names", keys=(
        "prompt: question, completion: completion")),
    bad("prompts are completions", "causal-lm", "prompt", "completion", keys=(
        "prompt: prompt, completion: prompt")),
    bad("a group that is not there", "causal-lm", "train.jsonl", "which 'group' names", keys=(
        "prompt: prompt, completion: completion, group: source")),
    bad("a file that ends in a row", "causal-lm", "train.jsonl", "line 12",
        content=rows("causal-lm")[:-9]),
]  # fmt: skip

CHATS = [
    bad("a chat without the assistant", "chats", "row 6", "assistant", messages=CHAT[:1]),
    bad("a chat that the user ends", "chats", "row 6", "assistant", messages=[*CHAT, CHAT[0]]),
    bad("a chat of the assistant alone", "chats", "row 6", "user", messages=CHAT[1:]),
    bad("an empty chat", "chats", "row 6", "messages", messages=[]),
    bad("a chat that is a text", "chats", "train.jsonl", "messages", messages="How? So."),
    bad("no chat", "chats", "row 6", "messages", messages=None),
    bad("a message without a role", "chats", "row 6", "role", messages=[
        {"content": "How?"}, CHAT[1]]),
    bad("an unknown role", "chats", "row 6", "role", messages=[
        {"role": "wizard", "content": "How?"}, CHAT[1]]),
    bad("a message without words", "chats", "row 6", "content", messages=[
        CHAT[0], {"role": "assistant", "content": ""}]),
    bad("a message of parts", "chats", "row 6", "content", messages=[
        {"role": "user", "content": [{"type": "image"}]}, CHAT[1]]),
    bad("another layout", "chats", "row 6", "role", messages=[
        {"from": "human", "value": "How?"}, {"from": "gpt", "value": "So."}]),
    bad("no column of chats", "chats", "train.jsonl", "which 'messages'", keys="messages: talk"),
]  # fmt: skip


def read(folder):
    return load_data(load_experiment(folder / "experiment.yaml"))


@parametrised([*CHOICES, *TAGS, *COMPLETIONS, *CHATS])
def test_refused(case, tmp_path):
    case.damage(tmp_path)
    check_refused(lambda: read(tmp_path), tmp_path, case.words)


@pytest.mark.parametrize("kind", RIGHT)
def test_the_rows_are_right_without_the_fault(kind, tmp_path):
    bad("right", kind).damage(tmp_path)
    assert len(read(tmp_path).train) + sum(map(len, read(tmp_path).dev.values())) == 12


def test_a_prompt_that_leaves_no_room_is_named(tmp_path):
    """It is never scored as learnt: no token of its completion is left."""
    from transformers import AutoTokenizer

    decoder = make_decoder(tmp_path / "decoder")
    bad("long", "causal-lm", prompt="walk " * 40).damage(tmp_path)
    train = read(tmp_path).train
    tokenizer = AutoTokenizer.from_pretrained(decoder)

    def encode():
        TASKS["causal-lm"].tokenize(train, tokenizer, 16)

    longest = max(range(len(train)), key=lambda n: len(train.shown[0][n].as_py()))
    check_refused(encode, tmp_path, (train.example_ids[longest].as_py(), "max_length"))


FILES = {kind: rows(kind) for kind in RIGHT}


@pytest.mark.parametrize("kind", RIGHT)
def test_damaged_files_are_read_or_refused(kind, tmp_path_factory):
    """Bits flipped, values exchanged and files cut off end in a message, if not in examples."""
    folder = tmp_path_factory.mktemp("damaged")
    bad("right", kind).damage(folder)
    content = FILES[kind].encode()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, len(content) * 8), st.floats(0.5, 1))
    def damaged(position, share):
        cut = flipped(content[: int(share * len(content))], position, position % 8)
        (folder / "train.jsonl").write_bytes(cut)
        read_or_refuse(lambda: read(folder))

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 1 << 20))
    def exchanged(seed):
        chance = random.Random(seed)
        made = [json.loads(line) for line in FILES[kind].splitlines()]
        row = chance.choice(made)
        other = [None, 3, -1.5, "", "x", [], ["x"], [["x"]], {}, {"text": ["a", "b"]}, True, 10**30]
        row[chance.choice(list(row))] = chance.choice(other)
        (folder / "train.jsonl").write_text("".join(json.dumps(one) + "\n" for one in made))
        read_or_refuse(lambda: read(folder))

    damaged()
    exchanged()


def test_the_corpus_is_large():
    check_corpus("files of other tasks", CHOICES, TAGS, COMPLETIONS, CHATS)
