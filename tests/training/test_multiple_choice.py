"""Multiple choice: its loss, what it records, its cost, and whole runs."""

import json
import re

import numpy as np
import pyarrow as pa
import pytest
import torch

from choice_task import questions, write_experiment
from ftft import DataMap
from ftft.config.schema import Recording
from ftft.data.dataset import LabelledDataset
from ftft.dynamics import read_dynamics
from ftft.dynamics.values import COLUMNS, unusable, values_of_logits
from ftft.tasks.choice_batches import ChoiceCollator, values_of_choices
from ftft.tasks.multiple_choice import MULTIPLE_CHOICE, counts_of, packed, segments
from ftft.training.finetune import DevSets
from ftft.training.models import load_model
from tiny_task import plan


def examples(name, size, most=4, seed=0):
    rows = questions(size, seed=seed, most=most)
    columns = {
        "example_id": [f"{name}-{one['row']}" for one in rows],
        "text_0": [one["text"] for one in rows],
    }
    for place in range(most):
        cells = [one["choices"][place : place + 1] for one in rows]
        columns[f"choice_{place}"] = [cell[0] if cell else "" for cell in cells]
    table = pa.table(columns | {"label": pa.array([one["gold"] for one in rows], pa.int64())})
    return LabelledDataset.from_table(name, table, "ABCDEFGHIJ"[:most], task="multiple-choice")


def encoded(tokenizer, name="train", size=40, most=4, seed=0):
    return MULTIPLE_CHOICE.tokenize(examples(name, size, most, seed), tokenizer, 24)


def batch_of(tokenizer, data, rows):
    held = data.rows.remove_columns("example_index")
    batch = ChoiceCollator(tokenizer, None)([held[row] for row in rows])
    return batch, batch.pop("labels")


@pytest.fixture
def model(settings):
    made = load_model(settings(), ("A",), seed=0, task=MULTIPLE_CHOICE)
    return made.eval()


def test_gradients_are_those_of_transformers_own_loss(tokenizer, model):
    batch, labels = batch_of(tokenizer, encoded(tokenizer), range(8))
    model(**batch, labels=labels % 16).loss.backward()
    theirs = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
    model.zero_grad()
    # Two micro-batches of a step of eight.
    for part in (slice(0, 3), slice(3, 8)):
        outputs = model(**{name: value[part] for name, value in batch.items()})
        MULTIPLE_CHOICE.loss(outputs, labels[part], torch.tensor(8), 0.0).backward()
    ours = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_rows_with_fewer_choices_are_scored_alone(tokenizer, model):
    """A row gives the same loss and values in a batch with longer rows as by itself."""
    data = encoded(tokenizer, most=6)
    assert len(set(data.widths.tolist())) > 2
    batch, labels = batch_of(tokenizer, data, range(12))
    together = model(**batch)
    alone = [batch_of(tokenizer, data, [row]) for row in range(12)]
    single = [(model(**one), mark) for one, mark in alone]
    losses = sum(MULTIPLE_CHOICE.loss(out, mark, 12, 0.1) for out, mark in single)
    torch.testing.assert_close(MULTIPLE_CHOICE.loss(together, labels, 12, 0.1), losses)
    values = torch.cat([values_of_choices(out, mark) for out, mark in single])
    torch.testing.assert_close(values_of_choices(together, labels), values, atol=1e-5, rtol=1e-5)
    assert not unusable(values.numpy(), "values").any()


def test_values_are_those_of_logits():
    logits = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    logits[:10, 3] = logits[:10, 1]  # ties: the first counts
    gold = np.where(np.arange(50) < 10, 3, np.arange(50) % 5)
    labels = torch.from_numpy(packed(gold, np.full(50, 5)))
    found = values_of_choices(torch.from_numpy(logits), labels).numpy()
    expected = values_of_logits(logits, gold)
    for place, name in enumerate(COLUMNS):
        np.testing.assert_allclose(found[:, place], getattr(expected, name), atol=1e-5)


def test_a_filler_changes_no_loss():
    logits, labels = torch.randn(3, 4), torch.tensor([65, 66, -100])
    two = MULTIPLE_CHOICE.loss(logits[:2], labels[:2], 2, 0.0)
    torch.testing.assert_close(MULTIPLE_CHOICE.loss(logits, labels, 2, 0.0), two)


@pytest.mark.parametrize("mode", ["training", "evaluation"])
def test_each_example_is_recorded_once_an_epoch(tune, tokenizer, mode):
    train, dev = (encoded(tokenizer, name, most=5, seed=n) for n, name in enumerate(("t", "d")))
    sets = DevSets({"dev": dev}, ("dev",), "accuracy")
    tuned = tune("run", plan(6, 3), recording=Recording(mode=mode), train=train, dev=sets)
    dynamics = read_dynamics(tuned.dynamics_folder)
    assert (dynamics.encoding, dynamics.epochs) == ("values", (0, 1))
    assert dynamics.chance == pytest.approx((1 / counts_of(train.labelled)).mean())
    for epoch in dynamics.epochs:
        assert dynamics.point_values(epoch).present.all()
    assert len(DataMap.from_dynamics(dynamics, burn_in=0)) == len(train)
    # Sequences times tokens, as the collator pads: never fewer than there are choices.
    least = 2 * int((train.widths * train.lengths).min())
    assert tuned.cost.training.tokens > least
    assert tuned.cost.training.tokens >= 2 * int(train.widths.sum()) * int(train.lengths.min())


def test_what_is_planned_is_what_is_run(tune, tokenizer, settings):
    from ftft.training.erm_cost import plan_cost

    train, dev = (encoded(tokenizer, name, most=5, seed=n) for n, name in enumerate(("t", "d")))
    sets = DevSets({"dev": dev}, ("dev",), "accuracy")
    tuned = tune("run", plan(6, 3), train=train, dev=sets)
    planned = plan_cost(settings(), plan(6, 3), train, sets.sets.values())
    for part in ("training", "evaluation"):
        one, other = getattr(planned, part), getattr(tuned.cost, part)
        assert one.tokens == other.tokens
        assert one.flops == pytest.approx(other.flops)


def test_choices_that_are_cut_alike_are_refused(tokenizer):
    from ftft.errors import DataError

    table = examples("train", 3).table
    texts = table.set_column(1, "text_0", pa.array(["good", "the film", "book"]))
    long = [f"{'very ' * 30}{word}" for word in ("good", "bad", "dull")]
    for place in range(4):
        cells = pa.array([f"{one} {'it' * place}" for one in long])
        texts = texts.set_column(2 + place, f"choice_{place}", cells)
    data = LabelledDataset.from_table("train", texts, "ABCD", task="multiple-choice")
    with pytest.raises(DataError, match=r"3 examples .*all choices are the same"):
        MULTIPLE_CHOICE.tokenize(data, tokenizer, 16)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["What is it?"], ("What is it?", "x y")),
        (["He said", "that"], ("He said", "that x y")),
        (["Ann saw _ there."], ("Ann saw", "x y there.")),
        (["Before", "it is ____ now"], ("Before", "it is x y now")),
        (["snake_case is no blank"], ("snake_case is no blank", "x y")),
        (["_ and _"], ("_ and _", "x y")),
    ],
)
def test_segments(texts, expected):
    assert segments(texts, "x y") == expected


def test_a_whole_run(ftft, tmp_path, tiny_model):
    file = write_experiment(tmp_path, tiny_model)
    assert ftft("validate", file).code == 0
    done = ftft("run", file, "--output", "out")
    assert done.code == 0, done.err
    values = json.loads((tmp_path / "out/results.json").read_text())
    assert values["metric"] == "accuracy"
    assert {run["method"] for run in values["runs"]} == {"ftft", "erm", "random"}
    again = ftft("run", file, "--output", "out")
    assert again.code == 0
    assert re.search(r": training( \d|,)", again.err + again.out) is None
    model = json.loads((tmp_path / "out/main/seed-0/model/config.json").read_text())
    assert model["architectures"] == ["BertForMultipleChoice"]
    exported = ftft(
        *("export", "out/selection/seed-0/selection.parquet", "x.jsonl", "--rows", file)
    )
    assert exported.code == 0, exported.err
    row = json.loads((tmp_path / "x.jsonl").read_text().splitlines()[0])
    assert {"id", "question", "c0", "c3", "label"} <= set(row)
    asked = ftft("label-errors", "out/reference/seed-0", "--by", "cleanlab")
    assert (asked.code, "hold values" in asked.err) == (2, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("metric=macro_f1", "task multiple-choice has accuracy"),
        ("task=classification", "'choices' is for task: multiple-choice"),
        ("data.train.choices=[]", "needs 'choices'"),
        ("data.classes=[A, B]", "which task multiple-choice does not have"),
        ("main.head=keep", "head: keep is for classes"),
    ],
)
def test_keys_that_do_not_fit(ftft, tmp_path, tiny_model, change, words):
    done = ftft("validate", write_experiment(tmp_path, tiny_model), "--set", change)
    assert done.code == 2
    assert words in done.err
