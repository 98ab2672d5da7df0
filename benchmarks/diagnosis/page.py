"""The results as a page: scores, faults one by one, wrong verdicts, healthy trainings, and the method."""

from __future__ import annotations

from collections import Counter
from typing import Any

from diagnosis.cases import DOCTOR, HARM, JUDGES, is_right
from diagnosis.controls import BEHIND, BETTER, RISE
from diagnosis.faults import FAULTS
from diagnosis.saved_scores import blind_set, bold, saved_scores, second_set, share

Entries = list[dict[str, Any]]


def raters_of(entries: Entries) -> list[str]:
    """Whose verdicts there are, the doctor first."""
    return [judge for judge in JUDGES if judge in entries[0]["verdicts"]]


def score(entries: Entries) -> dict[str, dict[str, float]]:
    """First cause right, a right cause anywhere, false alarms: the counts over those cases that count."""
    faulty = [e for e in entries if e["fault"] and e["counts"]]
    healthy = [e for e in entries if not e["fault"] and e["counts"]]
    return {
        judge: {
            "faulty": len(faulty),
            "first_right": sum(is_right(e, judge) for e in faulty),
            "anywhere_right": sum(is_right(e, judge, anywhere=True) for e in faulty),
            "silent": sum(not e["verdicts"][judge]["first"] for e in faulty),
            "healthy": len(healthy),
            "false_alarms": sum(not is_right(e, judge) for e in healthy),
        }
        for judge in raters_of(entries)
    }


def score_table(entries: Entries) -> str:
    """One line per method."""
    lines = [
        "| | first cause right | right cause named at all | no fault reported | false alarms on healthy runs |",
        "|---|---|---|---|---|",
    ]
    for judge, s in score(entries).items():
        cells = [
            share(s["first_right"], s["faulty"]),
            share(s["anywhere_right"], s["faulty"]),
            share(s["silent"], s["faulty"]),
            share(s["false_alarms"], s["healthy"]),
        ]
        lines.append(f"| {bold(judge)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def fault_table(entries: Entries) -> str:
    """One line per fault: cases that count, and how many of them each method names correctly."""
    raters = raters_of(entries)
    lines = [f"| fault | right first cause | cases | {' | '.join(map(bold, raters))} | harmless |"]
    lines.append("|---|---|---|" + "---|" * (len(raters) + 1))
    for fault in FAULTS:
        own = [e for e in entries if e["fault"] == fault.name]
        if not own:
            continue
        counted = [e for e in own if e["counts"]]
        cells = [str(sum(is_right(e, judge) for e in counted)) for judge in raters]
        right = ", ".join(sorted(fault.right))
        harmless = len(own) - len(counted)
        lines.append(f"| {fault.name} | {right} | {len(counted)} | {' | '.join(cells)} | {harmless or ''} |")
    return "\n".join(lines)


def wrong_table(entries: Entries, judge: str = DOCTOR) -> str:
    """What was said instead, in how many cases, the most frequent first."""
    said: Counter[tuple[str, str]] = Counter()
    for e in entries:
        if e["counts"] and e["fault"] and not is_right(e, judge):
            said[e["fault"], ", ".join(e["verdicts"][judge]["first"]) or "healthy"] += 1
    if not said:
        return "None."
    lines = ["| fault | verdict | cases |", "|---|---|---|"]
    lines += [f"| {fault} | {verdict} | {n} |" for (fault, verdict), n in said.most_common()]
    return "\n".join(lines)


def alarm_table(entries: Entries) -> str:
    """Which rules of each method alarm first on healthy runs."""
    lines = ["| | false alarms by rule |", "|---|---|"]
    for judge in raters_of(entries):
        healthy = [e["verdicts"][judge] for e in entries if not e["fault"] and e["counts"]]
        rules = Counter(rule for v in healthy for rule in set(v.get("rules", v["first"])))
        message = ", ".join(f"{rule} {n}" for rule, n in rules.most_common())
        lines.append(f"| {bold(judge)} | {message or 'none'} |")
    return "\n".join(lines)


def reasons() -> str:
    """Why each answer is right."""
    return "\n".join(f"- **{fault.name}**: {fault.reason}." for fault in FAULTS)


def not_counted(entries: Entries) -> str:
    """The controls that are not healthy by the benchmark's own conditions, and the doctor's word on them."""
    lines = []
    for e in entries:
        if not e["fault"] and not e["counts"]:
            said = ", ".join(e["verdicts"][DOCTOR]["first"]) or "healthy" if DOCTOR in e["verdicts"] else "-"
            lines.append(f"- {e['base']}, seed {e['seed']}: {'; '.join(e['ailments'])}. The doctor: {said}.")
    return "\n".join(lines) or "None."


def seconds(entries: Entries) -> str:
    """How long the doctor took for one run, a sentence on a line of its own."""
    taken = sorted(e["verdicts"][DOCTOR]["seconds"] for e in entries if DOCTOR in e["verdicts"])
    if not taken:
        return ""
    return f"\nThe doctor took {taken[len(taken) // 2]:.2f} s per run (median) and at most {taken[-1]:.2f} s."


def in_time(entries: Entries) -> str:
    """How often a fault that begins in the middle of a run is given a step of the epoch in which it begins."""
    known = [e for e in entries if e["counts"] and "onset" in e and DOCTOR in e["verdicts"] and is_right(e, DOCTOR)]
    if not known:
        return ""
    hits = sum(e["onset"][0] <= e["verdicts"][DOCTOR]["step"] < sum(e["onset"]) for e in known)
    return (
        f"\nIf the rate is raised in the middle of a run and the verdict is right, the named step is in the epoch "
        f"of the change in {hits} of {len(known)} cases.\n"
    )


def page(entries: Entries, held: dict[str, dict[str, float]] | None, tables: Entries) -> str:
    """docs/doctor-benchmark.md."""
    kept = saved_scores()
    faulty = [e["fault"] for e in entries if e["fault"]]
    n_faults, n_cases, n_healthy = len(set(faulty)), len(faulty), len(entries) - len(faulty)
    return f"""# How often the doctor is right

This page is generated by `benchmarks/doctor.py`; see its `--help`.

{n_faults} faults are injected into trainings that work without them. This gives {n_cases} faulty runs, with three
networks and three seeds each (a small ReLU network with gradient descent, tanh with momentum, sigmoid with Adam) on
real data (digits, letter, phoneme, bike sharing). They are complemented by {n_healthy} healthy runs with many
networks, optimizers, schedules and datasets. Every fault is injected through the public interface. A verdict is right
if its first cause is one of those listed beforehand (`benchmarks/diagnosis/faults.py`).

{score_table(entries)}

"First cause" is the first finding of the doctor that is a fault; for a set of rules, it is all alarms of the earliest
step with an alarm. "Named at all" is any finding or alarm at any step.{seconds(entries)}

The doctor was developed using the wrong verdicts on these cases: they are its training set, and their score is an
upper bound. The blind score below shows its performance on cases that were not used in its development.
{second_set(kept["second_set"], held)}{blind_set(kept["blind"])}{_tables(tables)}
## Fault by fault

The table counts verdicts with the right first cause. A fault is harmless, and not counted, if the error of the final
weights on rows that were not used in training is less than {HARM} above that of the healthy twin, the same training
without the fault.

{fault_table(entries)}

### Why these causes are right

{reasons()}

## Where the doctor is wrong

{wrong_table(entries) if DOCTOR in entries[0]["verdicts"] else "There is no doctor in this version."}
{in_time(entries)}
## Healthy runs


A control counts as healthy if its final validation loss is at most {RISE} times its minimum, if the test error of a
linear model on the same rows is no more than {BEHIND} lower, and if neither three times as many epochs nor three
times or a third of the learning rate reduces the test error by {BETTER} or more. The following are excluded by these
conditions:

{not_counted(entries)}

{alarm_table(entries)}

## The threshold rules

The rules are implemented from their published definitions (`benchmarks/diagnosis/rules.py`), computed from replayed
steps, and interpreted generously: an alarm counts for every cause that its text may refer to, several alarms at the
first step count for all of their causes, and data in 0 … 1 count as normalised. Rules that require further trainings
are not included. They are evaluated as alarms: none of their authors claims that the first alarm is the cause."""


def _tables(entries: Entries) -> str:
    """Trainings of tables as files, with the counts of each fault."""
    if not entries:
        return ""
    healthy = [e for e in entries if not e["fault"]]
    alone = sum("alone" in e["base"] for e in healthy if e["counts"])
    of_doctor = score(entries)[DOCTOR]
    lines = [
        "## Real tables",
        "",
        "Trainings as `chainrule train TABLE --target COLUMN` does them, on 1500 rows of 24 tables, with all columns",
        "or with one, and with the presets auto and plain (`benchmarks/diagnosis/real_tables.py`). A healthy training",
        f"is not counted if its validation loss ends {RISE} times above its minimum.",
        "",
        "| | cases | right |",
        "|---|---|---|",
        f"| healthy ({alone} of them with a single column), no fault reported | {of_doctor['healthy']:g} "
        f"| {of_doctor['healthy'] - of_doctor['false_alarms']:g} |",
    ]
    for name in dict.fromkeys(e["fault"] for e in entries if e["fault"]):
        own = [e for e in entries if e["fault"] == name]
        lines.append(f"| {name} | {len(own)} | {sum(is_right(e, DOCTOR) for e in own)} |")
    return "\n" + "\n".join(lines) + "\n"
