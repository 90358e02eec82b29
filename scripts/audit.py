"""Known vulnerabilities of the installed run-time dependencies, by pip-audit.

Exits with 1 where there is one. Where pip-audit is not installed or the registry does not
answer, says so in a line and exits with 0, so that `make check` works without a network.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

SECONDS_A_REQUEST = 5
SECONDS_IN_ALL = 120


def main() -> int:
    """Audit, tell, and return the exit status."""
    if importlib.util.find_spec("pip_audit") is None:
        return skipped("pip-audit is not installed")
    pins = closure("ftft")
    try:
        answer = audit(pins)
    except subprocess.TimeoutExpired:
        return skipped("the registry did not answer in time")
    except NoAnswerError as reason:
        return skipped(f"the registry did not answer ({reason})")
    audited = [package for package in answer if "vulns" in package]
    # A mirror without advisories knows no package; that is no clean bill of health.
    if not audited:
        return skipped("the registry knows none of the packages")
    bad = [package for package in audited if package["vulns"]]
    for package in bad:
        for found in package["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "none yet"
            print(f"{package['name']} {package['version']}: {found['id']} (fixed in: {fixed})")
    print(f"audit: {len(audited)} of {len(pins)} dependencies looked up, {len(bad)} vulnerable")
    return 1 if bad else 0


def skipped(reason: str) -> int:
    """Say why nothing was audited."""
    print(f"audit: skipped, {reason}")
    return 0


def closure(root: str) -> dict[str, str]:
    """Installed run-time dependencies of a package, theirs too: name to version."""
    pins: dict[str, str] = {}
    waiting = list(requirements(root))
    while waiting:
        name = waiting.pop()
        if name in pins:
            continue
        try:
            # A local version such as 2.9.0+cpu is not in any registry.
            pins[name] = metadata.version(name).partition("+")[0]
        except metadata.PackageNotFoundError:  # for another platform
            continue
        waiting += requirements(name)
    return pins


def requirements(name: str) -> Iterable[str]:
    """Names that a package requires, extras left out."""
    for line in metadata.requires(name) or ():
        requirement, _, marker = line.partition(";")
        match = re.match(r"[A-Za-z0-9._-]+", requirement)
        if match and "extra" not in marker:
            yield re.sub(r"[-_.]+", "-", match[0]).lower()


class NoAnswerError(Exception):
    """What pip-audit said instead of an answer, in its last line."""


def audit(pins: dict[str, str]) -> list[dict[str, object]]:
    """What pip-audit says of each package."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text("".join(f"{name}=={pins[name]}\n" for name in sorted(pins)))
        process = subprocess.run(
            [
                *(sys.executable, "-m", "pip_audit", "--requirement", str(file)),
                *("--no-deps", "--disable-pip", "--format", "json"),
                *("--progress-spinner", "off", "--timeout", str(SECONDS_A_REQUEST)),
            ],
            capture_output=True,
            text=True,
            timeout=SECONDS_IN_ALL,
            check=False,
        )
    try:
        packages: list[dict[str, object]] = json.loads(process.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        said = process.stderr.strip().splitlines() or ["nothing"]
        raise NoAnswerError(said[-1][:200]) from error
    return packages


if __name__ == "__main__":
    sys.exit(main())
