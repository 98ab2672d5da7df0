"""Ctrl-C while the command line is still being loaded ends it with one line and 130, as it does later."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ends on a system with POSIX signals")
FIRST = ["chainrule.cli", "chainrule.cli.ending", "threading"]
"""Modules in whose loading the signal comes, before the handlers of its signals are there."""
PRESSED = """
import os, runpy, signal, sys

wanted = sys.argv[1]

class Presses:
    def find_spec(self, name, path=None, target=None):
        if name == wanted:
            sys.meta_path.remove(self)
            sys.stderr.write("pressed\\n")
            os.kill(os.getpid(), signal.SIGINT)

sys.modules.pop(wanted, None)
sys.meta_path.insert(0, Presses())
sys.argv = ["chainrule", "train", "iris", "--epochs", "1"]
if {script}:
    from chainrule.__main__ import main
    sys.exit(main())
runpy.run_module("chainrule", run_name="__main__")
"""


@pytest.mark.parametrize("script", [True, False], ids=["chainrule", "python -m chainrule"])
@pytest.mark.parametrize("name", FIRST)
def test_one_line_and_130(name: str, script: bool, tmp_path: os.PathLike[str]) -> None:
    """No traceback, whichever of its modules is being loaded."""
    code = PRESSED.replace("{script}", str(script))
    call = [sys.executable, "-c", code, name]
    done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (130, "pressed\nchainrule: interrupted\n")
