"""What SECURITY.md promises about the source, read from its syntax; and inert output."""

from __future__ import annotations

import ast
import csv
import json
from pathlib import Path

import pyarrow as pa
import pytest

import ftft
from ftft.cartography.export import export_table
from ftft.cli.escape_control import inert
from ftft.cli.show import show_candidates

ROOT = Path(ftft.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
PICKLES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "jsonpickle"}
# Called on anything, these run what they are given or unpickle it.
CALLS = {"eval", "exec", "compile", "__import__"}
ATTRIBUTES = {
    *("os.system", "os.popen", "pickle.load", "pickle.loads", "yaml.unsafe_load", "yaml.full_load"),
    *("np.fromfile", "pd.read_pickle"),
}


def problems(source: str) -> list[str]:
    """What a module does that it must not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.partition(".")[0] in PICKLES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PICKLES:
            found.append(node.module)
        elif isinstance(node, ast.Call):
            found += _calls(node)
    return found


def _calls(node: ast.Call) -> list[str]:
    name = ast.unparse(node.func)
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    positional = [ast.unparse(argument) for argument in node.args]
    wrong = {
        "code": name in CALLS | ATTRIBUTES,
        "torch.load": name == "torch.load" and given.get("weights_only") != "True",
        "np.load": name in ("np.load", "numpy.load") and "allow_pickle" in given,
        "yaml.load": name == "yaml.load"
        and "_Loader" not in positional
        and "SafeLoader" not in str(positional),
        "shell": given.get("shell") == "True",
        "remote code": given.get("trust_remote_code") == "True",
        # `trust_remote_code` is handed on wherever a name decides what is loaded.
        "silent about remote code": name.startswith("Auto")
        and name.endswith("from_pretrained")
        and "trust_remote_code" not in given,
        "pickled weights": name.startswith("AutoModel")
        and name.endswith("from_pretrained")
        and given.get("use_safetensors") != "True",
    }
    return [f"{what}: {name}" for what, is_wrong in wrong.items() if is_wrong]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_loads_or_runs_what_it_should_not(file):
    assert problems(file.read_text(encoding="utf-8")) == []


def test_models_are_loaded_in_two_places():
    """There, what lies beside the weights is looked at first."""
    loading = [
        str(file.relative_to(ROOT))
        for file in FILES
        if ".from_pretrained(" in file.read_text(encoding="utf-8")
    ]
    assert loading == ["training/models.py", "training/saved.py"]


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from dill import loads",
        "eval(x)",
        "exec('x')",
        "__import__(name)",
        "os.system(line)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, yaml.Loader)",
        "yaml.unsafe_load(text)",
        "subprocess.run(line, shell=True)",
        "AutoConfig.from_pretrained(name)",
        "AutoTokenizer.from_pretrained(name, trust_remote_code=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=asked)",
    ],
)
def test_the_check_above_sees(source):
    assert problems(source) != []


def test_the_loader_of_experiments_is_the_safe_one():
    import yaml

    from ftft.config.yaml_core import _Loader

    assert issubclass(_Loader, yaml.SafeLoader)
    assert not issubclass(_Loader, yaml.FullLoader | yaml.UnsafeLoader)


FORMULAS = [
    *("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1"),
    *("＝1+1", "＋1", "－1", "＠SUM(A1)", '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0"),
]


def test_formulas_are_inert_in_every_text_column_of_a_csv(tmp_path):
    ids = pa.array([f"{text} {n}" for n, text in enumerate(FORMULAS)])
    table = pa.table(
        {"example_id": ids, "label": FORMULAS, "score": [-1.0] * len(FORMULAS), "=head": FORMULAS}
    )
    rows = pa.table({"example_id": ids, "text": FORMULAS, "choice": pa.array(FORMULAS)})
    rows = rows.set_column(2, "choice", pa.array(FORMULAS).dictionary_encode())
    export_table(table, tmp_path / "out.csv", rows=rows)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["example_id", "label", "score", "'=head", "text", "choice"]
    for n, (example_id, label, score, own, text, choice) in enumerate(lines):
        assert example_id == f"'{FORMULAS[n]} {n}"
        assert [label, own, text, choice] == ["'" + FORMULAS[n]] * 4
        assert score == "-1"


def test_other_formats_hold_texts_as_they_are(tmp_path):
    table = pa.table({"example_id": [str(n) for n in range(len(FORMULAS))], "label": FORMULAS})
    export_table(table, tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line)["label"] for line in lines] == FORMULAS


ESCAPES = ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\b\b\b", "\r", "\u202eabc", "\x00", "\ud800"]


@pytest.mark.parametrize("text", ESCAPES)
def test_escape_sequences_are_inert(text):
    shown = inert(f"a {text} b")
    assert text not in shown
    assert shown.startswith("a \\")
    assert shown.isprintable()


@pytest.mark.parametrize("text", ["plain", "two\nlines", "漢字 é", "العربية", "👩‍👧", "C:\\x1b"])
def test_other_texts_are_shown_as_they_are(text):
    assert inert(text) == text


def test_ids_in_a_table_are_inert(capsys):
    rows = [{"example_id": f"{text} :smile: [red]", "label": text, "score": 0} for text in ESCAPES]
    show_candidates(rows, "aum")
    shown = capsys.readouterr().out
    assert not any(text in shown for text in ESCAPES)
    assert ":smile: [red]" in shown
