"""Holds the table of the design: which part of the package may import which, and what else."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ftft

ROOT = Path(ftft.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
MOST_LINES = 350

BASE = {"errors", "files"}
NAMES = {"methods"}
NOTEBOOK = {"notebook"}
PROCESSES = BASE | {"processes"}
FOLDER = PROCESSES | {"folders", "locking", "records", "workspace"}
CONFIG = BASE | NAMES | {"config"}
DATA = CONFIG | {"data"}
MAPS = BASE | NOTEBOOK | {"dynamics", "cartography"}
EVALUATION = BASE | {"evaluation"}
TRAINING = DATA | EVALUATION | PROCESSES | {"dynamics", "training", "stopping"}
RUNS = EVALUATION | FOLDER | NAMES | {"training"}
TRACKED = TRAINING | MAPS | FOLDER | {"transfer", "tracked"}
STAGES = TRACKED | {"selection", "environment", "encodings", "stage_words"}
STUDY = FOLDER | CONFIG | {"study"}
RESULTS = STAGES | STUDY | NOTEBOOK | {"method_runs", "stages"}
REPORT = DATA | STUDY | MAPS | {"selection", "transfer", "report"}
PIPELINE = RESULTS | {"results", "checks", "report"}
SHARING = TRAINING | MAPS | STUDY | {"selection", "transfer", "sharing"}

COMMANDS = PIPELINE | SHARING | {"pipeline", "scoring", "choosing", "demonstration", "execution"}

# Part -> the parts it may import (itself always), and the packages from outside.
TABLE = {
    "errors": (set(), set()),
    "files": ({"errors"}, set()),
    "methods": (set(), set()),
    "notebook": (set(), set()),
    "config": (CONFIG, {"pydantic", "yaml"}),
    "data": (DATA, {"datasets", "numpy", "pyarrow"}),
    "dynamics": (BASE | NOTEBOOK, {"numpy", "pyarrow", "torch", "jax"}),
    "cartography": (MAPS, {"cleanlab", "datasets", "numpy", "pyarrow", "sklearn"}),
    "selection": (MAPS | {"selection"}, {"numpy", "pyarrow"}),
    "transfer": (MAPS, {"numpy", "pandas", "pyarrow"}),
    "evaluation": (EVALUATION, {"numpy"}),
    # Its metrics are pure NumPy, so training may score development sets with them.
    "training": (TRAINING, {"torch", "transformers", "accelerate", "safetensors", "numpy", "tqdm"}),
    "processes": ({"errors"}, {"torch", "accelerate"}),
    "stopping": (PROCESSES, set()),
    "folders": (BASE, set()),
    "locking": (BASE, set()),
    "records": (BASE, set()),
    "workspace": (FOLDER, set()),
    "environment": (PROCESSES, {"torch"}),
    "method_runs": (RUNS, set()),
    "encodings": (TRAINING, set()),
    "tracked": (TRACKED, {"numpy"}),
    "stage_words": (TRACKED | {"selection", "stage_words"}, {"numpy"}),
    "scoring": (TRAINING | FOLDER, set()),
    "stages": (STAGES, {"numpy"}),
    "results": (RESULTS, set()),
    "checks": (TRAINING | FOLDER | MAPS, {"numpy"}),
    "pipeline": (PIPELINE, {"yaml"}),
    # What it says of finished runs is read from their results, so nothing is trained to say it.
    "study": (STUDY, {"numpy", "scipy"}),
    "sharing": (SHARING, {"huggingface_hub", "jinja2", "yaml", "pyarrow"}),
    # Apart from `study`, so that who only reads results never comes near a training.
    "execution": (
        PIPELINE | {"pipeline", "execution"},
        {"datasets", "ray", "yaml"},
    ),
    # It reads what a run left in its folder, so that it needs no torch.
    "report": (REPORT, {"numpy", "pyarrow", "jinja2", "markupsafe", "matplotlib"}),
    "choosing": (PIPELINE | {"pipeline", "choosing"}, set()),
    "demonstration": (STAGES, set()),
    "cli": (
        PIPELINE
        | STUDY
        | {"pipeline", "scoring", "choosing", "demonstration", "execution", "sharing"},
        {"typer", "rich", "pydantic", "pyarrow", "datasets", "tqdm"},
    ),
    "__main__": ({"cli"}, set()),
    "": (PIPELINE | {"pipeline"}, set()),
}

# What is imported inside functions only, so that it costs nothing where it is not used.
LAZY = {
    "cli": (
        PIPELINE
        | STUDY
        | {"pipeline", "scoring", "choosing", "demonstration", "execution", "sharing"},
        {"pydantic", "pyarrow", "datasets", "tqdm"},
    ),
    "execution": (set(), {"datasets", "ray"}),
    # Only a model has to be loaded to be checked, and only the hub asks for its client.
    "sharing": ({"training"}, {"huggingface_hub"}),
    "cartography": (set(), {"cleanlab", "datasets", "sklearn"}),
    "dynamics": (set(), {"torch", "jax"}),
    "data": (set(), {"datasets"}),
    "environment": (set(), {"torch"}),
    "processes": (set(), {"torch", "accelerate"}),
}


def part_of(file):
    first = file.relative_to(ROOT).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imports(tree, *, module_level):
    """The imported modules; those for type checkers only are left out."""
    found = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
            continue
        if module_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            is_package = node.module == "ftft"
            found += [f"ftft.{a.name}" for a in node.names] if is_package else [node.module]
        waiting += ast.iter_child_nodes(node)
    return found


def parsed(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def split(modules):
    """Imported parts of the package, and imported packages that are not Python's own."""
    inside = {name.split(".")[1] for name in modules if name.startswith("ftft.")}
    outside = {name.partition(".")[0] for name in modules} - {"ftft"}
    return inside - {"__version__"}, outside - sys.stdlib_module_names


by_name = pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))


@by_name
def test_imports_only_what_it_may(file):
    part = part_of(file)
    assert part in TABLE, f"{part} is new: give it its place in the table"
    inside, outside = split(imports(parsed(file), module_level=False))
    allowed_inside, allowed_outside = TABLE[part]
    assert sorted(inside - allowed_inside - {part}) == []
    assert sorted(outside - allowed_outside) == []


@pytest.mark.parametrize(
    # Token ids are kept in a `datasets.Dataset`; that file is for training only.
    "file",
    [file for file in FILES if file != ROOT / "data/encode.py"],
    ids=lambda f: str(f.relative_to(ROOT)),
)
def test_imports_lazily_what_is_heavy(file):
    part = part_of(file)
    inside, outside = split(imports(parsed(file), module_level=True))
    lazy_inside, lazy_outside = LAZY.get(part, (set(), set()))
    assert sorted(inside & lazy_inside - {part} - NAMES) == []
    assert sorted(outside & lazy_outside) == []


@by_name
def test_no_pickle(file):
    """Nothing is unpickled: the name stands for an error to catch, at most."""
    tree = parsed(file)
    modules = {name.partition(".")[0] for name in imports(tree, module_level=False)}
    assert not modules & {"cloudpickle", "dill", "joblib", "shelve", "marshal"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.module != "pickle"
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle":
            assert node.attr == "UnpicklingError"
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            assert "weights_only=True" in [f"{k.arg}={ast.unparse(k.value)}" for k in node.keywords]


@by_name
def test_is_short_enough_to_be_read(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_type_checking_imports_follow_the_table_too():
    for file in FILES:
        part = part_of(file)
        if part in ("", "cli"):
            continue
        guarded = [
            statement
            for node in ast.walk(parsed(file))
            if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
            for statement in node.body
        ]
        inside, _ = split(imports(ast.Module(guarded, []), module_level=False))
        assert inside <= TABLE[part][0] | {part}, file


def test_the_table_is_about_parts_that_are_there():
    assert {part_of(file) for file in FILES} == set(TABLE)


def test_no_part_is_reached_from_below():
    """No part may import one that may import it: the table has no circles."""
    for part, (inside, _) in TABLE.items():
        for other in inside - {part}:
            assert part not in TABLE[other][0], f"{part} and {other} may import each other"


LOAD = """
import sys
import ftft
heavy = {"torch", "transformers", "accelerate"}
assert not heavy & set(sys.modules), "import ftft"
for name in ftft.__all__:
    if name not in ("run", "RecordDynamics"):
        getattr(ftft, name)
        assert not heavy & set(sys.modules), name
"""


def test_all_names_but_two_load_without_torch():
    subprocess.run([sys.executable, "-c", LOAD], check=True)
