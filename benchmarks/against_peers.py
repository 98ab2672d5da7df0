"""chainrule's presets and its peers on public tables, every result kept as soon as it is there; average ranks.

    python benchmarks/against_peers.py FOLDER-OF-TABLES RESULTS.jsonl [--presets auto,strong] [--peers NAME,…]
                                       [--splits 0,1,2] [--only TABLE,…] [--minutes M] [--summary]

Every contestant is a process of its own with its defaults and one thread (--threads): `chainrule train FILE --target …`
with its run directory, or peers.py, whose time for measuring is taken off. What RESULTS.jsonl holds already is not run
again; presets are run again when the commit is another. --minutes ends after the result that is under way then. The
summary ranks one preset at a time against the peers: contestants that failed on a table count as the last.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import chainrule
from tables import REGRESSION, TABLES, rows_of, write

PEERS = ("scikit-learn MLP", "HistGradientBoosting", "LightGBM", "CatBoost")
"""Those that a preset is ranked against; RealMLP and the linear models are shown beside it."""
OF_VALUES = ("uci_", "ames", "bike", "california", "diamonds", "hitters", "seoul")
BY_AUC = {"caravan", "hr_job_change"}
"""Rare classes, whose main measure is the area under the curve."""
N_RESAMPLES = 2_000
Results = dict[str, dict[str, list[dict[str, Any]]]]
"""By contestant and table the results of the splits."""


def is_value(name: str) -> bool:
    """Whether the target of a table is a number."""
    return name in REGRESSION or name.startswith(OF_VALUES)


def main_measure(name: str) -> str:
    """By which a table is ranked."""
    return "rmse" if is_value(name) else "auc" if name in BY_AUC else "accuracy"


def timed(command: list[str], threads: int) -> tuple[float, float, str]:
    """Processor seconds and seconds by the clock of a process, and what it printed."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
    how = os.environ | dict.fromkeys(names, str(threads))
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=how, check=False)
    elapsed, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rsplit("\n", 1)[-1][:300])
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return processor, elapsed, done.stdout


def of_preset(preset: str, files: tuple[str, str], name: str, split: int, threads: int) -> dict[str, Any]:
    """`chainrule train` with a preset, and what `chainrule evaluate` says of the test rows."""
    target, drop = TABLES[name]
    command, task = [sys.executable, "-m", "chainrule"], ["--task", "regression"] if name in REGRESSION else []
    run = str(Path(files[0]).parent / "run")
    options = ["--target", target, "--drop", drop, "--seed", str(split), "-o", run, "--quiet", *task]
    how = [*options, "--preset", preset, "--threads", str(threads)]
    processor, wall, _ = timed([*command, "train", files[0], *how], threads)
    found = json.loads(timed([*command, "evaluate", run, files[1], "--json"], threads)[2])
    known = {key: found[key] for key in ("accuracy", "auc", "log_loss", "rmse") if found.get(key) is not None}
    return known | {"processor": processor, "wall": wall}


def of_peer(peer: str, files: tuple[str, str], name: str, split: int, threads: int) -> dict[str, Any]:
    """A peer's measures of the test rows, and its seconds until it was fitted."""
    script = str(Path(__file__).with_name("peers.py"))
    arguments = [peer, *files, *TABLES[name], str(int(is_value(name))), str(split)]
    processor, wall, out = timed([sys.executable, script, *arguments], threads)
    found = json.loads(out.strip().rsplit("\n", 1)[-1])
    return found | {"processor": processor - found.pop("processor_after"), "wall": wall - found.pop("wall_after")}


def commit() -> str:
    """Of this checkout."""
    asked = ["git", "-C", str(Path(__file__).parent), "log", "-1", "--format=%h %cs"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def loaded(path: Path) -> list[dict[str, Any]]:
    """The results so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def run(asked: argparse.Namespace, presets: list[str], peers: list[str]) -> None:
    """Whatever is missing, one table after the other, its contestants in turns."""
    now, ends = commit(), time.monotonic() + 60 * asked.minutes
    compileall.compile_dir(chainrule.__path__[0], quiet=1)  # as an installation does
    names, splits = asked.only.split(",") if asked.only else list(TABLES), [int(k) for k in asked.splits.split(",")]
    key = ("table", "split", "contestant", "commit", "threads")
    done = {tuple(entry[part] for part in key) for entry in loaded(asked.results)}
    missing = [
        (split, name, contestant, version)
        for split in splits
        for name in names
        for contestant, version in [*((f"chainrule {preset}", now) for preset in presets), *((p, "") for p in peers)]
        if (name, split, contestant, version, asked.threads) not in done
    ]
    for split, name, contestant, version in missing:
        if time.monotonic() > ends:
            print("time is up; run again for the rest", file=sys.stderr)
            return
        header, *parts = rows_of(asked.folder, name, split)
        with tempfile.TemporaryDirectory() as place:
            train, test = (
                write(Path(place, f"{part}.csv"), header, rows)
                for part, rows in zip(("train", "test"), parts, strict=True)
            )
            try:
                if version:
                    found = of_preset(contestant.split(" ")[1], (train, test), name, split, asked.threads)
                else:
                    found = of_peer(contestant, (train, test), name, split, asked.threads)
            except RuntimeError as error:
                found = {"refused": str(error)}
        stated = dict(zip(key, (name, split, contestant, version, asked.threads), strict=True))
        entry = {**stated, "n_train": len(parts[0]), "load": round(os.getloadavg()[0], 1), **found}
        with asked.results.open("a") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        print(json.dumps(entry, ensure_ascii=False), file=sys.stderr)


def latest(entries: list[dict[str, Any]], threads: int) -> Results:
    """The last result of every contestant, table and split."""
    last = {(e["contestant"], e["table"], e["split"]): e for e in entries if e["threads"] == threads}
    found: Results = {}
    for (contestant, name, _), entry in sorted(last.items()):
        found.setdefault(contestant, {}).setdefault(name, []).append(entry)
    return found


def ranks(results: Results, contestants: list[str], measure: Mapping[str, str]) -> tuple[list[str], Any]:
    """The tables that all of them ran, and the mean rank over common splits of each one (tables × contestants)."""
    names = [name for name in measure if all(name in results.get(one, {}) for one in contestants)]
    rows, kept = [], []
    for name in names:
        by_split = [{entry["split"]: entry for entry in results[one][name]} for one in contestants]
        common = sorted(set.intersection(*(set(known) for known in by_split)))
        if common:
            kept.append(name)
            scores = [[_cost(known[split], measure[name]) for known in by_split] for split in common]
            rows.append(np.mean([ranked(row) for row in scores], axis=0))
    return kept, np.array(rows).reshape(len(rows), len(contestants))


def _cost(entry: dict[str, Any], measure: str) -> float:
    """What is to be small; a failure is the largest."""
    if entry.get(measure) is None:
        return float("inf")
    return float(entry[measure] if measure in ("rmse", "log_loss") else -entry[measure])


def ranked(costs: list[float]) -> Any:
    """1 for the smallest; equal ones share the mean of their places."""
    c = np.array(costs)
    return 1 + (c[None] < c[:, None]).sum(1) + ((c[None] == c[:, None]).sum(1) - 1) / 2


def shares(of_tables: Any) -> tuple[Any, float]:
    """In which share of the bootstrap resamples of the tables the first one is ahead of each, and of all."""
    rng = np.random.default_rng(0)
    means = of_tables[rng.integers(0, len(of_tables), (N_RESAMPLES, len(of_tables)))].mean(axis=1)
    ahead = means[:, :1] < means
    return ahead.mean(axis=0), float(ahead[:, 1:].all(axis=1).mean())


def of_ranks(results: Results, presets: list[str], peers: list[str]) -> Iterator[str]:
    """For each preset and measure a row: mean ranks, and how sure they are."""
    yield f"| ranked by | tables | preset | own rank | {' | '.join(peers)} | first |"
    yield "|---" * (len(peers) + 5) + "|"
    main = {name: main_measure(name) for name in TABLES}
    losses = {name: "log_loss" for name in TABLES if not is_value(name)}
    for title, measure in (("main measure", main), ("log-loss", losses)):
        for preset in presets:
            kept, of_tables = ranks(results, [f"chainrule {preset}", *peers], measure)
            if not kept:
                continue
            means, (ahead, first) = of_tables.mean(axis=0), shares(of_tables)
            cells = [f"{mean:.2f} ({share:.0%})" for mean, share in zip(means[1:], ahead[1:], strict=True)]
            yield f"| {title} | {len(kept)} | {preset} | {means[0]:.2f} | {' | '.join(cells)} | {first:.0%} |"


def of_tables(results: Results, contestants: list[str], quantity: str) -> Iterator[str]:
    """Means over the splits of one quantity, a row for each table; the best in bold."""
    yield f"| table | rows | splits | {'measure | ' if quantity == 'main' else ''}{' | '.join(contestants)} |"
    yield "|---" * (len(contestants) + 3 + (quantity == "main")) + "|"
    for name in TABLES:
        entries = [results.get(one, {}).get(name, []) for one in contestants]
        measure = main_measure(name) if quantity == "main" else quantity
        known = [[e[measure] for e in own if e.get(measure) is not None] for own in entries]
        if not any(known) or (quantity == "log_loss" and is_value(name)):
            continue
        signs = -1 if measure in ("accuracy", "auc") else 1
        best = min(signs * np.mean(own) for own in known if own)
        cells = [_cell(own, signs * np.mean(own) == best) if own else "–" for own in known]
        first = next(own for own in entries if own)
        title = f" {measure.upper() if measure != 'accuracy' else measure} |" if quantity == "main" else ""
        yield f"| {name} | {first[0]['n_train']:,} | {max(map(len, known))} |{title} {' | '.join(cells)} |"


def of_times(results: Results, own: list[str], beside: list[str]) -> Iterator[str]:
    """On how many tables a preset takes at most the processor seconds of a peer, and on how many more than twice."""
    yield "| processor seconds | at most those of | of tables | median ratio | largest |"
    yield "|---|---|---|---|---|"
    for one, peer in ((one, peer) for one in own for peer in beside if peer != "linear"):
        names = [name for name in TABLES if results[one].get(name) and results[peer].get(name)]
        means = [[np.mean([e.get("processor", np.nan) for e in results[c][n]]) for n in names] for c in (one, peer)]
        ratios = np.array(means[0]) / np.array(means[1])
        largest = f"{np.nanmax(ratios):.2f} ({names[int(np.nanargmax(ratios))]}), above 2: {(ratios > 2).sum()}"
        yield f"| {one} | {peer} | {(ratios <= 1).sum()} of {len(names)} | {np.nanmedian(ratios):.2f} | {largest} |"


def _cell(own: list[float], is_best: bool) -> str:
    mean = float(np.mean(own))
    shown = f"{mean:.4f}" if abs(mean) < 10 else f"{mean:,.0f}" if abs(mean) >= 1000 else f"{mean:.1f}"
    return f"**{shown}**" if is_best else shown


def summary(entries: list[dict[str, Any]], presets: list[str], peers: list[str], threads: int) -> str:
    """Ranks, main measures, log-losses and processor seconds as Markdown."""
    results = latest(entries, threads)
    own = [f"chainrule {preset}" for preset in presets if f"chainrule {preset}" in results]
    beside = [one for one in (*peers, "RealMLP", "linear") if one in results]
    commits = sorted({e["commit"] for one in own for found in results[one].values() for e in found})
    loads = [e["load"] for one in own for found in results[one].values() for e in found]
    parts = [[f"commits {', '.join(commits)}; load {np.median(loads or [0]):.1f} (median); {threads} thread(s)"]]
    parts.append(list(of_ranks(results, presets, peers)))
    for quantity in ("main", "log_loss", "processor", "wall"):
        parts.append([quantity, "", *of_tables(results, [*own, *beside], quantity)])
    parts.append(list(of_times(results, own, beside)))
    return "\n\n".join("\n".join(part) for part in parts)


def main() -> int:
    """Run what is missing, print the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--presets", default="auto", help="of chainrule, or nothing")
    parser.add_argument("--peers", default=",".join(PEERS), help="also: linear, RealMLP; or nothing")
    parser.add_argument("--splits", default="0,1,2")
    parser.add_argument("--only", default="")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--summary", action="store_true", help="of the results so far; nothing is run")
    asked = parser.parse_args()
    presets, peers = ([name for name in names.split(",") if name] for names in (asked.presets, asked.peers))
    if not asked.summary:
        run(asked, presets, peers)
        return 0
    splits = {int(k) for k in asked.splits.split(",")}
    entries = [entry for entry in loaded(asked.results) if entry["split"] in splits]
    print(summary(entries, presets, [one for one in peers if one in PEERS], asked.threads))
    return 0


if __name__ == "__main__":
    sys.exit(main())
