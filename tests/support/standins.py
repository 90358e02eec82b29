"""What the recipes need, in small: data sets laid out as on the hub or as published, and models.

All below one folder. With that as the current folder, `datasets.load_dataset("facebook/anli")` and
`from_pretrained("roberta-large")` find the folders of these names instead of the hub.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from datasets import ClassLabel, Dataset, Features, List, Value

from completions import commands, make_decoder, write_commands

WORDS = ["the", "a", "good", "bad", "very", "not", "film", "book", "was", "is", "liked", "hated"]
NLI = ["entailment", "neutral", "contradiction"]
ROWS = 48

KINDS = {
    "prajjwal1/bert-tiny": "bert",
    "google/electra-small-discriminator": "electra",
    "google/electra-base-discriminator": "electra",
    "google/electra-large-discriminator": "electra",
    "microsoft/deberta-v3-small": "deberta-v2",
    "microsoft/deberta-v3-base": "deberta-v2",
    "microsoft/deberta-v3-large": "deberta-v2",
    "bert-large-uncased": "bert",
    "roberta-large": "roberta",
}


DECODERS = ("EleutherAI/pythia-70m-deduped", "EleutherAI/pythia-410m-deduped")
TAGS = ["O", "B-person", "I-person", "B-location"]


def make_models(folder: Path, make_model: Callable[..., Path]) -> None:
    """A tiny network of the right kind under every name."""
    for name, kind in KINDS.items():
        make_model(folder / name, kind=kind, hidden=16, positions=512)
    for name in DECODERS:
        make_decoder(folder / name, kind="gpt_neox", positions=512)


def make_data(folder: Path) -> None:
    """Every data set of the recipes; those of a file below ``files``."""
    chance = random.Random(0)
    _multinli(folder / "nyu-mll" / "multi_nli", chance)
    _anli(folder / "facebook" / "anli", chance)
    _wanli(folder / "alisawuffles" / "WANLI", chance)
    _hans(folder / "jhu-cogsci" / "hans", chance)
    _cad(folder / "files" / "cad", chance)
    _dynahate(folder / "files" / "dynahate", chance)
    _winogrande(folder / "allenai" / "winogrande", chance)
    _wnut17(folder / "leondz" / "wnut_17", chance)
    _mathinstruct(folder / "TIGER-Lab" / "MathInstruct")
    _scan(folder / "files" / "scan")
    _cogs(folder / "files" / "cogs", chance)


def _text(chance: random.Random) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(chance.randint(3, 8)))


def _pairs(chance: random.Random, labels: int, rows: int = ROWS) -> Iterator[dict]:
    for row in range(rows):
        yield {"premise": _text(chance), "hypothesis": _text(chance), "label": row % labels}


def _parquet(path: Path, rows: list[dict], classes: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    features = {name: Value("string") for name in rows[0]} | {"label": ClassLabel(names=classes)}
    Dataset.from_list(rows, features=Features(features)).to_parquet(path)


def _multinli(folder: Path, chance: random.Random) -> None:
    more = ("promptID", "pairID", "premise_binary_parse", "hypothesis_parse", "genre")
    for split in ("train", "validation_matched", "validation_mismatched"):
        rows = [row | dict.fromkeys(more, "x") for row in _pairs(chance, 3)]
        rows[7]["label"] = -1  # no gold label
        _parquet(folder / "data" / f"{split}-00000-of-00001.parquet", rows, NLI)


def _anli(folder: Path, chance: random.Random) -> None:
    splits = [f"{part}_r{n}" for n in (1, 2, 3) for part in ("train", "dev", "test")]
    for split in splits:
        rows = [row | {"uid": f"{split}-{n}", "reason": ""} for n, row in enumerate(_nli(chance))]
        _parquet(folder / "plain_text" / f"{split}-00000-of-00001.parquet", rows, NLI)
    files = "".join(f"  - split: {s}\n    path: plain_text/{s}-*\n" for s in splits)
    card = f"---\nconfigs:\n- config_name: plain_text\n  data_files:\n{files}---\n"
    (folder / "README.md").write_text(card)


def _nli(chance: random.Random) -> list[dict]:
    return list(_pairs(chance, 3))


def _wanli(folder: Path, chance: random.Random) -> None:
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        rows = [
            {
                "id": n,
                "premise": row["premise"],
                "hypothesis": row["hypothesis"],
                "gold": NLI[row["label"]],
                "genre": "generated",
                "pairID": str(n),
            }
            for n, row in enumerate(_nli(chance))
        ]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "anonymized_annotations.jsonl").write_text('{"WorkerId": 1, "id": 2}\n')


def _hans(folder: Path, chance: random.Random) -> None:
    for split in ("train", "validation"):
        rows = [
            row | {"heuristic": ("subsequence", "constituent")[n // 2 % 2], "subcase": "x"}
            for n, row in enumerate(_pairs(chance, 2))
        ]
        classes = ["entailment", "non-entailment"]
        _parquet(folder / "plain_text" / split / "0000.parquet", rows, classes)


CAD_CELLS = [
    "Neutral",
    "CounterSpeech",
    "AffiliationDirectedAbuse,IdentityDirectedAbuse",
    "PersonDirectedAbuse",
    "CounterSpeech,PersonDirectedAbuse",
    "Neutral",
]


def _cad(folder: Path, chance: random.Random) -> None:
    """Tab-separated without quoting: a lone double quote is a character like others."""
    folder.mkdir(parents=True)
    for split in ("train", "dev"):
        lines = ["id\ttext\tlabels"]
        for n in range(ROWS):
            text = _text(chance).replace("very", 'very "')
            lines.append(f"cad_{split}_{n}\t{text}\t{CAD_CELLS[n % len(CAD_CELLS)]}")
        lines.append(f"cad_{split}_empty\t\tNeutral")
        (folder / f"cad_v1_1_{split}.tsv").write_text("\n".join(lines) + "\n")


def _dynahate(folder: Path, chance: random.Random) -> None:
    """One table of all rounds and splits; its first column has no name."""
    folder.mkdir(parents=True)
    columns = ["", "acl.id", "X1", "text", "label", "type", "target", "level", "split"]
    columns += ["round.base", "annotator", "round", "acl.id.matched"]
    with (folder / "Dynamically Generated Hate Dataset v0.2.3.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for n in range(12 * 8 * 3):
            letter, base = "ab"[n % 2], n // 2 % 4 + 1
            level = {"a": "original", "b": "perturbation"}[letter]
            split, label = ("train", "dev", "test")[n // 8 % 3], ("hate", "nothate")[n // 24 % 2]
            text = _text(chance).replace("very", "very, ")
            row = [n, f"acl{n}", n, text, label, "none", "none", level, split]
            writer.writerow([*row, base, "a1", f"{base}{letter}", ""])


def _winogrande(folder: Path, chance: random.Random) -> None:
    """Two configurations; the answers of the test split are empty."""
    splits = ("train", "validation", "test")
    for config in ("winogrande_s", "winogrande_xl"):
        for split in splits:
            rows = [
                {
                    "sentence": f"{_text(chance)} _ {_text(chance)}",
                    "option1": WORDS[row % 6],
                    "option2": WORDS[6 + row % 6],
                    "answer": "" if split == "test" else str(1 + row % 2),
                }
                for row in range(ROWS)
            ]
            _as_parquet(folder / config / f"{split}-00000-of-00001.parquet", rows)
    configs = "".join(
        f"- config_name: {config}\n  data_files:\n"
        + "".join(f"  - split: {split}\n    path: {config}/{split}-*\n" for split in splits)
        for config in ("winogrande_s", "winogrande_xl")
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")


def _wnut17(folder: Path, chance: random.Random) -> None:
    features = {"id": Value("string"), "tokens": List(Value("string"))}
    features["ner_tags"] = List(ClassLabel(names=TAGS))
    splits = ("train", "validation", "test")
    for split in splits:
        rows = []
        for row in range(ROWS):
            words = _text(chance).split()
            tags = [row % 2, 2 * (row % 2), *(0 for _ in words[2:])]
            rows.append({"id": str(row), "tokens": words, "ner_tags": tags})
        path = folder / "wnut_17" / split / "0000.parquet"
        path.parent.mkdir(parents=True)
        Dataset.from_list(rows, features=Features(features)).to_parquet(path)
    files = "".join(f"  - split: {s}\n    path: wnut_17/{s}/*\n" for s in splits)
    card = f"---\nconfigs:\n- config_name: wnut_17\n  data_files:\n{files}---\n"
    (folder / "README.md").write_text(card)


def _mathinstruct(folder: Path) -> None:
    """One JSON file with a list."""
    folder.mkdir(parents=True)
    rows = [
        {"source": f"data/CoT/{row['kind']}.json", "instruction": row["prompt"]}
        | {"output": row["completion"]}
        for row in commands(ROWS)
    ]
    (folder / "MathInstruct.json").write_text(json.dumps(rows))


def _scan(folder: Path) -> None:
    folder.mkdir(parents=True)
    write_commands(folder / "around_right_train.jsonl", ROWS)
    write_commands(folder / "around_right_test.jsonl", ROWS, seed=1)


def _cogs(folder: Path, chance: random.Random) -> None:
    """Tab-separated without a header: sentence, logical form, kind."""
    folder.mkdir(parents=True)
    for split in ("train", "dev", "test", "gen"):
        kinds = ("active_to_passive", "cp_recursion") if split == "gen" else ("in_distribution",)
        lines = []
        for n in range(ROWS):
            text = _text(chance)
            form = f"{text.split()[0]} ( x _ 1 ) AND {text.split()[1]}"
            lines.append(f"{text} .\t{form}\t{kinds[n % len(kinds)]}")
        (folder / f"{split}.tsv").write_text("\n".join(lines) + "\n")


def _as_parquet(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_list(rows).to_parquet(path)
