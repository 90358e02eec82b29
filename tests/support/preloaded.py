"""A Python that has torch, transformers and ``ftft`` imported, as a program that starts at once.

``start`` writes a program that is called as Python is (``-m MODULE``, ``-c CODE`` or a script). It
hands its folder, environment, standard streams and signals to a child that a server forks, and ends
as the child does. The server imports the libraries at the first command.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

STREAMS = (0, 1, 2)
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGABRT)
MODULES = (
    *("transformers.trainer", "transformers.models.bert.modeling_bert", "peft", "datasets"),
    *("ftft.cli.app", "ftft.cli.show", "ftft.experiment.pipeline", "ftft.study.worker"),
    "ftft.experiment.chain_worker",
    "ftft.report.html",
)


def start() -> tuple[Path, Callable[[], object]]:
    """Start a server; return the program, and what ends both."""
    folder = tempfile.TemporaryDirectory(prefix="ftft-")
    program, address = Path(folder.name, "python"), Path(folder.name, "socket")
    # Isolated and without site-packages, so that it takes no time itself.
    call = f"exec '{sys.executable}' -IS '{__file__}' '{address}' \"$0\" \"$@\""
    program.write_text(f"#!/bin/sh\n{call}\n")
    program.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()
        number = listener.fileno()
        server = subprocess.Popen(
            [sys.executable, __file__, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[number],
        )

    def end() -> None:
        server.communicate()
        folder.cleanup()

    return program, end


def skip_syncs() -> None:
    """Have files written without a wait for the disk, in this process and its forks.

    No test cuts the power. A small run of the method waits 264 times, as long as half of its
    computation. Tests of what is synced put their own function there.
    """
    os.fsync = lambda descriptor: None


def serve(listener: socket.socket) -> None:
    """Fork a child for each command, until standard input ends."""
    skip_syncs()
    sources: list[Any] = [listener, 0]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if 0 in ready:
            return
        _import()
        connection, _ = listener.accept()
        with connection:
            if os.fork() == 0:
                listener.close()
                os._exit(_attend(connection))
        _reap()


def _import() -> None:
    """Import and put together, the first time, what commands would each do again."""
    if "ftft.cli.app" in sys.modules:
        return
    for name in MODULES:
        importlib.import_module(name)
    sys.modules["ftft.cli.app"].command_line()
    pages = sys.modules["ftft.report.html"].templates()
    for name in pages.list_templates(extensions=["j2"]):
        pages.get_template(name)
    gc.collect()
    gc.freeze()  # every training collects garbage


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _attend(connection: socket.socket) -> int:
    """Start a command and pass signals on to it; it does not outlive the program."""
    size = int.from_bytes(_received(connection, 4))
    text, streams, _, _ = socket.recv_fds(connection, size, len(STREAMS))
    job = json.loads(text + _received(connection, size - len(text)))
    child = os.fork()
    if child == 0:
        connection.close()
        _become(job, streams)
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(child)
    sources: list[Any] = [connection, ended]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if ended in ready:
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            with contextlib.suppress(BrokenPipeError):  # the program was killed
                connection.sendall(str(code).encode())
            return 0
        asked = connection.recv(1)
        os.kill(child, asked[0] if asked else signal.SIGKILL)


def _received(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        content += connection.recv(size - len(content))
    return content


def _become(job: dict[str, Any], streams: list[int]) -> None:
    """Run the command in this process and end it."""
    for number, stream in zip(STREAMS, streams, strict=True):
        os.dup2(stream, number)
        os.close(stream)
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.executable = job["program"]
    code = 1
    try:
        _run(job["arguments"])
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    _end(code)


def _run(arguments: list[str]) -> None:
    while arguments[0] in ("-u", "-P"):  # as torchrun starts Python
        arguments = arguments[1:]
    first, *rest = arguments
    below = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [path for path in below if path and path not in sys.path]
    # In the place of this script's folder.
    sys.path[0] = "" if first in ("-m", "-c") else str(Path(first).absolute().parent)
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        runpy.run_path(first, run_name="__main__")


def _end(code: int) -> None:
    """What an interpreter does at its end, but for taking apart what it imported."""
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _hand_over(address: str, program: str, arguments: list[str]) -> int:
    """What the program does: have a command run, and return its exit status."""
    job = {
        "arguments": arguments,
        "program": program,
        "folder": os.getcwd(),
        "environment": dict(os.environ),
    }
    content = json.dumps(job).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        for signum in FORWARDED:
            signal.signal(signum, lambda number, _: connection.sendall(bytes([number])))
        connection.sendall(len(content).to_bytes(4))
        sent = socket.send_fds(connection, [content], STREAMS)
        connection.sendall(content[sent:])
        return int(connection.recv(8) or b"70")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(socket.socket(fileno=int(sys.argv[1])))
    else:
        code = _hand_over(sys.argv[1], sys.argv[2], sys.argv[3:])
        if code < 0:
            signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
            os.kill(os.getpid(), -code)
        sys.exit(code)
