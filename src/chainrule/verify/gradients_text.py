"""The gradient check as a table, in English and Korean."""

from __future__ import annotations

import numpy as np

from chainrule.text.tables import aligned, wrapped
from chainrule.verify.outcome import CheckOutcome, TensorCheck
from chainrule.words import sentences

BANDS = (("≤ 1e-7", 1e-7), ("≤ 1e-4", 1e-4), ("≤ 1e-2", 1e-2), ("> 1e-2", np.inf))
"""CS231n's bands for relative errors of single entries."""

SHOWN_KINKS = 4


TEXT = sentences("gradients")


def table(check: CheckOutcome, language: str) -> str:
    """The outcome as lines of at most 80 columns: a row a tensor, what failed, kinks, bands, cost, verdict."""
    text, tensors = TEXT[language], list(check.tensors.values())
    lines = [*wrapped(text["head"].format(threshold=check.threshold)), ""]
    sampled = any(t.directional is not None for t in tensors)
    names = ("tensor", "shape", "entries", "kinks", "error", *(["direction"] if sampled else []), "worst", "verdict")
    lines += aligned([tuple(text[name] for name in names), *(_row(check, t, text, sampled) for t in tensors)], 2, gap=2)
    lines.append("")
    for t in tensors:
        if t.worst is not None and not t.error <= check.threshold:
            message = text["difference"].format(name=_place(t, t.worst), a=f"{t.analytic:.10g}", n=f"{t.numeric:.10g}")
            lines += wrapped(message)
        if t.directional is not None and not t.directional <= check.threshold:
            lines += wrapped(text["along"].format(name=t.name))
    lines += _kinks(tensors, text)
    hidden = ", ".join(t.name for t in tensors if not t.resolved)
    if hidden:
        lines += wrapped(text["unresolved"].format(shown=hidden))
    counts = np.sum([t.bands for t in tensors], axis=0)
    shown = ", ".join(
        f"{label}: {count}".replace(" ", "\u00a0") for (label, _), count in zip(BANDS, counts, strict=True)
    )
    lines += wrapped(text["bands"].format(shown=shown))
    lines += wrapped(text["cost"].format(n=check.forward_passes_numerical, p=check.n_parameters))
    lines.append(text["passed" if check.passed else "failed"].format(worst=check.max_relative_error))
    return "\n".join(lines)


def _row(check: CheckOutcome, t: TensorCheck, text: dict[str, str], sampled: bool) -> tuple[str, ...]:
    worst = "" if t.worst is None else _place(t, t.worst)
    along = [] if not sampled else ["" if t.directional is None else f"{t.directional:.1e}"]
    right = t.error <= check.threshold and (t.directional is None or t.directional <= check.threshold)
    verdict = text[("ok" if t.n_checked else "not_judged") if right else "wrong"]
    shape = "×".join(map(str, t.shape))
    return t.name, shape, f"{t.n_checked:,}", str(t.n_kinks), f"{t.error:.1e}", *along, worst, verdict


def _kinks(tensors: list[TensorCheck], text: dict[str, str]) -> list[str]:
    places = [_place(t, place) for t in tensors for place in t.kinks]
    if not places:
        return []
    more = text["more"].format(n=len(places)) if len(places) > SHOWN_KINKS else ""
    return wrapped(text["kinked"].format(shown=", ".join(places[:SHOWN_KINKS]) + more))


def _place(t: TensorCheck, place: tuple[int, ...]) -> str:
    return f"{t.name}[{','.join(map(str, place))}]"
