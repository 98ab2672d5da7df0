"""The micro-architecture is named by vendor, family and model; units are counted by timing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chainrule.bench import machine, microarchitecture, report
from chainrule.cli import bench, main

AMD = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: {}\nmodel\t\t: {}\nmodel name\t: AMD EPYC\n"
INTEL = "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: {}\nmodel name\t: Intel(R) Xeon(R)\n"
ARM = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: {}\n"


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (AMD.format(23, 1), "Zen"), (AMD.format(23, 49), "Zen 2"), (AMD.format(25, 1), "Zen 3"),
        (AMD.format(25, 17), "Zen 4"), (AMD.format(25, 97), "Zen 4"), (AMD.format(25, 160), "Zen 4c"),
        (AMD.format(26, 2), "Zen 5"), (INTEL.format(63), "Haswell"), (INTEL.format(85), "Skylake-SP"),
        (INTEL.format(106), "Ice Lake"), (INTEL.format(143), "Sapphire Rapids"), (ARM.format("0xd40"), "Neoverse V1"),
        (AMD.format(99, 1), None), (INTEL.format(1), None), (ARM.format("0xfff"), None), ("", None),
        ("vendor_id: GenuineIntel\ncpu family: six\nmodel: 1\n", None),
    ],
)  # fmt: skip
def test_the_name_by_family_and_model(cpuinfo: str, name: str | None) -> None:
    """Published numbers of known processors; an unknown one has no name."""
    assert microarchitecture.name(cpuinfo) == name


def test_every_range_has_one_name() -> None:
    """No model of a vendor's family is reached twice, but where a wide range follows its exceptions."""
    for (_, family), ranges in microarchitecture._X86.items():
        assert all(first <= last <= 0xFF for first, last, _ in ranges)
        if family == 6:
            assert len({first for first, _, _ in ranges}) == len(ranges)


def test_the_processor_is_named_by_the_system() -> None:
    """By the first core."""
    assert microarchitecture.processor(INTEL.format(143)) == "Intel(R) Xeon(R)"
    assert microarchitecture.processor("") != ""


def test_units_of_this_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vector of the instruction set, and at least one multiply-add of it in a few cycles; at most four a cycle."""
    native = pytest.importorskip(
        "chainrule.engine.native", reason="ends when the native module is built (pip install .)"
    )
    bits = {"avx512": 512, "avx2": 256, "neon": 128, "scalar": 32, "emulated": 32}
    for isa in native.instruction_sets():
        monkeypatch.setenv("CHAINRULE_ISA", isa)
        found = machine.core()
        assert found["vector_bits"] == bits[isa]
        assert 0 < found["multiply_adds_per_cycle"] < 8  # loosely: a shared core gives neither loop its whole time
        assert found["units"] >= 1


def test_the_first_line_names_core_and_units() -> None:
    """As measured, and without what an older file lacks."""
    facts = machine.facts() | {"cpu": "AMD EPYC", "microarchitecture": "Zen 5"}
    results = {"machine": facts, "core": {"vector_bits": 512, "units": 2}, "entries": []}
    assert "AMD EPYC (Zen 5; 2 multiply-adds of 512 bits a cycle), " in report.about(results)
    assert "AMD EPYC (Zen 5), " in report.about({"machine": facts, "entries": []})
    del facts["microarchitecture"]
    assert "AMD EPYC, " in report.about({"machine": facts, "entries": []})


def test_results_hold_the_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """The file of results holds name and units, and is still that of this machine when they are timed again."""
    monkeypatch.setattr(bench, "entries", lambda name, threads, quick: [])
    path = tmp_path / "bench.json"
    for _ in range(2):
        assert main(["bench", "--parts", "S", "--threads", "1", "-o", str(path), "--json"]) == 0
        stored = json.loads(path.read_text())
        assert "microarchitecture" in stored["machine"]
        assert json.loads(capsys.readouterr().out)["core"] == stored["core"]
