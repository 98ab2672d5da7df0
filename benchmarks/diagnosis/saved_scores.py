"""Scores that are measured once and kept, and the sections of the page that tell them.

A set of cases is blind until its verdicts are looked at: what it came to then cannot be measured again. scores.json
holds those scores; `doctor.py --fresh -o` writes an entry for its list of blind ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import fill
from typing import Any

from diagnosis.cases import DOCTOR

FILE = Path(__file__).with_name("scores.json")


def saved_scores() -> dict[str, Any]:
    """What scores.json holds."""
    kept: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return kept


def share(part: float, whole: float) -> str:
    """A share in per cent with its counts."""
    return f"{100 * part / whole:.1f} % ({part:g}/{whole:g})" if whole else "-"


def bold(judge: str) -> str:
    """A method's name, the doctor's in bold."""
    return f"**{judge}**" if judge == DOCTOR else judge


def second_set(kept: dict[str, Any], opening: dict[str, dict[str, float]] | None = None) -> str:
    """The held-out cases: what they came to when they were opened, for all methods, and afterwards.

    Args      opening: scores of every method, where they are other ones than those kept
    """
    opening = opening or kept["opening"]
    first, everything, mended = opening[DOCTOR], kept["all"], kept["mended"]
    text = (
        "Further faults and healthy runs with other networks and data (`benchmarks/diagnosis/held_out.py`). They were "
        f"kept apart until their first score was known, {share(first['first_right'], first['faulty'])}. On "
        f"{kept['opened']} they were opened, and belong to the development since then. All cases at that time: "
        f"{_both(everything)}; after the mends found by their wrong verdicts, which makes it an upper bound as well: "
        f"{_both(mended)}. The scores of the first opening beside those of threshold rules:"
    )
    lines = [
        "## Second set",
        "",
        fill(text, 118),
        "",
        "| | first cause right | right cause named at all | false alarms on healthy runs |",
        "|---|---|---|---|",
    ]
    for judge, s in opening.items():
        cells = [
            share(s["first_right"], s["faulty"]),
            share(s["anywhere_right"], s["faulty"]),
            share(s["false_alarms"], s["healthy"]),
        ]
        lines.append(f"| {bold(judge)} | {' | '.join(cells)} |")
    return "\n" + "\n".join(lines) + "\n"


def _both(s: dict[str, float]) -> str:
    alarms = "no" if not s["false_alarms"] else f"{s['false_alarms']:g}"
    return f"{share(s['first_right'], s['faulty'])}, {alarms} false alarms in {s['healthy']:g} healthy runs"


def blind_set(runs: list[dict[str, Any]]) -> str:
    """The fresh cases: every kept run, as a whole and by kind."""
    text = (
        "Faults and healthy runs written by someone who had not seen the rules (`benchmarks/diagnosis/fresh.py`), by "
        "`benchmarks/doctor.py FOLDER --fresh --part 1/2` and `--part 2/2`. Each part has every fault and healthy run "
        "once, with seeds of its own: other rows, initial weights and orders. The wrong verdicts of part 1/2 were "
        "looked at after its first run, those of part 2/2 were not. The second run of part 1/2 is an upper bound; part "
        "2/2 is blind as to its rows, but its kinds of mistakes are those that part 1/2 had shown."
    )
    open_ = (
        "What rows and run do not show stays wrong: one class mistaken for one other; a noisy copy, which looks like a "
        "good measurement; and a rare class that overlaps with others, where every class is meant to count equally: "
        "the same training without that wish is a healthy control."
    )
    lines = [
        "## Blind set",
        "",
        fill(text, 118),
        "",
        "| run | date | first cause right | right cause named at all | false alarms on healthy runs | not counted |",
        "|---|---|---|---|---|---|",
    ]
    for run in runs:
        faults, healthy = run["score"]["all faults"], run["score"]["healthy"]
        cells = [
            f"part {run['part']}, {run['when']}",
            run["date"],
            share(faults["first"], faults["cases"]),
            share(faults["anywhere"], faults["cases"]),
            share(healthy["cases"] - healthy["first"], healthy["cases"]),
            f"{run['left_out']}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    kinds = [kind for kind in runs[0]["score"] if kind not in ("all faults", "healthy")]
    lines += ["", "First cause right by kind, in the order of these runs:", ""]
    lines += [f"| kind | {' | '.join('part ' + run['part'] for run in runs)} |", "|---" * (1 + len(runs)) + "|"]
    for kind in kinds:
        rows = [run["score"].get(kind, {"first": 0, "cases": 0}) for run in runs]
        counts = [f"{row['first']}/{row['cases']}" for row in rows]
        lines.append(f"| {kind} | {' | '.join(counts)} |")
    lines += ["", fill(open_, 118)]
    return "\n" + "\n".join(lines) + "\n"
