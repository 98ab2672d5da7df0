"""The micro-architecture of the processor by its family and model, and how many multiply-add units a core has."""

from __future__ import annotations

import platform
from typing import Any

from chainrule.engine.select import multiply_add_units
from chainrule.visible import cut

# (vendor, family): first model, last model, name; the first that matches counts
_X86: dict[tuple[str, int], tuple[tuple[int, int, str], ...]] = {
    ("AuthenticAMD", 0x17): ((0x00, 0x2F, "Zen"), (0x30, 0xFF, "Zen 2")),
    ("AuthenticAMD", 0x19): (
        (0x10, 0x1F, "Zen 4"), (0x60, 0x7F, "Zen 4"), (0xA0, 0xAF, "Zen 4c"), (0x00, 0x5F, "Zen 3"),
    ),
    ("AuthenticAMD", 0x1A): ((0x00, 0x4F, "Zen 5"), (0x60, 0x7F, "Zen 5")),
    ("GenuineIntel", 6): tuple(
        (model, model, name)
        for name, models in {
            "Haswell": (0x3C, 0x3F, 0x45, 0x46),
            "Broadwell": (0x3D, 0x47, 0x4F, 0x56),
            "Skylake": (0x4E, 0x5E, 0x8E, 0x9E),
            "Skylake-SP": (0x55,),
            "Ice Lake": (0x6A, 0x6C, 0x7D, 0x7E),
            "Tiger Lake": (0x8C, 0x8D),
            "Rocket Lake": (0xA7,),
            "Sapphire Rapids": (0x8F,),
            "Emerald Rapids": (0xCF,),
            "Granite Rapids": (0xAD, 0xAE),
            "Alder Lake": (0x97, 0x9A),
            "Raptor Lake": (0xB7, 0xBA, 0xBF),
            "Meteor Lake": (0xAA, 0xAC),
            "Lunar Lake": (0xBD,),
            "Arrow Lake": (0xB5, 0xC5, 0xC6),
        }.items()
        for model in models
    ),
}  # fmt: skip
_ARM = {
    ("0x41", "0xd08"): "Cortex-A72", ("0x41", "0xd0c"): "Neoverse N1", ("0x41", "0xd40"): "Neoverse V1",
    ("0x41", "0xd49"): "Neoverse N2", ("0x41", "0xd4f"): "Neoverse V2",
}  # fmt: skip


def name(cpuinfo: str) -> str | None:
    """The micro-architecture by the text of /proc/cpuinfo; None where it is not in the tables."""
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    if "CPU implementer" in fields:
        return _ARM.get((fields["CPU implementer"], fields.get("CPU part", "")))
    family, model = fields.get("cpu family", ""), fields.get("model", "")
    if not (family.isdigit() and model.isdigit()):
        return None
    known = _X86.get((fields.get("vendor_id", ""), int(family)), ())
    return next((name for first, last, name in known if first <= int(model) <= last), None)


def cpuinfo() -> str:
    """The text of /proc/cpuinfo, or nothing where the system has none."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def processor(text: str) -> str:
    """The name of the processor, or of the architecture if the system does not report it."""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return cut(names[0]) if names else platform.processor() or platform.machine()


def units() -> dict[str, Any]:
    """Bits of a vector of the instruction set at work, and multiply-adds of such vectors a core begins in a cycle.

    The units are counted by timing: independent multiply-adds against a chain of additions, one a cycle.
    """
    bits, per_cycle = multiply_add_units()
    return {"vector_bits": bits, "multiply_adds_per_cycle": round(per_cycle, 2), "units": max(1, round(per_cycle))}
