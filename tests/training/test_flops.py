"""The operation counter against formulas worked out by hand from each network's matrices.

A product of (m, k) by (k, n) is ``2 m k n`` operations. T = B x L tokens of hidden size H pass
through each layer; attention scores and context are ``2 B L^2 H`` each. The backward pass of a
product is two products of the same size, one for each factor whose gradient is wanted.
"""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import peft
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    DebertaV2Config,
    ElectraConfig,
    GPT2Config,
    ModernBertConfig,
)

from ftft.training.flops import FlopCounter, flop_counter, planned_shapes, token_count
from ftft.training.sparse_embedding_grad import freeze_embeddings

TOLERANCE = 0.02
TARGETS = ["query", "value"]
UNSEEN = [(1, 5), (7, 33), (4, 96)]


def sizes(seed: int) -> dict[str, Any]:
    chance = random.Random(seed)
    heads = chance.choice([2, 4])
    return {
        "vocab_size": chance.randint(30, 60),
        "hidden_size": heads * chance.choice([8, 12, 16]),
        "num_hidden_layers": chance.randint(1, 3),
        "num_attention_heads": heads,
        "intermediate_size": chance.randint(40, 160),
        "max_position_embeddings": 128,
        "num_labels": chance.randint(2, 5),
    }


def bert(seed: int) -> BertConfig:
    return BertConfig(**sizes(seed))


def electra(seed: int) -> ElectraConfig:
    values = sizes(seed)
    return ElectraConfig(**values, embedding_size=values["hidden_size"] // 2)


def deberta(seed: int) -> DebertaV2Config:
    values = sizes(seed)
    return DebertaV2Config(
        **values,
        relative_attention=True,
        position_buckets=random.Random(seed).choice([8, 16]),
        max_relative_positions=-1,
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        norm_rel_ebd="layer_norm",
        position_biased_input=False,
        type_vocab_size=0,
        pooler_hidden_size=values["hidden_size"],
    )


def modernbert(seed: int) -> ModernBertConfig:
    special = {f"{name}_token_id": 0 for name in ("pad", "bos", "eos", "cls", "sep")}
    return ModernBertConfig(**sizes(seed), **special, local_attention=16)


def layer(config: Any, examples: int, length: int) -> int:
    """Forward operations of one layer."""
    tokens, hidden, inner = examples * length, config.hidden_size, config.intermediate_size
    projections = 4 * 2 * tokens * hidden * hidden  # query, key, value, output
    attention = 2 * 2 * examples * length**2 * hidden  # scores, context
    gated = config.model_type == "modernbert"
    feed_forward = (3 if gated else 2) * 2 * tokens * hidden * inner
    position = 0
    if config.model_type == "deberta-v2":
        # Queries and keys of the 2k relative positions, and their products with the tokens'.
        span = 2 * config.position_buckets
        position = 2 * 2 * span * hidden * hidden + 2 * 2 * examples * length * span * hidden
    return projections + attention + feed_forward + position


def forward(config: Any, examples: int, length: int) -> int:
    hidden = config.hidden_size
    total = config.num_hidden_layers * layer(config, examples, length)
    total += 2 * examples * hidden * hidden  # pooler or head
    total += 2 * examples * hidden * config.num_labels
    if config.model_type == "electra":
        total += 2 * examples * length * config.embedding_size * hidden
    return total


def unwanted_with_frozen_embeddings(config: Any, examples: int, length: int) -> int:
    """Operations saved: the gradient of the first trained product's input."""
    hidden, tokens = config.hidden_size, examples * length
    if config.model_type == "electra":  # the projection after the embeddings is trained
        return 2 * tokens * config.embedding_size * hidden
    return 3 * 2 * tokens * hidden * hidden  # of query, key and value in the first layer


NETWORKS = [bert, electra, deberta, modernbert]


def network(config: Any) -> Any:
    torch.manual_seed(0)
    return AutoModelForSequenceClassification.from_config(config)


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("seed", [0, 1])
def test_count_is_the_formula(make, seed):
    config = make(seed)
    counter = FlopCounter(network(config))
    for shape in UNSEEN:
        counted, expected = counter.batch(shape), forward(config, *shape)
        assert counted.forward == pytest.approx(expected, rel=TOLERANCE)
        assert counted.training == pytest.approx(3 * expected, rel=TOLERANCE)


@pytest.mark.parametrize("make", NETWORKS)
def test_frozen_embeddings_save_the_gradient_of_the_first_input(make):
    config = make(2)
    model = network(config)
    freeze_embeddings(model)
    counter = FlopCounter(model)
    for shape in UNSEEN:
        expected = 3 * forward(config, *shape) - unwanted_with_frozen_embeddings(config, *shape)
        assert counter.batch(shape).training == pytest.approx(expected, rel=1e-6)
        assert counter.batch(shape).forward == pytest.approx(forward(config, *shape), rel=1e-6)


@pytest.mark.parametrize("make", [bert, modernbert])
def test_half_the_layers_cost_half(make):
    whole, half = make(3), make(3)
    whole.num_hidden_layers, half.num_hidden_layers = 2, 1
    for config in (whole, half):
        if config.model_type == "modernbert":
            config.layer_types = ["full_attention"] * config.num_hidden_layers
    shape = (3, 20)
    counts = [FlopCounter(network(config)).batch(shape) for config in (whole, half)]
    saved = counts[0].forward - counts[1].forward
    assert saved == pytest.approx(layer(whole, *shape), rel=1e-6)
    assert counts[0].training - counts[1].training == pytest.approx(3 * saved, rel=1e-6)


def test_without_training_anything_there_is_no_backward_pass():
    model = network(bert(0)).requires_grad_(False)
    counted = FlopCounter(model).batch((2, 10))
    assert counted.training == counted.forward > 0


def test_a_trained_head_alone_costs_its_own_two_products():
    config = bert(0)
    model = network(config)
    model.base_model.requires_grad_(False)
    counted = FlopCounter(model).batch((4, 10))
    # Only the weight gradient of the classifier: its input needs none.
    assert counted.training - counted.forward == 2 * 4 * config.hidden_size * config.num_labels


@pytest.mark.parametrize("make", NETWORKS)
def test_polynomial_is_exact_on_shapes_that_it_was_not_fitted_to(make):
    counter = FlopCounter(network(make(4)))
    assert counter._polynomial is not None
    for shape in UNSEEN:
        direct = counter._direct(shape)
        assert counter.batch(shape).forward == pytest.approx(direct.forward, rel=1e-9)
        assert counter.batch(shape).training == pytest.approx(direct.training, rel=1e-9)


def test_a_network_that_is_no_polynomial_is_counted_shape_by_shape():
    # Work that stops growing at some length, as with attention in a window of fixed size.
    class Kinked(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.config = SimpleNamespace(_attn_implementation="eager")
            self.dense = torch.nn.Linear(8, 8)

        def forward(self, input_ids):
            examples, length = input_ids.shape
            states = torch.zeros(examples, min(length, 30), 8, device="meta")
            return SimpleNamespace(logits=self.dense(states))

    counter = FlopCounter(Kinked())
    assert counter._polynomial is None
    assert counter.batch((2, 10)).forward == 2 * 2 * 10 * 8 * 8
    assert counter.batch((2, 1000)).forward == 2 * 2 * 30 * 8 * 8


def test_padding_is_counted():
    counter = FlopCounter(network(bert(0)))
    padded, short = counter.training({(2, 24): 3}), counter.training({(2, 12): 3})
    assert padded > 2 * short
    assert counter.training({(2, 24): 2, (2, 12): 1}) == pytest.approx(
        2 * counter.batch((2, 24)).training + counter.batch((2, 12)).training
    )
    assert counter.inference({(2, 24): 2}) == 2 * counter.batch((2, 24)).forward
    assert token_count({(2, 24): 3, (5, 8): 1}) == 2 * 24 * 3 + 5 * 8


def test_the_model_itself_is_left_alone():
    model = network(bert(0)).train()
    model(input_ids=torch.ones(2, 5, dtype=torch.long)).logits.sum().backward()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    generator = torch.get_rng_state()
    FlopCounter(model).batch((3, 9))
    assert torch.equal(torch.get_rng_state(), generator)
    assert model.training
    for name, value in model.state_dict().items():
        assert value.device.type == "cpu"
        assert torch.equal(value, before[name])
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter.grad, gradients[name])


def test_weights_are_not_copied():
    counter = FlopCounter(network(bert(0)))
    assert {p.device.type for p in counter._model.parameters()} == {"meta"}
    assert {b.device.type for b in counter._model.buffers()} == {"meta"}


def test_flash_attention_is_counted_as_the_products_it_does():
    config = bert(0)
    model = network(config)
    model.config._attn_implementation = "flash_attention_2"  # as loaded on a GPU
    counted = FlopCounter(model).batch((3, 20))
    assert counted.training == pytest.approx(3 * forward(config, 3, 20), rel=1e-6)
    assert model.config._attn_implementation == "flash_attention_2"


# --- the batches of a training that is not run


def real_shapes(lengths: np.ndarray, batch_size: int, steps: int) -> dict[tuple[int, int], int]:
    """What a PyTorch loader that shuffles gives."""
    loader = torch.utils.data.DataLoader(
        lengths.tolist(), batch_size=batch_size, shuffle=True, collate_fn=list
    )
    counts: dict[tuple[int, int], int] = {}
    while steps:
        for batch in loader:
            shape = (len(batch), max(batch))
            counts[shape] = counts.get(shape, 0) + 1
            steps -= 1
            if not steps:
                break
    return counts


def planned(lengths, batch_size, steps, **changes):
    given = {"batching": "like-length", "micro_batch": batch_size, "seed": 0} | changes
    return planned_shapes(lengths, batch_size=batch_size, steps=steps, **given)


def test_planned_shapes_have_the_steps_and_the_partial_batches():
    lengths = np.random.default_rng(0).integers(5, 60, size=100)
    shapes = planned(lengths, 32, 10)  # 4 batches an epoch
    assert sum(shapes.values()) == 10
    assert sum(count for (size, _), count in shapes.items() if size == 4) == 2
    assert sum(size * count for (size, _), count in shapes.items()) == 2 * 100 + 2 * 32


def test_planned_shapes_of_whole_epochs_cover_every_token():
    lengths = np.full(50, 7)
    assert planned(lengths, 16, 8, seed=3) == {(16, 7): 6, (2, 7): 2}


def test_planned_shapes_pad_to_a_multiple():
    lengths = np.array([3, 9, 17, 8])
    shapes = planned(lengths, 1, 4, multiple=8)
    assert shapes == {(1, 8): 2, (1, 16): 1, (1, 24): 1}


def test_planned_shapes_are_the_same_for_the_same_seed_only():
    lengths = np.random.default_rng(0).integers(5, 60, size=100)
    shapes = [planned(lengths, 8, 20, seed=seed) for seed in (0, 0, 1)]
    assert shapes[0] == shapes[1] != shapes[2]


@pytest.mark.parametrize("batch_size", [8, 32])
def test_planned_tokens_are_those_of_a_real_loader(batch_size):
    torch.manual_seed(0)
    lengths = np.random.default_rng(1).gamma(3, 12, size=1000).astype(np.int64) + 2
    steps = 5 * -(-1000 // batch_size) + 3
    shapes = planned(lengths, batch_size, steps, batching="shuffled")
    real = real_shapes(lengths, batch_size, steps)
    assert sum(shapes.values()) == sum(real.values()) == steps
    assert token_count(shapes) == pytest.approx(token_count(real), rel=0.03)


def test_a_decoder_as_a_classifier_is_counted():
    config = GPT2Config(
        vocab_size=50, n_embd=32, n_layer=2, n_head=4, n_positions=64, num_labels=3, pad_token_id=0
    )
    model = AutoModelForSequenceClassification.from_config(config)
    counter = FlopCounter(model)
    assert counter.counted
    examples, length = 4, 20
    tokens, width, layers = examples * length, 32, 2
    matrices = layers * (3 + 1 + 4 + 4) * width * width
    attention = layers * 4 * width * examples * length**2
    counted = counter.batch((examples, length))
    assert counted.forward == pytest.approx(2 * tokens * matrices + attention, rel=0.1)
    assert counted.training == pytest.approx(3 * counted.forward, rel=0.1)


def test_batches_grouped_by_length_pad_less():
    lengths = np.random.default_rng(0).integers(5, 60, 512)
    shuffled = token_count(planned(lengths, 16, 32, batching="shuffled"))
    grouped = token_count(planned(lengths, 16, 32))
    assert lengths.sum() <= grouped < 0.8 * shuffled


def test_accumulated_batches_are_planned_one_by_one():
    lengths = np.arange(8)
    shapes = planned(lengths, 4, 2, micro_batch=2)
    assert sum(shapes.values()) == 4
    assert {size for size, _ in shapes} == {2}


def test_an_architecture_is_counted_once():
    config = bert(0)
    model = network(config)
    config.id2label = {number: f"class {number}" for number in range(config.num_labels)}
    assert flop_counter(network(config)) is flop_counter(model)


@pytest.mark.parametrize("change", ["layers", "frozen", "attention", "recomputing", "setting"])
def test_what_changes_the_operations_is_counted_again(change):
    config = bert(0)
    first = flop_counter(network(config))
    if change == "layers":
        config.num_hidden_layers += 1
    model = network(config)
    if change == "frozen":
        freeze_embeddings(model)
    if change == "attention":
        model.config._attn_implementation = "flash_attention_2"
    if change == "setting":
        model.config.is_decoder = True
    other = flop_counter(model, recomputing=change == "recomputing")
    assert other is not first
    fresh = FlopCounter(model, recomputing=change == "recomputing")
    assert other.batch((3, 20)) == fresh.batch((3, 20))


@pytest.mark.parametrize("make", [bert, deberta])
def test_recomputed_activations_cost_the_layers_once_more(make):
    config, shape = make(5), (4, 40)
    model = network(config)
    plain, recomputing = FlopCounter(model), FlopCounter(model, recomputing=True)
    assert recomputing.batch(shape).forward == plain.batch(shape).forward
    again = recomputing.batch(shape).training - plain.batch(shape).training
    assert again == pytest.approx(config.num_hidden_layers * layer(config, *shape), rel=TOLERANCE)
    assert not model.is_gradient_checkpointing


def test_an_adapter_is_counted_with_what_it_leaves_frozen():
    """LoRA on queries and values; only the adapters and the head have weight gradients."""
    config, rank, (examples, length) = bert(5), 4, (4, 96)
    config.num_hidden_layers = 3
    adapted = peft.get_peft_model(
        network(config), peft.LoraConfig(task_type="SEQ_CLS", r=rank, target_modules=TARGETS)
    )
    tokens, hidden, inner = examples * length, config.hidden_size, config.intermediate_size
    square, feed = 2 * tokens * hidden * hidden, 2 * tokens * hidden * inner
    narrow = 2 * tokens * hidden * rank  # down, and up again
    attention = 2 * 2 * examples * length**2 * hidden
    head = 2 * examples * hidden * config.num_labels
    expected_forward = forward(config, examples, length) + 3 * 2 * 2 * narrow
    # Output, feed-forward and attention pass the gradient on; down and up take theirs too.
    passed = square + 2 * feed + 2 * attention
    # Below are frozen embeddings: no gradient for them, nor for the keys made of them.
    first = passed - attention // 2 + 2 * (1 + 2) * narrow
    later = passed + 3 * square + 2 * (2 + 2) * narrow
    pooler = 2 * examples * hidden * hidden
    backward = first + 2 * later + pooler + 2 * head
    counted = FlopCounter(adapted).batch((examples, length))
    assert counted.forward == pytest.approx(expected_forward, rel=1e-6)
    assert counted.training == pytest.approx(expected_forward + backward, rel=1e-6)
    assert counted.training < 0.75 * FlopCounter(network(config)).batch((examples, length)).training
