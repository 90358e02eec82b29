"""Prompts and completions: the loss, what is recorded, scores and inputs that cannot be used."""

import json
import shutil
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

from completions import commands, write_experiment
from ftft import load_experiment
from ftft.config.data import DataConfig
from ftft.config.schema import Experiment, FineTuning
from ftft.data.completions import load_completions
from ftft.dynamics.values import unusable
from ftft.errors import ConfigError, DataError, ModelError
from ftft.tasks import TASKS, load_data, token_losses
from ftft.tasks.completions import PadCompletions, encode_completions
from ftft.training.erm_cost import planned_counter
from ftft.training.fitting import check_model

TASK = TASKS["causal-lm"]


@pytest.fixture
def data(decoder, tmp_path):
    return load_data(load_experiment(write_experiment(tmp_path, decoder())))


@pytest.fixture
def batch():
    """Logits and labels of four examples: one without a completion, one right all through."""
    torch.manual_seed(0)
    logits = torch.randn(4, 7, 11)
    labels = torch.randint(0, 11, (4, 7))
    labels[:, :3] = -100
    labels[1, 5:] = -100
    labels[2] = -100
    labels[3, 1:] = logits[3, :-1].argmax(-1)
    return logits, labels


def usual(logits, labels, **options):
    """Token losses as torch computes them, (n, T - 1)."""
    flat = logits[:, :-1].reshape(-1, logits.shape[-1])
    losses = torch.nn.functional.cross_entropy(
        flat, labels[:, 1:].reshape(-1), reduction="none", ignore_index=-100, **options
    )
    return losses.view(len(labels), -1)


@pytest.mark.parametrize("at_once", [1 << 24, 25])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_loss_and_gradient_are_those_of_cross_entropy(batch, monkeypatch, at_once, smoothing):
    monkeypatch.setattr(token_losses, "_AT_ONCE", at_once)
    logits, labels = batch
    mine, other = (logits.clone().requires_grad_() for _ in range(2))
    loss = TASK.loss({"logits": mine}, labels, torch.tensor(5), smoothing)
    expected = usual(other, labels, label_smoothing=smoothing).sum() / 5
    loss.backward()
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(mine.grad, other.grad)


def test_no_copy_of_the_logits_outlives_its_chunk(batch, monkeypatch):
    monkeypatch.setattr(token_losses, "_AT_ONCE", 11)
    logits, labels = batch
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda one: kept.append(one) or one, lambda one: one
    ):
        TASK.loss({"logits": logits.requires_grad_()}, labels, None, 0.0)
    large = {one.data_ptr() for one in kept if one.numel() >= logits.numel() // 4}
    assert large == {logits.data_ptr()}


def test_the_loss_and_the_record_reduce_the_logits_once(batch, monkeypatch):
    calls = []
    reduced = token_losses._reduced
    monkeypatch.setattr(
        token_losses, "_reduced", lambda *args: calls.append(args) or reduced(*args)
    )
    outputs = {"logits": batch[0]}
    TASK.loss(outputs, batch[1], None, 0.0)
    TASK.recorded(outputs, batch[1])
    assert len(calls) == 1


def test_recording_makes_no_tensor_of_the_vocabularys_size(batch):
    """Once the loss is computed, what is recorded is made of its sums: (n,) and (n, 6)."""

    class Made(TorchDispatchMode):
        sizes: ClassVar[list[int]] = []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            made = func(*args, **(kwargs or {}))
            self.sizes += [one.numel() for one in tree_leaves(made) if torch.is_tensor(one)]
            return made

    logits, labels = batch
    outputs = {"logits": logits.requires_grad_()}
    TASK.loss(outputs, labels, None, 0.0).backward()
    with Made() as made, torch.no_grad():
        values = TASK.recorded(outputs, labels)
    assert max(made.sizes) == values.numel() == 4 * 6
    with Made() as made:
        TASK.loss({"logits": logits.clone()}, labels, None, 0.0)
    assert max(made.sizes) >= logits.numel() // 2, "it sees those that there are"


def test_values_of_examples(batch):
    logits, labels = batch
    found = TASK.recorded({"logits": logits}, labels).numpy()
    losses = usual(logits, labels).numpy()
    counts = (labels[:, 1:] != -100).sum(1).numpy()
    for row in (0, 1, 3):
        mean = losses[row].sum() / counts[row]
        np.testing.assert_allclose(found[row, :2], [np.exp(-mean), mean], rtol=1e-5)
        right = np.exp(-losses[row][labels[row, 1:] != -100])
        np.testing.assert_allclose(found[row, 5], right.mean(), rtol=1e-5)
    assert np.isnan(found[:, 2:4]).all()
    assert np.isnan(found[2]).all(), "an example without a completion has no value"
    assert found[[0, 1, 3], 4].tolist() == [0.0, 0.0, 1.0]
    assert not unusable(found, "values").any()


def test_scores(data):
    test = data.test["test"]
    sums = np.tile(np.array([[1.0, 4.0, 2.0]], dtype=np.float32), (len(test), 1))
    sums[0] = [0.0, 4.0, 4.0]
    scores = TASK.score(test, sums, "model")
    count = len(test)
    assert scores.metrics["exact_match"] == pytest.approx(1 / count)
    assert scores.metrics["token_accuracy"] == pytest.approx((2 * count + 2) / (4 * count))
    assert scores.metrics["inverse_perplexity"] == pytest.approx(np.exp(-(count - 1) / (4 * count)))
    assert set(scores.slices["kind"]) == {"once", "twice", "thrice"}


def test_exact_match_is_what_greedy_decoding_writes(decoder, data):
    """Also of a model that has learnt nothing but its most probable sequences."""
    tokenizer = AutoTokenizer.from_pretrained(decoder())
    model = AutoModelForCausalLM.from_pretrained(decoder()).eval()
    encoded = encode_completions(data.train, tokenizer, max_length=16)
    row = encoded.rows[0]
    prompt = [one for one, label in zip(row["input_ids"], row["labels"], strict=True) if label < 0]
    written = model.generate(torch.tensor([prompt]), max_new_tokens=4, do_sample=False)[0].tolist()
    for changed, right in ((written, 1.0), ([*written[:-1], (written[-1] + 1) % 9], 0.0)):
        labels = torch.tensor([[-100] * len(prompt) + changed[len(prompt) :]])
        with torch.no_grad():
            outputs = model(torch.tensor([changed]))
        assert TASK.recorded(outputs, labels)[0, 4] == right


def test_prompt_is_no_label_and_the_end_is_learnt(decoder, data):
    tokenizer = AutoTokenizer.from_pretrained(decoder())
    encoded = encode_completions(data.train, tokenizer, max_length=16)
    row, wanted = encoded.rows[0], commands(64)[0]
    words = f"{wanted['prompt']} {wanted['completion']} [END]".split()
    assert tokenizer.convert_ids_to_tokens(row["input_ids"]) == words
    assert row["labels"] == [-100, -100, *row["input_ids"][2:]]
    batch = PadCompletions(tokenizer, 8)([encoded.rows[0], encoded.rows[1]])
    assert batch["labels"].shape == (2, 8)
    assert (batch["labels"][batch["attention_mask"] == 0] == -100).all()
    assert batch["example_index"].tolist() == [0, 1]


@pytest.mark.parametrize("accumulation", [1, 4])
def test_gradients_are_those_of_transformers(decoder, data, tmp_path, accumulation):
    """A step of our loss moves the weights as a step of the model's own loss does."""
    tokenizer = AutoTokenizer.from_pretrained(decoder())
    rows = encode_completions(data.train, tokenizer, max_length=16).rows.select(range(16))

    def step(**own):
        model = AutoModelForCausalLM.from_pretrained(decoder())
        arguments = TrainingArguments(
            output_dir=str(tmp_path),
            max_steps=1,
            learning_rate=0.1,
            optim="sgd",
            max_grad_norm=0.0,
            per_device_train_batch_size=16 // accumulation,
            gradient_accumulation_steps=accumulation,
            use_cpu=True,
            report_to="none",
            disable_tqdm=True,
        )
        Trainer(
            model=model,
            args=arguments,
            train_dataset=rows,
            data_collator=PadCompletions(tokenizer, None),
            **own,
        ).train()
        return [weight.detach() for weight in model.eval().parameters()]

    torch.manual_seed(0)

    def ours(outputs, labels, num_items_in_batch=None):
        return TASK.loss(outputs, labels, num_items_in_batch, 0.0)

    for one, other in zip(step(), step(compute_loss_func=ours), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_operations_of_decoders_are_counted(decoder, kind):
    settings = FineTuning(model=str(decoder(kind)), max_length=16)
    assert planned_counter(settings, 0, TASK).counted


def test_a_decoder_without_padding_token_is_padded_with_its_end(decoder, data):
    folder = decoder(pad=False)
    check_model(FineTuning(model=str(folder), max_length=16), texts=1, task=TASK)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoded = encode_completions(data.train, tokenizer, max_length=16)
    batch = PadCompletions(tokenizer, 8)([encoded.rows[0]])
    assert batch["input_ids"][0, -1] == tokenizer.eos_token_id
    assert batch["labels"][0, -1] == -100


def test_a_prompt_that_leaves_no_completion_is_refused(decoder, data):
    tokenizer = AutoTokenizer.from_pretrained(decoder())
    with pytest.raises(DataError, match=r"prompts of 64 examples .*'c0-0'.* Raise max_length"):
        encode_completions(data.train, tokenizer, max_length=2)
    cut = encode_completions(data.train, tokenizer, max_length=3)
    assert all(row["labels"][-1] != -100 for row in cut.rows)


def test_a_tokenizer_without_an_end_is_refused(decoder, tmp_path):
    folder = shutil.copytree(decoder(), tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.eos_token = None
    tokenizer.save_pretrained(folder)
    settings = FineTuning(model=str(folder), max_length=16)
    with pytest.raises(ModelError, match="no token that ends a text"):
        check_model(settings, texts=1, task=TASK)


BAD_ROWS = {
    "empty completion": (
        {"prompt": "walk", "completion": " "},
        r"row 65 \(line 65\): nothing in the completion",
    ),
    "no completion": ({"prompt": "walk"}, r"row 65 \(line 65\): nothing in the completion"),
    "no prompt": (
        {"prompt": "", "completion": "I_WALK"},
        r"row 65 \(line 65\): no text in 'prompt'",
    ),
    "a list": ({"prompt": "walk", "completion": ["I_WALK"]}, "line 65: 'completion' holds a list"),
}


@pytest.mark.parametrize(("row", "words"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_rows_that_cannot_be_used(decoder, tmp_path, row, words):
    experiment = load_experiment(write_experiment(tmp_path, decoder()))
    with (tmp_path / "train.jsonl").open("a") as file:
        file.write(json.dumps({"id": "x", **row}) + "\n")
    with pytest.raises(DataError, match=words):
        load_data(experiment)


BAD_FILES = {
    "missing column": (("completion: completion", "completion: answer"), DataError, "no column"),
    "text and label": (
        ("prompt: prompt, completion: completion", "text: prompt, label: completion"),
        ConfigError,
        "needs 'prompt' and 'completion'",
    ),
    "classes": (("data:\n", "data:\n  classes: [a, b]\n"), ConfigError, "data.classes names"),
    "metric": (
        ("task: causal-lm", "task: causal-lm\nmetric: accuracy"),
        ConfigError,
        "exact_match",
    ),
    "another task": (("task: causal-lm\n", ""), ConfigError, "is for task: causal-lm"),
    "twice": (("prompt: prompt", "prompt: prompt, text: id"), ConfigError, "say the same"),
}


@pytest.mark.parametrize(("change", "error", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_experiments_that_do_not_fit(decoder, tmp_path, change, error, words):
    file = write_experiment(tmp_path, decoder(), **{change[0]: change[1]})
    with pytest.raises(error, match=words):
        load_data(load_experiment(file))


def test_columns_may_have_their_usual_names(decoder, tmp_path):
    changes = {"prompt: prompt, completion: completion, ": ""}
    file = write_experiment(tmp_path, decoder(), **changes)
    experiment = load_experiment(file)
    usual = load_experiment(write_experiment(tmp_path, decoder()))
    assert experiment == usual
    assert Experiment.model_validate(experiment.model_dump()) == experiment


def test_groups_and_a_held_out_set(decoder, tmp_path):
    changes = {
        "completion: completion, id: id}": "completion: completion, id: id, group: kind}",
        "  dev: {dev: {path: dev.jsonl, id: id}}\n": "  holdout: 0.25\n",
    }
    data = load_data(load_experiment(write_experiment(tmp_path, decoder(), **changes)))
    assert data.class_names == ("once", "thrice", "twice")
    held, train = data.dev["id"], data.train
    prompts = [set(one.table.column("text_0").to_pylist()) for one in (held, train)]
    assert len(held) + len(train) == 64
    assert not prompts[0] & prompts[1]


def test_all_that_is_wrong_is_said_together(tmp_path):
    content = "id,prompt,completion\na,one,1\nb,,2\nc,three,\na,four,4\n,five,5\n"
    (tmp_path / "train.csv").write_text(content)
    source = {"path": str(tmp_path / "train.csv"), "prompt": "prompt", "completion": "completion"}
    with pytest.raises(DataError) as caught:
        load_completions(DataConfig.model_validate({"train": {**source, "id": "id"}}))
    for words in (
        "row 2 (line 3): no text",
        "row 3 (line 4): nothing in the completion",
        "'a' is there twice, in row 1 (line 2) and in row 4 (line 5)",
        "row 5 (line 6): the id column",
    ):
        assert words in str(caught.value)


def test_what_is_left_out_is_counted(tmp_path):
    content = "prompt,completion\n" + "".join(f"say {i},{i}\n" for i in range(20)) + "a,\n,b\n"
    (tmp_path / "train.csv").write_text(content)
    source = {"path": str(tmp_path / "train.csv"), "prompt": "prompt", "completion": "completion"}
    train = {**source, "drop_empty": True}
    data = load_completions(DataConfig.model_validate({"train": train}))
    assert data.left_out == {"train": {"drop_empty": 2}}
