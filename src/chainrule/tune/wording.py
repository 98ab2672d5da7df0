"""The finding in words: what is too large, what is too small, what to take and why, in English and Korean."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.text.tables import aligned, number, wrapped
from chainrule.tune.numbers import LearningRateNumbers, SuggestionNumbers
from chainrule.tune.stability import stable_factor
from chainrule.words import known_language, sentences

CHANGED = 1.5
"""The curvature has changed where it is this many times larger or smaller after some steps."""

TEXT = sentences("learning_rate")


def described(found: SuggestionNumbers, language: str = "en") -> str:
    """The finding as lines for a terminal of 80 columns.

    Raises SettingsError for an unknown language.
    """
    known_language(language)
    text, slots = TEXT[language], _slots(found)
    lines = [text["title"].format(**slots), ""]
    for sentence in explained(found, language):
        lines += wrapped(sentence, hang=2)
    if not isinstance(found, LearningRateNumbers):
        return "\n".join([*lines, "", *wrapped(text["cost_batch"].format(**slots), hang=2)])
    lines += ["", text["runs"].format(**slots), *aligned([text["row"], *_ends(found, text)])]
    breaks = text["unbroken"] if found.breaks_at is None else digits(found.breaks_at)
    values = [*map(digits, found.estimates.values()), breaks]
    lines += ["", text["estimates"], *aligned(list(zip(text["estimate"], values, strict=True)))]
    lines += wrapped(text["agree" if found.agree else "disagree"].format(**slots))
    cost = [text["cost"].format(**slots), *([text["sampled"]] if found.sampled else [])]
    lines += ["", *(line for sentence in cost for line in wrapped(sentence, hang=2))]
    return "\n".join(lines)


def explained(found: SuggestionNumbers, language: str) -> list[str]:
    """What to take, why, what is too large and what too small, each in a sentence or two."""
    if not found.made_progress:
        return [TEXT[language][name].format(**_slots(found)) for name in ("still", _bound(found))]
    names = ["take" if found.interval[0] < found.interval[1] else "only", reason(found), _bound(found)]
    if min(found.runs) < found.suggested:
        names.append(_small(found))
    return [TEXT[language][name].format(**_slots(found)) for name in names]


def reason(found: SuggestionNumbers) -> str:
    """The name of the sentence that says why the suggestion is not the proposal of the curvature, or that it is."""
    low, high = found.interval
    if low <= float(digits(found.proposal)) <= high:
        return "inside"
    if not isinstance(found, LearningRateNumbers):
        return "less" if high < found.proposal else "more"
    later = found.batch_curvature if found.later_curvature is None else found.later_curvature
    if high < found.proposal:
        return "rises" if later > CHANGED * found.batch_curvature else "noise"
    return "falls" if later * CHANGED < found.batch_curvature else "bounces"


def run_names(found: SuggestionNumbers) -> list[dict[str, str]]:
    """What the real runs are called, in all languages."""
    named: list[dict[str, str]] = []
    for eta in found.runs:
        side = int(np.sign(eta - found.suggested))
        exact = isinstance(found, LearningRateNumbers) or side == 0
        place = side + 1 if exact else (side + 1) // 2
        named.append({language: text["names" if exact else "beside"][place] for language, text in TEXT.items()})
    return named


def _ends(found: LearningRateNumbers, text: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Name, learning rate and J at the end of the three runs."""
    return [
        (name, digits(eta), text["never"] if not np.isfinite(found.end(eta)) else number(found.end(eta)))
        for name, eta in zip(text["names"], found.runs, strict=True)
    ]


def digits(eta: float) -> str:
    """A learning rate to two digits."""
    return f"{eta:.2g}"


def rule(found: SuggestionNumbers) -> str:
    """The update rule in a few words."""
    words = [found.optimizer]
    if found.hyper.get("momentum"):
        words.append(f"{'nesterov' if found.hyper.get('nesterov') else 'momentum'} {found.hyper['momentum']:g}")
    return " ".join(words)


def _bound(found: SuggestionNumbers) -> str:
    if not np.isfinite(found.stable_below):
        return "flat"
    if found.suggested > found.stable_below and found.above is not None:
        return "passed_adaptive" if found.approximate else "passed"
    if found.approximate:
        return "large_adaptive"
    return "large" if isinstance(found, LearningRateNumbers) else "large_batch"


def _level(found: SuggestionNumbers) -> float:
    """The curvature that the bound was taken from, that of the penalty included."""
    known = np.isfinite(found.stable_below)
    return stable_factor(found.optimizer, found.hyper) / found.stable_below if known else found.batch_curvature


def _small(found: SuggestionNumbers) -> str:
    if min(found.runs) >= found.interval[0]:
        return "harmless" if isinstance(found, LearningRateNumbers) else "harmless_run"
    return "small" if isinstance(found, LearningRateNumbers) else "slow_run"


def _formula(found: SuggestionNumbers) -> str:
    """The bound as it is written for this rule."""
    if found.approximate:
        return "2·(1 + β₁)/((1 − β₁)·λ_P)" if "beta1" in found.hyper else "2/λ_P"
    if not found.hyper.get("momentum"):
        return "2/λ"
    return "2·(1 + μ)/((1 + 2·μ)·λ)" if found.hyper.get("nesterov") else "2·(1 + μ)/λ"


def _slots(found: SuggestionNumbers) -> dict[str, str]:
    eta, smallest = found.suggested, min(found.runs)
    n = len(found.runs[smallest])
    slots = {
        "rule": rule(found), "n_batch": f"{found.batch_size}", "network": found.network,
        "batch": f"{found.batch_curvature:.3g}",
        "eta": digits(eta), "low": digits(found.interval[0]), "high": digits(found.interval[1]),
        "stable": f"{found.stable_below:.3g}", "bound": _formula(found),
        "above": "" if found.above is None else digits(found.above), "symbol": "λ_P" if found.approximate else "λ",
        "level": f"{_level(found):.3g}",
        "tenth": digits(smallest), "n": f"{n}", "slow": f"{found.end(smallest):.3g}",
        "end": f"{found.end(eta, n):.3g}", "proposal": digits(found.proposal), "start": f"{found.start:.3g}",
        "products": f"{found.n_products}", "steps": f"{found.n_run_steps:,}", "seconds": f"{found.elapsed_s:.1f}",
    }  # fmt: skip
    if not isinstance(found, LearningRateNumbers):
        return slots
    estimates, later = list(found.estimates.values()), found.later_curvature
    return slots | {
        "curvature": f"{_level(found):.3g}", "later": "∞" if later is None else f"{later:.3g}",
        "factor": f"{max(estimates) / min(estimates):.2g}", "rows": f"{found.n_rows:,}",
    }  # fmt: skip
