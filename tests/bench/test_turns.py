"""Contestants take turns in processes of their own; who cannot, is named with the reason."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from chainrule.bench import turns, workloads
from chainrule.bench.parts import processes, training_entry
from chainrule.bench.turns import Contestant, environment, go_round, ratio
from chainrule.bench.workloads import WORKLOADS

pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")


def test_a_workload_counts_its_operations() -> None:
    """6·B·n_in·n_out for every layer, less 2·B·n_in·n_out of the first: S by hand."""
    by_hand = 6 * 64 * (20 * 64 + 64 * 64 + 64 * 10) - 2 * 64 * 20 * 64
    assert WORKLOADS["S"].flops_per_step == by_hand == 2_146_304
    assert all(w.n_samples == w.n_steps * w.batch_size for w in WORKLOADS.values())


def test_a_round_measures_everybody_and_names_the_absent() -> None:
    """Two engines and a stranger: figures of three rounds for the engines, a reason for the stranger."""
    names = [workloads.OURS, workloads.PEAK, workloads.NUMPY, "a stranger"]
    with processes(names, 1) as contestants:
        rounds = go_round(contestants, {"kind": "train", "workload": "S", "optimizer": "sgd"}, 0.0, n_units=1)
    assert [len(rounds.figures[name]) for name in names[:3]] == [3, 3, 3]
    assert rounds.absent == {"a stranger": "KeyError: 'a stranger'"}
    entry = training_entry("S", "sgd", 1, rounds)
    assert set(entry["ratios"]) == {workloads.NUMPY}
    assert entry["microseconds"][workloads.NUMPY] > entry["microseconds"][workloads.OURS] > 0
    assert 0 < entry["share_of_peak"] < 1.2  # of a peak that was measured at another moment


def test_a_process_that_ends_gives_its_reason() -> None:
    """A contestant that is gone answers with a reason instead of an exception."""
    contestant = Contestant(workloads.NUMPY, 1)
    contestant._process.terminate()
    contestant._process.wait()
    assert "seconds" not in contestant.ask(do="turn")
    assert contestant.reason
    contestant.close()


def test_who_is_late_is_ended_with_all_it_has_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A compiler started by a contestant holds its pipes; the round goes on nevertheless."""
    late = tmp_path / "late"
    late.write_text("#!/bin/sh\nsleep 60 &\nsleep 60\n")
    late.chmod(0o700)
    monkeypatch.setattr(turns.sys, "executable", str(late))
    monkeypatch.setattr(turns, "PATIENCE_S", 1.0)
    began = time.perf_counter()
    contestant = Contestant(workloads.NUMPY, 1)
    assert contestant.ask(do="turn") == {"reason": "no answer within 1 s, or killed"}
    contestant.close()
    assert time.perf_counter() - began < 30


def test_ratios_pair_the_rounds() -> None:
    """A machine twice as slow in one round changes no ratio."""
    assert ratio([2.0, 4.0, 2.0], [1.0, 2.0, 1.0]) == 2.0


def test_the_environment_holds_everyone_to_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every library is told the number of threads, and settings that force other kernels are taken out."""
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    result = environment(2)
    assert result["OMP_NUM_THREADS"] == result["OPENBLAS_NUM_THREADS"] == "2"
    assert "OPENBLAS_CORETYPE" not in result


def test_peers_are_held_to_the_instructions_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """CHAINRULE_ISA=avx2 compares AVX2 with AVX2; without it nobody is held."""
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setenv("CHAINRULE_ISA", "AVX2 ")
    held = environment(1)
    assert held["OPENBLAS_CORETYPE"] == "Haswell"
    assert held["ONEDNN_MAX_CPU_ISA"] == held["MKL_ENABLE_INSTRUCTIONS"] == "AVX2"
    assert held["XLA_FLAGS"].split()[0] == "--xla_cpu_max_isa=AVX2"
    assert "intra_op_parallelism_threads=1" in held["XLA_FLAGS"]
    monkeypatch.delenv("CHAINRULE_ISA")
    free = environment(2)
    assert not {"OPENBLAS_CORETYPE", "MKL_ENABLE_INSTRUCTIONS"} & set(free)
    assert free["XLA_FLAGS"] == ""
