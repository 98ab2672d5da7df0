"""The finding in words: what is too large, what is too small, what to take and why, in English and Korean."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import unknown_name
from chainrule.text.tables import aligned, number, wrapped
from chainrule.tune.numbers import LearningRateNumbers, SuggestionNumbers

CHANGED = 1.5
"""The curvature has changed where it is this many times larger or smaller after some steps."""

TEXT: dict[str, dict[str, Any]] = {
    "en": {
        "title": "Learning rate of {rule} for {network}, {n_batch} rows a step",
        "take": "Take {eta}. From {low} to {high} does about as well.",
        "only": "Take {eta}. Its neighbours an octave away do clearly worse.",
        "large": "Too large: above {stable} the first steps are unstable ({bound}, λ = {curvature}): each ends higher "
        "on the other side of the steepest valley than it began.",
        "large_batch": "Too large: above about {stable} the first steps are unstable on the rows of a batch ({bound}, "
        "λ = {batch}): each ends higher on the other side of the steepest valley than it began.",
        "passed": "Too large: from {above} on, short runs end worse. At the start steps above {stable} are unstable "
        "({bound}, {symbol} = {level}), but that passes: the loss bounces at first and then falls.",
        "passed_adaptive": "Too large: from {above} on, short runs end worse. At the start steps above about {stable} "
        "are unstable ({bound}, {symbol} = {level}; approximate, for √v changes from step to step), but that passes: "
        "the loss bounces at first and then falls.",
        "large_adaptive": "Too large: above about {stable} the first steps are unstable. {bound}, λ_P = {batch} being "
        "the curvature in the coordinates this rule moves in. It is approximate, for √v changes from step to step.",
        "flat": "The loss bends upwards in no direction at the start, so curvature gives no bound.",
        "less": "Why less than curvature proposes ({proposal}): longer steps did worse in short runs.",
        "more": "Why more than curvature proposes ({proposal}): longer steps did better in short runs.",
        "harmless_run": "Too small: not even the smallest that was run, {tenth}: after {n} steps J is {slow} with it, "
        "{end} with {eta}.",
        "slow_run": "Too small: with {tenth} J is {slow} after {n} steps where {eta} has {end}.",
        "small": "Too small: a tenth, {tenth}, does no harm, but after {n} steps J is {slow} where {eta} has {end}.",
        "harmless": "Too small: not even a tenth, {tenth}: after {n} steps J is {slow} with it, {end} with {eta}.",
        "inside": "Why: the step that curvature proposes, {proposal} (half of the bound of a batch), is among those "
        "that do best in real runs.",
        "rises": "Why less than curvature proposes ({proposal}): the loss bends more as training goes on, λ of a batch "
        "is {batch} at the start and {later} after 20 steps; what is stable at first is not for long.",
        "noise": "Why less than curvature proposes ({proposal}): curvature allows longer steps, but the rows of a "
        "batch pull different ways, and longer steps are spent on that noise.",
        "falls": "Why more than curvature proposes ({proposal}): the loss bends less after a few steps, λ of a batch "
        "is {batch} at the start and {later} after 20 steps.",
        "bounces": "Why more than curvature proposes ({proposal}): few directions are that steep; the steps bounce "
        "there, and everywhere else they get on faster.",
        "runs": "Real runs of {n} steps from the start, J = {start}:",
        "row": ("run", "learning rate", "J at the end"),
        "names": ("a tenth", "suggested", "ten times"),
        "never": "not finite",
        "witnesses": "What each witness alone would say:",
        "witness": (
            "curvature of a batch, half of its bound",
            "lowest point of J(θ − η·g)",
            "short runs",
            "range test breaks at",
        ),
        "unbroken": "nowhere",
        "agree": "They agree within a factor of 3.",
        "disagree": "They differ by a factor of {factor}; the real runs decide.",
        "cost": "Cost: {products} Hessian products over {rows} rows or a batch, {steps} steps, {seconds} s.",
        "cost_batch": "Cost: {products} Hessian products over a batch, {steps} steps, {seconds} s.",
        "beside": ("smaller", "larger"),
    },
    "ko": {
        "title": "{network} 신경망의 {rule} 학습률, 한 단계에 {n_batch}행",
        "take": "권장값은 {eta}입니다. {low}에서 {high} 사이라면 결과가 거의 같습니다.",
        "only": "권장값은 {eta}입니다. 두 배로 늘리거나 절반으로 줄이면 뚜렷이 나빠집니다.",
        "large": "너무 큰 값: {stable} 초과. 처음부터 불안정합니다({bound}, λ = {curvature}). 가장 가파른 골짜기를 "
        "한 걸음에 건너뛰어, 출발한 곳보다 더 높은 반대편 비탈에 내려앉습니다.",
        "large_batch": "너무 큰 값: 대략 {stable} 초과. 배치의 행만 보아도 처음부터 불안정합니다({bound}, "
        "λ = {batch}). 가장 가파른 골짜기를 한 걸음에 건너뛰어, 출발한 곳보다 더 높은 반대편 비탈에 내려앉습니다.",
        "passed": "너무 큰 값: {above}부터는 짧은 학습의 결과가 나빠집니다. 출발점에서는 {stable}만 넘어도 불안정하지만"
        "({bound}, {symbol} = {level}), 처음에만 튀고 곧 내려갑니다.",
        "passed_adaptive": "너무 큰 값: {above}부터는 짧은 학습의 결과가 나빠집니다. 출발점에서는 대략 {stable}만 "
        "넘어도 불안정하지만({bound}, {symbol} = {level}. √v가 단계마다 바뀌므로 어림값입니다), 처음에만 튀고 곧 "
        "내려갑니다.",
        "large_adaptive": "너무 큰 값: 대략 {stable} 초과. 처음부터 불안정합니다. {bound}, λ_P = {batch}: 이 규칙이 "
        "움직이는 좌표에서 잰 곡률입니다. √v가 단계마다 바뀌므로 어림값입니다.",
        "flat": "출발점에서는 손실이 위로 휘는 방향이 없어 곡률만으로는 한계를 알 수 없습니다.",
        "less": "곡률의 제안({proposal})보다 작은 이유: 짧게 학습해 보니 보폭이 더 크면 결과가 나빴습니다.",
        "more": "곡률의 제안({proposal})보다 큰 이유: 짧게 학습해 보니 보폭이 더 클 때 결과가 좋았습니다.",
        "harmless_run": "너무 작은 값: 학습해 본 가장 작은 값 {tenth}도 아직 작지 않습니다. {n}단계 뒤 J는 {slow}, "
        "{eta}일 때는 {end}입니다.",
        "slow_run": "너무 작은 값: {tenth}에서는 {n}단계 뒤 J가 {slow}, {eta}에서는 {end}입니다.",
        "small": "너무 작은 값: 10분의 1인 {tenth}. 해롭지는 않지만 느립니다. {n}단계 뒤 J는 {slow}, {eta}일 "
        "때는 {end}입니다.",
        "harmless": "너무 작은 값: 10분의 1인 {tenth}도 아직 작지 않습니다. {n}단계 뒤 J는 {slow}, "
        "{eta}일 때는 {end}입니다.",
        "inside": "이유: 곡률이 제안하는 값 {proposal}(배치 기준 한계의 절반)이 실제 학습에서도 가장 좋은 축에 듭니다.",
        "rises": "곡률의 제안({proposal})보다 작은 이유: 학습할수록 손실이 더 가파르게 휩니다. 배치의 λ는 처음에 "
        "{batch}, 20단계 뒤에는 {later}입니다. 처음에 안정적인 보폭도 곧 불안정해집니다.",
        "noise": "곡률의 제안({proposal})보다 작은 이유: 곡률만 보면 더 크게 걸어도 되지만, 배치마다 기울기의 방향이 "
        "달라서 보폭을 키워도 그만큼 잡음에 흔들릴 뿐입니다.",
        "falls": "곡률의 제안({proposal})보다 큰 이유: 몇 단계만 지나면 손실이 완만해집니다. 배치의 λ는 처음에 "
        "{batch}, 20단계 뒤에는 {later}입니다.",
        "bounces": "곡률의 제안({proposal})보다 큰 이유: 그만큼 가파른 방향은 몇 개뿐입니다. 거기서는 좌우로 튀지만 "
        "나머지 방향에서는 더 빨리 나아갑니다.",
        "runs": "출발점(J = {start})에서 실제로 {n}단계씩 학습한 결과:",
        "row": ("학습", "학습률", "마지막 J"),
        "names": ("10분의 1", "권장값", "10배"),
        "never": "발산(유한하지 않음)",
        "witnesses": "근거별로 따로 보면:",
        "witness": ("배치의 곡률(한계의 절반)", "J(θ − η·g)의 최저점", "짧은 학습", "학습률을 높여 갈 때 무너지는 곳"),
        "unbroken": "없음",
        "agree": "세 근거가 3배 이내에서 일치합니다.",
        "disagree": "근거끼리 {factor}배까지 다릅니다. 이럴 때는 실제 학습 결과를 따릅니다.",
        "cost": "비용: 헤세 행렬 곱 {products}번({rows}행 또는 배치 하나), 학습 {steps}단계, {seconds}초.",
        "cost_batch": "비용: 배치의 헤세 행렬 곱 {products}번, 학습 {steps}단계, {seconds}초.",
        "beside": ("더 작게", "더 크게"),
    },
}


def tell(found: SuggestionNumbers, language: str = "en") -> str:
    """The finding as lines for a terminal of 80 columns.

    Errors    SettingsError for an unknown language
    """
    if language not in TEXT:
        raise unknown_name("language", language, TEXT)
    text, slots = TEXT[language], _slots(found)
    lines = [text["title"].format(**slots), ""]
    for sentence in sentences(found, language):
        lines += wrapped(sentence, hang=2)
    if not isinstance(found, LearningRateNumbers):
        return "\n".join([*lines, "", *wrapped(text["cost_batch"].format(**slots), hang=2)])
    lines += ["", text["runs"].format(**slots), *aligned([text["row"], *_ends(found, text)])]
    breaks = text["unbroken"] if found.breaks_at is None else digits(found.breaks_at)
    values = [*map(digits, found.witnesses.values()), breaks]
    lines += ["", text["witnesses"], *aligned(list(zip(text["witness"], values, strict=True)))]
    lines += wrapped(text["agree" if found.agree else "disagree"].format(**slots))
    lines += ["", *wrapped(text["cost"].format(**slots), hang=2)]
    return "\n".join(lines)


def sentences(found: SuggestionNumbers, language: str) -> list[str]:
    """What to take, why, what is too large and what too small, each in a sentence or two."""
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
    """The curvature that the bound was taken from."""
    return (
        found.curvature if isinstance(found, LearningRateNumbers) and not found.approximate else found.batch_curvature
    )


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
    witnesses, later = list(found.witnesses.values()), found.later_curvature
    return slots | {
        "curvature": f"{found.curvature:.3g}", "later": "∞" if later is None else f"{later:.3g}",
        "factor": f"{max(witnesses) / min(witnesses):.2g}", "rows": f"{found.n_rows:,}",
    }  # fmt: skip
