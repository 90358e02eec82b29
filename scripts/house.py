"""Figures of the house: what ``docs/decisions.md`` says of its size, before and after.

python scripts/house.py [ROOT]
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from statistics import median, quantiles

METHODS = ("erm", "erm_es", "erm_budget", "random_budget", "dm")
"""Names of baselines that are not words of their own, so that a string is a mention."""


def figures(root: Path) -> dict[str, float]:
    """Size of the package below ``root``: files, lines, functions, mentions of methods."""
    package = root / "src" / "ftft"
    files = {path: path.read_text("utf-8") for path in package.rglob("*.py")}
    trees = {path: ast.parse(text) for path, text in files.items()}
    functions = [
        node.end_lineno - node.lineno + 1
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
    ]
    mentions = [
        path
        for path, tree in trees.items()
        if any(isinstance(node, ast.Constant) and node.value in METHODS for node in ast.walk(tree))
    ]
    loose = [
        path for path in package.glob("*.py") if path.stem not in ("__init__", "__main__", "errors")
    ]
    return {
        "files": len(files),
        "lines": sum(len(text.splitlines()) for text in files.values()),
        "loose modules": len(loose),
        "files that know a method's name": len(mentions),
        "functions": len(functions),
        "median function length": median(functions),
        "95th percentile of function length": quantiles(functions, n=20)[-1],
    }


if __name__ == "__main__":
    for name, figure in figures(Path(sys.argv[1] if len(sys.argv) > 1 else ".")).items():
        print(f"{name}: {figure:g}")
