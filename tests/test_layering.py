"""The layers of the package: which part may import which, what is heavy, and what none may do."""

import ast
import subprocess
import sys
from pathlib import Path

import ftft

ROOT = Path(ftft.__file__).parent
FILES = {file: ast.parse(file.read_text(encoding="utf-8")) for file in sorted(ROOT.rglob("*.py"))}
MOST_LINES = 350

BASE = {"errors", "utils"}
DATA = BASE | {"config", "data"}
MAPS = BASE | {"dynamics", "cartography"}
CHOICE = MAPS | {"selection", "transfer"}
TASKS = DATA | {"dynamics", "evaluation", "tasks"}
TRAINING = TASKS | {"training"}
RESULTS = BASE | {"config", "cartography", "evaluation", "workspace"}
REPORT = TASKS | CHOICE | {"workspace", "results", "report"}
EXPERIMENT = TRAINING | REPORT | {"experiment"}

# Part -> the parts it may import, and the packages from outside; from the bottom up.
TABLE = {
    "errors": (set(), set()),
    "utils": ({"errors"}, {"torch", "accelerate", "xxhash", "huggingface_hub", "fsspec"}),
    "config": (BASE, {"pydantic", "yaml"}),
    "data": (DATA, {"datasets", "numpy", "pyarrow"}),
    "dynamics": (BASE, {"numpy", "pyarrow", "torch", "jax"}),
    "cartography": (MAPS, {"cleanlab", "datasets", "numpy", "pyarrow", "sklearn"}),
    "selection": (MAPS | {"data"}, {"numpy", "pyarrow"}),
    "transfer": (MAPS, {"numpy", "pyarrow", "scipy"}),
    "evaluation": (BASE, {"numpy"}),
    # What a training came to, without torch: its scores and its cost.
    # Light but for what is imported inside methods, so that reports can ask a task.
    "tasks": (TASKS, {"torch", "transformers", "numpy", "pyarrow"}),
    # Metrics are pure NumPy, so training may score development sets with them.
    "training": (
        TRAINING,
        {"torch", "transformers", "accelerate", "safetensors", "numpy", "peft", "pydantic"},
    ),
    "workspace": (BASE, {"filelock"}),
    # Plain values: results know of no training, no stage and no torch.
    "results": (RESULTS, {"numpy", "pyarrow", "scipy"}),
    # It reads what a run left in its folder, so that it needs no torch.
    "report": (REPORT, {"numpy", "pyarrow", "jinja2", "markupsafe", "matplotlib"}),
    # A process of its own keeps the bars of `datasets` away.
    "experiment": (EXPERIMENT, {"numpy", "datasets"}),
    "study": (EXPERIMENT, {"datasets", "ray"}),
    "sharing": (TRAINING | REPORT - {"report"}, {"huggingface_hub", "jinja2", "yaml", "pyarrow"}),
    # It makes a model where none is installed.
    "demo": (BASE | CHOICE | {"config", "workspace"}, {"tokenizers", "transformers"}),
    "cli": (
        EXPERIMENT | {"study", "sharing", "demo"},
        {"typer", "rich", "pydantic", "pyarrow", "datasets", "tqdm"},
    ),
    "__main__": ({"cli"}, set()),
    "": (EXPERIMENT, set()),
}

# What is imported inside functions only, so that it costs nothing where it is not used.
HEAVY = {"torch", "transformers", "accelerate", "datasets", "huggingface_hub"}
HEAVY |= {"cleanlab", "sklearn", "jax", "ray", "peft"}
LAZY = {
    "cli": {"experiment", "study", "sharing", "training", "report", "pydantic", "pyarrow", "tqdm"},
    # Only a model has to be loaded to be checked.
    "sharing": {"training"},
}
# Token ids are kept in a `datasets.Dataset`; that file is for training only.
MAY_BE_HEAVY = (
    "training/",
    "data/encode",
    "tasks/outputs.py",
    "tasks/token_losses.py",
    "tasks/completions.py",
    "tasks/choice_batches.py",
)


def part_of(file):
    first = file.relative_to(ROOT).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imports(tree, *, module_level):
    """The imported modules; those for type checkers only are left out at module level."""
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        if module_level and isinstance(node, ast.If):
            if ast.unparse(node.test).endswith("TYPE_CHECKING"):
                waiting += node.orelse
                continue
        elif module_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            is_package = node.module == "ftft"
            found += [f"ftft.{a.name}" for a in node.names] if is_package else [node.module]
        waiting += ast.iter_child_nodes(node)
    return found


def split(modules):
    """Imported parts of the package, and imported packages that are not Python's own."""
    inside = {name.split(".")[1] for name in modules if name.startswith("ftft.")}
    outside = {name.partition(".")[0] for name in modules} - {"ftft"}
    return inside - {"__version__"}, outside - sys.stdlib_module_names


def faults(of):
    """File to what is wrong with it, for the files with which something is."""
    found = {str(file.relative_to(ROOT)): of(file, tree) for file, tree in FILES.items()}
    return {file: wrong for file, wrong in found.items() if wrong}


def test_each_file_imports_only_what_its_part_may():
    def wrong(file, tree):
        part = part_of(file)
        allowed_inside, allowed_outside = TABLE[part]
        inside, outside = split(imports(tree, module_level=False))
        return sorted(inside - allowed_inside - {part}) + sorted(outside - allowed_outside)

    assert {part_of(file) for file in FILES} == set(TABLE)
    assert faults(wrong) == {}


def test_no_part_is_reached_from_below():
    """No part may import one that may import it: the table has no circles."""
    for part, (inside, _) in TABLE.items():
        for other in inside - {part}:
            assert part not in TABLE[other][0], f"{part} and {other} may import each other"


def test_what_is_heavy_is_imported_where_it_is_used():
    def wrong(file, tree):
        if str(file.relative_to(ROOT)).startswith(MAY_BE_HEAVY):
            return []
        inside, outside = split(imports(tree, module_level=True))
        return sorted((inside | outside) & (HEAVY | LAZY.get(part_of(file), set())))

    assert faults(wrong) == {}


def test_nothing_is_unpickled():
    """The name of pickle stands for an error to catch, at most."""

    def wrong(_, tree):
        named = {name.partition(".")[0] for name in imports(tree, module_level=False)}
        found = sorted(named & {"cloudpickle", "dill", "joblib", "shelve", "marshal"})
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "pickle":
                found.append("from pickle")
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle":
                found += [node.attr] if node.attr != "UnpicklingError" else []
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                keywords = [f"{k.arg}={ast.unparse(k.value)}" for k in node.keywords]
                found += [] if "weights_only=True" in keywords else ["torch.load"]
        return found

    assert faults(wrong) == {}


POSIX_MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"}
POSIX_NAMES = {"os.fork", "os.getuid", "os.killpg", "os.O_NOFOLLOW", "os.setsid"}
POSIX_NAMES |= {f"signal.SIG{name}" for name in ("ALRM", "HUP", "KILL", "USR1", "USR2")}


def test_nothing_is_taken_that_windows_lacks():
    """But in a function that asks for the system before."""

    def wrong(_, tree):
        attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
        named = set(map(ast.unparse, attributes)) & POSIX_NAMES
        return sorted(named | set(imports(tree, module_level=True)) & POSIX_MODULES)

    assert faults(wrong) == {}


def test_files_are_short_enough_to_be_read():
    lengths = {str(f.relative_to(ROOT)): len(f.read_text("utf-8").splitlines()) for f in FILES}
    assert {file: lines for file, lines in lengths.items() if lines > MOST_LINES} == {}


LOAD = """
import sys
import ftft
heavy = {"torch", "transformers", "accelerate"}
assert not heavy & set(sys.modules), "import ftft"
for name in ftft.__all__:
    if name != "run" and not name.startswith("Record"):
        getattr(ftft, name)
        assert not heavy & set(sys.modules), name
import ftft.results.record, ftft.report.html, ftft.study.summary
assert not heavy & set(sys.modules), "results"
"""


def test_only_what_trains_loads_torch():
    subprocess.run([sys.executable, "-c", LOAD], check=True)
