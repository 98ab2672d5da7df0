"""Four hosts on one machine: network namespaces behind a bridge at 1 Gbit/s, with host names of their own.

python benchmarks/four_hosts.py [EPOCHS]: as root, with `ip` and `tc` of iproute2. Trains by one worker, by four workers
on four hosts, and by these where one host is cut off on the way; prints whether the bits are the same, and how long it
took. A launch agent takes the place of ssh; what it starts is no child of mpiexec, as on another machine. Each host
has a folder of its own for temporary files: process numbers, by which MPI names its own, are the same on all.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

NAMES = ("rise", "fall", "left", "right")
NETWORK, BRIDGE = "10.213.77", "crbridge"
AGENT = """#!/bin/sh
host=$1; shift
export TMPDIR=/tmp/cr-$host; mkdir -p "$TMPDIR"
setsid ip netns exec "$host" unshare --uts --pid --fork --mount-proc sh -c "hostname $host; $*" \
    > /dev/null 2>&1 < /dev/null &
"""


def can_be_made() -> str:
    """Why there can be no such hosts; empty where there can."""
    if os.geteuid() != 0:
        return "ends where it runs as root"
    missing = [name for name in ("ip", "tc", "unshare") if shutil.which(name) is None]
    if missing:
        return f"ends when {', '.join(missing)} (iproute2, util-linux) is there"
    probe = subprocess.run(["ip", "netns", "add", "crprobe"], capture_output=True, text=True)
    subprocess.run(["ip", "netns", "del", "crprobe"], capture_output=True)
    return f"ends where network namespaces can be made ({probe.stderr.strip()})" if probe.returncode else ""


def told(*words: str) -> None:
    """Run a command that has to work."""
    subprocess.run(words, check=True, capture_output=True)


@contextlib.contextmanager
def four_hosts(folder: Path) -> Iterator[Path]:
    """While open, there are the hosts; the launch agent."""
    agent = folder / "agent"
    agent.write_text(AGENT)
    agent.chmod(0o755)
    try:
        told("ip", "link", "add", BRIDGE, "type", "bridge")
        told("ip", "link", "set", BRIDGE, "up")
        for number, name in enumerate(NAMES, start=1):
            told("ip", "netns", "add", name)
            told("ip", "link", "add", f"cr{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
            told("ip", "link", "set", f"cr{name}", "master", BRIDGE, "up")
            told("ip", "-n", name, "addr", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                told("ip", "-n", name, "link", "set", device, "up")
            shape = ("tbf", "rate", "1gbit", "burst", "256kb", "latency", "50ms")
            told("tc", "-n", name, "qdisc", "add", "dev", "eth0", "root", *shape)
            known = Path("/etc/netns") / name
            known.mkdir(parents=True, exist_ok=True)
            lines = [f"{NETWORK}.{k} {other}" for k, other in enumerate(NAMES, start=1)]
            (known / "hosts").write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
        yield agent
    finally:
        for name in NAMES:
            pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split()
            for pid in pids:
                subprocess.run(["kill", "-9", pid], capture_output=True)
            subprocess.run(["ip", "link", "del", f"cr{name}"], capture_output=True)
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
            for own in (Path("/etc/netns") / name, Path("/tmp") / f"cr-{name}"):
                shutil.rmtree(own, ignore_errors=True)
        subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True)


def cut_off(name: str) -> None:
    """Nothing comes from or to a host any more."""
    told("ip", "link", "set", f"cr{name}", "down")


def left_on(name: str) -> list[str]:
    """Processes on a host that are workers."""
    pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split()
    lines = [subprocess.run(["ps", "-o", "args=", "-p", pid], capture_output=True, text=True).stdout for pid in pids]
    return [line for line in lines if "chainrule" in line]


def started(folder: Path, agent: Path, run: str, epochs: int, hosts: str | None) -> subprocess.Popen[str]:
    """The command, on the first host."""
    options = ["--network", "64,64", "--epochs", str(epochs), "--batch-size", "400"]
    options += ["--seed", "3", "--no-neighbours", "-o", str(folder / run)]
    where = ["--workers", "1"] if hosts is None else ["--hosts", hosts]
    told_to = [sys.executable, "-m", "chainrule", "train", str(folder / "data.npz"), *options, *where, "--json"]
    if hosts is not None:
        name = ["sh", "-c", 'hostname "$0"; exec "$@"', NAMES[0], *told_to]
        told_to = ["ip", "netns", "exec", NAMES[0], "unshare", "--uts", *name]
    own = {**os.environ, "PRTE_MCA_plm_ssh_agent": str(agent)}
    return subprocess.Popen(told_to, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def checksum(folder: Path, run: str) -> str:
    """Of the parameters of the run."""
    import chainrule as cr

    return hashlib.sha256(cr.load(folder / run).network.parameters.flat.tobytes()).hexdigest()


def write_rows(folder: Path) -> None:
    """A table to train on."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 8)).astype(np.float32)
    np.savez(folder / "data.npz", X=X, y=(X[:, 0] * X[:, 1] > 0).astype(int))


def n_checkpoints(folder: Path, run: str) -> int:
    """Checkpoints behind the first one."""
    return len(list((folder / run / "checkpoints").glob("step-*"))) - 1


def main(epochs: int) -> None:
    """All of it."""
    reason = can_be_made()
    if reason:
        sys.exit(f"no hosts: {reason}")
    every = ",".join(f"{name}:1" for name in NAMES)
    with tempfile.TemporaryDirectory() as made, four_hosts(Path(made)) as agent:
        folder = Path(made)
        write_rows(folder)
        began = time.monotonic()
        for run, hosts in (("alone", None), ("four", every), ("cut", every)):
            process = started(folder, agent, run, epochs, hosts)
            if run == "cut":
                while n_checkpoints(folder, run) < 3 and process.poll() is None:
                    time.sleep(0.02)
                cut_off(NAMES[-1])
                cut_at = time.monotonic()
            _, err = process.communicate()
            took = time.monotonic() - began
            lines = " ".join(line for line in err.splitlines() if line.startswith("chainrule:"))
            print(f"{run:6} exit {process.returncode}  {took:6.1f} s  sha256 {checksum(folder, run)[:16]}  {lines}")
            began = time.monotonic()
        print(f"from the cut to the end {time.monotonic() - cut_at:.1f} s; left on the cut host: {left_on(NAMES[-1])}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
