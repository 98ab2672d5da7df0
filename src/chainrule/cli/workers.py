"""Doors to a training by several workers: `train --workers N` starts them; a process started by MPI is one of them."""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chainrule.api.elsewhere import perform
from chainrule.api.trial import in_memory
from chainrule.cli.train_options import value
from chainrule.distributed import choice, team, world
from chainrule.distributed.hosts import Host, parsed, slots_of
from chainrule.distributed.launcher import supervise
from chainrule.errors import SettingsError
from chainrule.training.settings import SETTINGS


def by_workers(options: argparse.Namespace, folder: Callable[[], Path], say: Callable[[str], None]) -> int | None:
    """The exit code where others train, or None where this process is to: alone, or as worker 0.

    Arguments: folder: finds the one of the run, which workers that begin again have to know; say: takes a line.
    """
    hosts = () if options.hosts is None else parsed(options.hosts)
    asked = options.workers is not None or bool(hosts)
    if world.is_launched():
        own = team.join()
        own.stated_threads = value(options, SETTINGS["threads"])
        own.is_auto = options.workers == choice.AUTO
        if own.comm.size > 1 or asked:
            options.leaves = world.LEAVES if options.leaves is None else options.leaves
            world.check_leaves(own.comm.size, int(value(options, SETTINGS["leaves"])))
        return None if own.leads else own.follow(functools.partial(perform, in_memory))
    if not asked:
        return None
    options.leaves = world.LEAVES if options.leaves is None else options.leaves
    leaves = int(value(options, SETTINGS["leaves"]))
    n = _n_workers(options, hosts, leaves)
    world.check_leaves(n, leaves)
    if n == 1 and not hosts:
        return None
    if options.data is None:
        raise SettingsError("DATA is missing. Use chainrule train DATA --target COLUMN (see --help).")
    arguments = [*options.arguments, f"--leaves={leaves}", f"--output-directory={folder()}"]
    with tempfile.TemporaryDirectory(prefix="chainrule-") as job:
        return supervise(
            lambda again: [sys.executable, "-m", "chainrule", *arguments, *(["--resume"] if again else [])],
            n, say, Path(job), hosts,
        )  # fmt: skip


def _n_workers(options: argparse.Namespace, hosts: Sequence[Host], leaves: int) -> int:
    slots = slots_of(hosts)
    if options.workers in (None, choice.AUTO) and hosts:
        return min(slots, leaves) if options.workers else slots
    if options.workers == choice.AUTO:
        return choice.n_workers_here(value(options, SETTINGS["threads"]), leaves)
    n = int(value(options, world.WORKERS))
    if hosts and n > slots:
        raise SettingsError(f"workers={n}: must be at most the {slots} of --hosts {options.hosts}. Add hosts or slots.")
    return n


def leave(code: int) -> int:
    """At the end of a command: the other workers are told, where it was worker 0 of several. Returns the exit code."""
    own = team.joined()
    return own.end(code) if own is not None and own.leads else code


def engine_line(options: argparse.Namespace) -> str:
    """What is said of workers and leaves beside the engine."""
    own, leaves = team.joined(), 1 if options.leaves is None else int(options.leaves)
    workers = "" if own is None or own.comm.size == 1 else f", {own.comm.size} workers"
    if own is None and options.workers == choice.AUTO:
        workers = ", workers 1 (auto: on one machine the threads of one process are as fast)"
    return workers + (f", {leaves} leaves: other bits than with 1 leaf" if leaves > 1 else "")


def facts() -> dict[str, Any]:
    """How many workers, rows a second and the share of the time in exchange; empty where there was one worker."""
    own = team.joined()
    return {} if own is None or own.comm.size == 1 else own.facts()


def facts_line() -> dict[str, str]:
    """The same as a line of the output."""
    known = facts()
    if not known:
        return {}
    line = str(known.get("workers_chosen", known["workers"]))
    if "rows_per_second" in known:
        line += f", {known['rows_per_second']:,.0f} rows/s, {known['exchange']:.0%} of the time in exchange"
    return {"workers": line}
