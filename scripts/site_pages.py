"""Hooks of MkDocs: the files beside ``docs/`` become pages, so that each text exists once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
BESIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "RELEASING.md": "RELEASING.md",
    "SECURITY.md": "SECURITY.md",
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie beside ``docs/``."""
    for source, target in BESIDE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point links at pages of the site; a link to code becomes the name of the file."""
    name = page.file.src_uri
    beside = name in BESIDE.values() and "/" not in name

    def one(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        if target.startswith(("http", "#", "mailto:")):
            return match.group(0)
        if beside:
            target = target.removeprefix("docs/")
            target = BESIDE.get(target, target)
        elif target.startswith("../"):
            target = BESIDE.get(target[3:], target)
        path = target.partition("#")[0]
        if target.startswith("../src") or path.startswith(("examples", "../examples", "src")):
            return text
        return f"{image}[{text}]({target})"

    return LINK.sub(one, markdown)
