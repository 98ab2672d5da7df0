"""Runs commands in forked children of a process in which failing_calls.c is preloaded; speaks JSON lines.

Importing takes longer than most commands: so it is done once, and each trial is a child that arms the calls, runs the
command line in its folder, and leaves.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import sys
import traceback
import warnings

KINDS = {
    "open": 1, "write": 2, "fsync": 4, "rename": 8, "unlink": 16, "mkdir": 32, "read": 64, "lock": 128, "truncate": 256
}  # fmt: skip


def child(trial: dict[str, object], calls: ctypes.CDLL, result: str) -> int:
    """The exit code of one command, run in `folder` with the calls armed; 70 after a traceback."""
    from chainrule.cli import main

    handle = os.open(result, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.chdir(str(trial["folder"]))
    below = os.fsencode(os.path.realpath(str(trial["folder"])))
    calls.arm(KINDS[str(trial["kind"])], trial["errno"], int(bool(trial["forever"])), trial["n"], below)
    try:
        code = main(list(trial["argv"]))  # type: ignore[call-overload]
    except BaseException:
        traceback.print_exc()
        code = 70
    calls.disarm()  # before what is buffered is flushed
    with open(f"{result}.modules", "w", encoding="utf-8") as file:
        file.write("\n".join(sys.modules))
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def run(trial: dict[str, object], calls: ctypes.CDLL, result: str) -> dict[str, object]:
    """Fork, wait, and tell how it went: code, output, how many calls there were, how many failed and the first path."""
    process = os.fork()
    if process == 0:
        code = 71
        try:
            code = child(trial, calls, result)
        finally:
            os._exit(code)
    _, status = os.waitpid(process, 0)
    with open(result, encoding="utf-8", errors="replace") as file:
        output = file.read()
    _import_what_was_needed(f"{result}.modules")
    return {"code": os.waitstatus_to_exitcode(status), "output": output, **state(calls)}


def _import_what_was_needed(names: str) -> None:
    """What a child had to import is here for the next ones."""
    if os.path.exists(names):
        with open(names, encoding="utf-8") as file:
            for name in file.read().split():
                if name not in sys.modules and name != "__mp_main__":
                    with contextlib.suppress(Exception):
                        importlib.import_module(name)


def state(calls: ctypes.CDLL) -> dict[str, object]:
    """What the last trial did."""
    return {"failed": calls.failed(), "path": os.fsdecode(calls.failed_path())}


def main() -> None:
    """Answer trials until the input ends."""
    calls = ctypes.CDLL(os.environ["LD_PRELOAD"])
    calls.failed_path.restype = ctypes.c_char_p
    import chainrule.api.train
    import chainrule.cli.train  # noqa: F401

    warnings.simplefilter("ignore")
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line), calls, sys.argv[1])), flush=True)


if __name__ == "__main__":
    main()
