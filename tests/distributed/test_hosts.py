"""Several hosts: what is refused by name, who trains where, and four network namespaces in place of machines."""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path
from typing import Any

import pytest

from chainrule.cli import main
from chainrule.distributed.hosts import Host, parsed, slots_of, workers_on
from chainrule.distributed.mpiexec import command_of, handed_on
from chainrule.errors import ChainruleError

ROOT = Path(__file__).parents[2]


def four_hosts_of_benchmarks() -> Any:
    spec = importlib.util.spec_from_file_location("four_hosts", ROOT / "benchmarks" / "four_hosts.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_hosts_are_filled_in_turn() -> None:
    """a:8,b has 9 workers; the last host may be filled in part or be empty."""
    hosts = parsed("a:8, b")
    assert hosts == (Host("a", 8), Host("b", 1)) and slots_of(hosts) == 9
    assert workers_on(hosts, 9) == [range(8), range(8, 9)]
    assert workers_on(hosts, 3) == [range(3), range(3, 3)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hosts", "a:0"], "hosts='a:0': must be names with a number of workers each"),
        (["--hosts", "a;rm"], "hosts='a;rm': must be names"),
        (["--hosts", "a:2,a:2"], "hosts='a:2,a:2': must name every host once"),
        (["--hosts", "a:2,b:2", "--workers", "5"], "workers=5: must be at most the 4 of --hosts a:2,b:2"),
        (["--hosts", "a:8,b:8"], "workers=16: must be at most the 8 leaves"),
        (["--hosts", "no-such-host.invalid:2"], "hosts: 'no-such-host.invalid' has no address"),
        (["--workers", "many"], "workers='many': must be a whole number"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    options: list[str], message: str, capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is started: thing, value, what it must be; whether there is MPI or not."""
    monkeypatch.setattr("chainrule.distributed.launcher.mpiexec", lambda: "mpiexec")
    assert main(["train", "iris", *options, "-o", str(tmp_path / "run")]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_other_machines_get_the_variables_that_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the workers, not the folder of this machine, nor whatever else is set; not by shared memory."""
    from chainrule.distributed import mpiexec

    given = handed_on({"CHAINRULE_JOB": "/tmp/x", "CHAINRULE_SIGNS": "a", "PYTHONPATH": "p", "AWS_SECRET": "s"})
    assert given == ["CHAINRULE_SIGNS", "PYTHONPATH"]
    monkeypatch.setattr(mpiexec, "is_open_mpi", lambda path: True)
    words = command_of("mpiexec", 3, parsed("a:2,b:2"), given)
    assert " ".join(words).endswith("--map-by slot --host a:2,b:2 -x CHAINRULE_SIGNS -x PYTHONPATH -n 3")
    assert "self,sm" not in words and "self,sm" in command_of("mpiexec", 3)
    monkeypatch.setattr(mpiexec, "is_open_mpi", lambda path: False)
    assert command_of("mpiexec", 3, parsed("a:2,b:2"), given) == ["mpiexec", "-hosts", "a:2,b:2", "-n", "3"]


@pytest.mark.parametrize("user", [0, 1000])
def test_flags_of_root_are_for_root_alone(user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open MPI refuses root without one; others do not get it."""
    from chainrule.distributed import mpiexec

    monkeypatch.setattr(mpiexec, "is_open_mpi", lambda path: True)
    monkeypatch.setattr(mpiexec.os, "geteuid", lambda: user)
    assert ("--allow-run-as-root" in command_of("mpiexec", 2)) == (user == 0)


def test_four_hosts_one_of_which_is_cut_off(tmp_path: Path) -> None:
    """Four namespaces at 1 Gbit/s with names of their own: one is cut off, the others go on, with the bits of one."""
    if not os.environ.get("CHAINRULE_FOUR_HOSTS"):
        pytest.skip("changes the network of the machine: make workers-long does it")
    made = four_hosts_of_benchmarks()
    reason = made.can_be_made()
    if reason:
        pytest.skip(reason)
    pytest.importorskip("mpi4py", reason="ends when MPI is installed: pip install 'chainrule[mpi]'")
    pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
    made.write_rows(tmp_path)
    with made.four_hosts(tmp_path) as agent:
        alone = made.started(tmp_path, agent, "alone", 40, None)
        alone.communicate(timeout=100)
        process = made.started(tmp_path, agent, "cut", 40, ",".join(f"{name}:1" for name in made.NAMES))
        end = time.monotonic() + 100
        while made.n_checkpoints(tmp_path, "cut") < 1 and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        made.cut_off(made.NAMES[-1])
        _, err = process.communicate(timeout=150)
        if "mpi4py and an MPI library are needed" in err:
            pytest.skip("ends when an MPI library is installed: pip install 'chainrule[mpi]'")
        assert process.returncode == 0, err
        assert "begin again at the last checkpoint on rise, fall, left." in " ".join(err.split())
        assert made.checksum(tmp_path, "cut") == made.checksum(tmp_path, "alone")
        assert not made.left_on(made.NAMES[-1])


def test_hosts_that_cannot_be_reached_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A launch that ends before any worker is there is not tried again: the message names hosts and ssh."""
    from chainrule.distributed import launcher

    monkeypatch.setattr(launcher, "mpiexec", lambda: "mpiexec")
    monkeypatch.setattr(launcher, "command_of", lambda *_: ["false"])
    monkeypatch.setattr(launcher, "environment_of", lambda *_: {})
    with pytest.raises(ChainruleError, match=r"hosts: 127\.0\.0\.1: no worker started there.*`ssh 127\.0\.0\.1 true`"):
        launcher.supervise(lambda again: [], 2, lambda text: None, tmp_path, parsed("127.0.0.1:2"))
