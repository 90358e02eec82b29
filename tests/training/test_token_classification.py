"""Sentences with tags: tokens, loss, values, scores, and what a training records."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from tokenizers import normalizers
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    BertForTokenClassification,
)
from transformers.loss.loss_utils import ForTokenClassification
from transformers.modeling_outputs import TokenClassifierOutput

from ftft import DataMap
from ftft.config.data import DataConfig
from ftft.config.schema import Recording
from ftft.data.encode_words import encode_words
from ftft.data.tagged import load_tagged
from ftft.dynamics import read_dynamics
from ftft.dynamics.words import read_words
from ftft.errors import DynamicsError, ModelError
from ftft.tasks.token_classification import TOKEN_CLASSIFICATION as TASK
from ftft.training.afterwards import dynamics_of_checkpoints
from ftft.training.finetune import DevSets
from ftft.training.scoring import score_recorded, score_sets
from ner import sentences
from tiny_task import plan


def tagged(tmp_path, rows):
    path = tmp_path / "rows.conll"
    lines = ("".join(f"{w}\t{t}\n" for w, t in zip(*row, strict=True)) for row in rows)
    path.write_text("\n".join(lines), encoding="utf-8")
    source = {"path": str(path), "text": 1, "label": 2}
    config = {"train": source, "dev": {"dev": {"path": str(path)}}}
    return load_tagged(DataConfig.model_validate(config)).train


@pytest.fixture
def splitter(tiny_model):
    return AutoTokenizer.from_pretrained(tiny_model)


def test_the_first_token_of_a_word_has_its_tag(tmp_path, splitter):
    # "good-bad" is three tokens; the control character is none, and gets the unknown token.
    data = tagged(tmp_path, [(["good-bad", "film"], ["B-a", "I-a"]), (["\x7f", "film"], "OO")])
    splitter.backend_tokenizer.normalizer = normalizers.Replace("\x7f", "")
    encoded = encode_words(data, splitter, max_length=16)
    code = {tag: number for number, tag in enumerate(data.model_classes)}
    assert encoded.rows[0]["labels"] == [-100, code["B-a"], -100, -100, code["I-a"], -100]
    assert encoded.rows[1]["labels"] == [-100, code["O"], code["O"], -100]
    assert encoded.rows[1]["input_ids"][1] == splitter.unk_token_id
    assert encoded.note == ""
    assert encoded.lengths.tolist() == [6, 4]


def test_truncation_is_said(tmp_path, splitter):
    rows = [(["film"] * 9, ["B-a"] * 9), (["film", "book"], ["B-a", "O"])]
    data = tagged(tmp_path, rows)
    splitter.truncation_side = "left"
    encoded = encode_words(data, splitter, max_length=8)
    assert "3 words of train in 1 sentences lie beyond max_length 8" in encoded.note
    assert "no word left" not in encoded.note
    assert sum(label != -100 for label in encoded.rows[0]["labels"]) == 6
    assert splitter.truncation_side == "left"
    assert "2 have no word left" in encode_words(data, splitter, max_length=2).note


def test_lost_words_count_as_outside(tmp_path):
    data = tagged(tmp_path, [(["a", "b", "c"], ["B-x", "O", "B-x"]), (["d"], ["B-y"])])
    code = {tag: number for number, tag in enumerate(data.model_classes)}
    predictions = np.array([[-100, code["B-x"], code["O"], -100], [-100, code["B-y"], -100, -100]])
    scores = TASK.score(data, predictions, "here")
    assert scores.metrics["entity_f1"] == pytest.approx(2 * 2 / (2 + 3))
    assert scores.metrics["token_accuracy"] == pytest.approx(3 / 4)
    kinds = scores.slices["entity type"]
    assert kinds["x"]["entity_f1"] == pytest.approx(2 / 3)
    assert kinds["x"]["token_accuracy"] == pytest.approx(1 / 2)
    assert kinds["y"] == {"entity_f1": 1.0, "token_accuracy": 1.0, "examples": 1.0}
    with pytest.raises(DynamicsError, match="here: the logits of example"):
        TASK.score(data, np.where(predictions == code["B-y"], -1, predictions), "here")
    assert TASK.floor([data]) is None


def test_lost_words_of_data_without_an_outside_tag(tmp_path):
    """They count as no entity, and not as one of the last tag."""
    data = tagged(tmp_path, [(["a", "b", "c"], ["NOUN", "VERB", "VERB"])])
    code = {tag: number for number, tag in enumerate(data.model_classes)}
    predictions = np.array([[-100, code["NOUN"], -100, -100]])
    scores = TASK.score(data, predictions, "here")
    assert scores.metrics["entity_f1"] == pytest.approx(2 * 1 / (2 + 1))
    assert scores.slices["entity type"]["VERB"]["entity_f1"] == 0.0


def test_values_of_sentences():
    logits = torch.tensor([[[0.0, 0], [2, 0], [0, 1], [5, 5]], [[3.0, 0], [0, 3], [1, 1], [0, 0]]])
    labels = torch.tensor([[-100, 0, 0, -100], [-100, -100, -100, -100]])
    first, none = TASK.recorded(TokenClassifierOutput(logits=logits), labels)
    shares = logits.double().softmax(-1)[0, 1:3]
    gold = shares[:, 0]
    norms = [(share - torch.tensor([1.0, 0])).norm() for share in shares]
    expected = [gold.mean(), -gold.log().mean(), (2 - 1) / 2, sum(norms) / 2, 0.0]
    assert first.tolist() == pytest.approx([float(value) for value in expected])
    assert none.isnan().all()
    right = TASK.recorded(TokenClassifierOutput(logits=logits[:1, :2]), labels[:1, :2])[0]
    assert right[4] == 1


def test_diverged_logits_are_no_prediction():
    logits = torch.tensor([[[float("nan"), 0], [1, 0]]])
    found = TASK.predictions(TokenClassifierOutput(logits=logits), torch.tensor([[0, -100]]))
    assert found.tolist() == [[-1, -100]]


def test_gradients_over_accumulation_are_those_of_transformers_own_loss():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, num_labels=4
    )
    model = BertForTokenClassification(config).eval()
    ids = torch.randint(0, 30, (6, 7))
    labels = torch.randint(0, 4, (6, 7))
    labels[:2, 2:] = labels[3] = -100  # micro-batches with unequal numbers of words, a row of none
    items = (labels != -100).sum()

    def gradients(loss):
        model.zero_grad()
        for rows in (slice(0, 2), slice(2, 6)):
            loss(model(ids[rows]), labels[rows]).backward()
        return [one.grad.clone() for one in model.parameters() if one.grad is not None]

    ours = gradients(lambda outputs, gold: TASK.loss(outputs, gold, items, 0.0))
    theirs = gradients(
        lambda outputs, gold: ForTokenClassification(
            outputs.logits, gold, config, num_items_in_batch=items
        )
    )
    model.zero_grad()
    model(ids, labels=labels).loss.backward()  # the mean over all words at once
    whole = [one.grad for one in model.parameters() if one.grad is not None]
    for one, other, third in zip(ours, theirs, whole, strict=True):
        torch.testing.assert_close(one, other)
        torch.testing.assert_close(one, third, rtol=1e-4, atol=1e-7)


def test_a_step_without_a_word_has_no_loss():
    outputs = TokenClassifierOutput(logits=torch.zeros(1, 2, 3, requires_grad=True))
    for items in (None, 0, torch.tensor(0)):
        assert TASK.loss(outputs, torch.full((1, 2), -100), items, 0.0) == 0


@pytest.mark.parametrize("mode", ["training", "evaluation"])
def test_each_sentence_is_recorded_once_an_epoch(tune, tmp_path, splitter, mode, settings):
    rows = [*sentences(21, 0), (["book"] * 3, "OOO")]
    data = tagged(tmp_path, rows)
    encoded = encode_words(data, splitter, max_length=16)
    # A sentence that truncation left no word.
    labels = [*encoded.rows["labels"][:-1], [-100] * len(encoded.rows[-1]["labels"])]
    emptied = encoded.rows.remove_columns("labels").add_column("labels", labels)
    encoded = replace(encoded, rows=emptied)
    dev = DevSets({"dev": encoded}, ("dev",), "entity_f1")
    recording = Recording(mode=mode)
    tuned = tune("run", plan(9, 3), recording=recording, train=encoded, dev=dev)
    assert set(tuned.dev_scores["dev"]) == {"entity_f1", "token_accuracy"}
    dynamics = read_dynamics(tuned.dynamics_folder)
    assert dynamics.encoding == "values"
    assert len(dynamics) == 22
    for epoch in dynamics.epochs:
        present = dynamics.point_values(epoch).present
        assert present.tolist() == [True] * 21 + [False]
    assert dynamics.chance == pytest.approx(1 / len(data.model_classes))
    datamap = DataMap.from_dynamics(dynamics, burn_in=0)
    assert (len(datamap), datamap.left_out) == (21, 1)
    scores = score_sets(tuned.model_folder, settings(), {"dev": encoded})["dev"]
    assert scores.metrics["entity_f1"] == pytest.approx(tuned.dev_scores["dev"]["entity_f1"])
    found = score_recorded(tuned.model_folder, settings(), encoded)
    assert np.isnan(found[-1]).all()
    words = read_words(tuned.dynamics_folder)
    assert words.keys() >= set(dynamics.epochs)
    tags = [[tag for tag in row if tag >= 0] for row in encoded.rows["labels"]]
    for one in map(words.get, dynamics.epochs):
        assert one.index.tolist() == [row for row, given in enumerate(tags) for _ in given]
        assert one.word.tolist() == [place for given in tags for place in range(len(given))]
        assert one.given.tolist() == [tag for given in tags for tag in given]
        assert len(np.unique(one.probability)) > 50


def test_passes_record_what_the_model_says_of_each_word(tune, tmp_path, splitter, settings):
    """At its last point that is what the weights give that are kept, a sentence at a time."""
    encoded = encode_words(tagged(tmp_path, sentences(21, 0)), splitter, max_length=16)
    dev = DevSets({"dev": encoded}, ("dev",), "entity_f1")
    recording = Recording(mode="evaluation", points_per_epoch=2)
    tuned = tune("run", plan(4, 4), recording=recording, train=encoded, dev=dev)
    words = read_words(tuned.dynamics_folder)
    assert sorted(words) == [0, 1, 2, 3]
    model = AutoModelForTokenClassification.from_pretrained(tuned.model_folder).eval()
    preferred, probability = [], []
    for row in encoded.rows:
        labels = torch.tensor(row.pop("labels"))
        row.pop("example_index", None)
        with torch.no_grad():
            logits = model(**{name: torch.tensor([ids]) for name, ids in row.items()}).logits[0]
        there = labels >= 0
        preferred += logits.argmax(-1)[there].tolist()
        shares = logits.softmax(-1).gather(-1, labels.clamp(min=0)[:, None])[:, 0]
        probability += shares[there].tolist()
    assert words[3].preferred.tolist() == preferred
    np.testing.assert_allclose(words[3].probability, probability, atol=1e-5)
    assert not np.allclose(words[2].probability, probability, atol=1e-5)
    for number in (1, 2):  # checkpoints that are scored afterwards
        saved = shutil.copytree(tuned.model_folder, tmp_path / "saved" / f"checkpoint-{number}")
        (saved / "trainer_state.json").write_text(json.dumps({"epoch": number}))
    again = tmp_path / "again"
    dynamics_of_checkpoints(tmp_path / "saved", settings(), encoded.labelled, again)
    scored = read_words(again)
    assert sorted(scored) == [0, 1]
    for one in scored.values():
        assert one.preferred.tolist() == preferred
        assert one.index.tolist() == words[3].index.tolist()
        np.testing.assert_allclose(one.probability, probability, atol=1e-5)


def test_a_model_of_other_tags_is_refused(tmp_path):
    data = tagged(tmp_path, [(["a", "b"], ["B-x", "O"])])
    model = BertForTokenClassification(
        BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, num_labels=2)
    )
    with pytest.raises(ModelError, match="the model's tags are LABEL_0, LABEL_1, but the data's"):
        TASK.check_model(model, data, tmp_path)
