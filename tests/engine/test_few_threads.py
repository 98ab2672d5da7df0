"""Where the system gives fewer threads or less memory than asked for: the same bits, or MemoryError; never an abort."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

WORK = """
import hashlib
import numpy as np
import chainrule as cr
from chainrule.engine.native import NativeEngine
from chainrule.engine.protocol import StepSettings, Task

rng = np.random.default_rng(0)
X, y = rng.normal(size=(2000, 30)).astype(np.float32), rng.integers(0, 3, 2000).astype(np.int32)

def digest(*arrays):
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()

def work(threads):
    net = cr.Network([30, 64, 3])
    run = cr.train(net, X, y, epochs=3, batch_size=250, threads=threads, dropout=0.2, validation=0.2, progress=False)
    engine = NativeEngine(threads)
    return digest(run.network.parameters.flat, engine.predict(run.network.parameters, X))
"""


def run(code: str, **environment: str) -> str:
    """What a fresh interpreter prints; it must end by itself and well."""
    result = os.environ | {"OPENBLAS_NUM_THREADS": "1"} | environment
    done = subprocess.run(
        [sys.executable, "-c", WORK + code], env=result, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library that limits threads, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler, to make the system refuse threads")
    library = tmp_path_factory.mktemp("shim") / "few_threads.so"
    command = [compiler, "-shared", "-fPIC", "-o", str(library), str(HERE / "few_threads.c"), "-ldl"]
    subprocess.run(command, check=True)
    return str(library)


@pytest.mark.parametrize("left", [0, 1, 2])
def test_as_many_threads_as_there_are_do_the_work(shim: str, left: int) -> None:
    """Training and prediction asked for four threads have the bits of one thread, whatever the system gives."""
    preload = f"{os.environ.get('LD_PRELOAD', '')} {shim}".strip()
    code = "print(work(4), work(1), work(4))"
    first, alone, again = run(code, LD_PRELOAD=preload, THREADS_LEFT=str(left)).split()
    assert first == alone == again


def test_a_session_tells_the_threads_it_has(shim: str) -> None:
    """active_threads counts the threads that came, not those that were asked for."""
    code = """
task = Task(
    architecture=cr.Network([30, 64, 3]).architecture, X=X, targets=y, weight=None,
    optimizer="sgd", batch_size=500, seed=0
)
session = NativeEngine(4).start(task, StepSettings())
session.load(cr.Network([30, 64, 3]).parameters.flat, {})
session.advance(0, np.full(8, 0.1), StepSettings())
print(session.active_threads)
"""
    preload = f"{os.environ.get('LD_PRELOAD', '')} {shim}".strip()
    assert run(code, LD_PRELOAD=preload, THREADS_LEFT="2") == "3"
    assert run(code, LD_PRELOAD=preload, THREADS_LEFT="0") == "1"


def test_too_many_processes_for_the_user() -> None:
    """The same under RLIMIT_NPROC, by which containers and shells limit threads."""
    if not sys.platform.startswith("linux"):
        pytest.skip("needs Linux, whose RLIMIT_NPROC counts threads")
    code = """
import os, resource
expected = work(1)
if os.getuid() == 0:
    os.setresuid(64321, 64321, 64321)  # root is not bound
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
print(work(4) == expected)
"""
    assert run(code) == "True"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux, whose RLIMIT_AS bounds all memory")
@pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer reserves all addresses")
def test_too_little_memory_is_a_memory_error() -> None:
    """With every amount of memory the work is done, or refused by MemoryError, and afterwards it can be done."""
    code = """
import resource
expected, ends = work(4), set()
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
big = cr.Network([30, 2000, 2000, 3])
for megabytes in (1, 4, 16, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 8192):
    resource.setrlimit(resource.RLIMIT_AS, (size + megabytes * 2**20, resource.RLIM_INFINITY))
    try:
        cr.train(big, X[:300], y[:300], epochs=1, batch_size=150, threads=4, dropout=0.5, progress=False)
        NativeEngine(4).predict(big.parameters, X)
        ends.add("done")
    except MemoryError:
        ends.add("refused")
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert work(4) == expected
print(*sorted(ends))
"""
    assert run(code) == "done refused"
