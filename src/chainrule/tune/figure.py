"""The figure of a finding, described once: panels, curves, marks and their words; writers draw it (svg, png, the page).

Every text is in all languages, so that a writer picks one and the page can switch. Roles denote colours.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.tune.numbers import Curve, LearningRateNumbers, SuggestionNumbers
from chainrule.tune.wording import digits, explained, rule, run_names
from chainrule.words import sentences

Array = npt.NDArray[Any]
Wordings = dict[str, str]
SMOOTH = 15
"""Steps over which a noisy run is averaged."""


def _in_all(key: str) -> Wordings:
    """One sentence of the figure in all languages."""
    return {language: text[key] for language, text in sentences("figure").items()}


TITLE, SLICE, TESTS, RACE, RUNS = map(_in_all, ("title", "slice", "tests", "race", "runs"))
ETA, STEPS, HALF, BOUND = map(_in_all, ("eta", "steps", "half", "bound"))
HALF_OF_BOUND, THE_BOUND = map(_in_all, ("half_of_bound", "the_bound"))


@dataclass(frozen=True)
class Line:
    """A curve; role: "ink", "small", "right", "large" or "other"; weight: "thin", "plain" or "bold"; dashes on, off."""

    xs: Array
    ys: Array
    role: str
    weight: str = "plain"
    dash: tuple[int, ...] = ()


@dataclass(frozen=True)
class Dots:
    """Single runs; hollow where they did not go to the end."""

    xs: Array
    ys: Array
    role: str
    hollow: bool = False


@dataclass(frozen=True)
class Mark:
    """A vertical line at a learning rate; its label is in one of two rows above, or (None) inside at the bottom."""

    x: float
    label: Wordings
    role: str
    row: int | None


@dataclass(frozen=True)
class LegendEntry:
    """One of the three runs in the legend: its name and its learning rate."""

    name: Wordings
    rate: str
    role: str
    dash: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes: learning rates in decades, or steps, across; J upwards in decades; what lies outside is cut."""

    title: Wordings
    label: Wordings
    across: tuple[float, float]
    up: tuple[float, float]
    decades: bool
    lines: list[Line] = field(default_factory=list)
    dots: list[Dots] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    legend: list[LegendEntry] = field(default_factory=list)
    band: tuple[float, float] | None = None
    level: float | None = None

    def x(self, value: Any) -> Any:
        """Where a learning rate or step lies across, 0 … 1."""
        a, b = self.across
        at = np.asarray(value, dtype=np.float64)
        return np.clip(np.log(at / a) / np.log(b / a) if self.decades else (at - a) / (b - a), 0, 1)

    def y(self, value: Any) -> Any:
        """Where a J lies upwards, 0 … 1; one that is too large or no number lies at the top."""
        a, b = self.up
        cut = np.clip(np.nan_to_num(np.asarray(value, dtype=np.float64), nan=b, posinf=b), a, b)
        return np.log(cut / a) / np.log(b / a)

    def ticks(self) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
        """Places across and upwards, 0 … 1, with their numbers."""
        if self.decades:
            across = [(float(self.x(value)), _power(value)) for value in _round_numbers(*self.across, 7)]
        else:
            steps = sorted({round(value) for value in np.linspace(*self.across, 5)})
            across = [(float(self.x(value)), f"{value}") for value in steps]
        return across, [(float(self.y(value)), f"{value:.3g}") for value in _round_numbers(*self.up, 6)]

    def inside(self) -> list[Mark]:
        """The marks that lie within the axes."""
        return [mark for mark in self.marks if self.across[0] < mark.x < self.across[1]]


@dataclass(frozen=True)
class Figure:
    """A title and its panels, from left to right."""

    title: Wordings
    panels: list[Panel]

    def to_dict(self) -> dict[str, Any]:
        """Places between 0 and 1 and words, as plain JSON values: what the page draws."""
        return {"title": self.title, "panels": [_plain_panel(panel) for panel in self.panels]}


def shown(found: SuggestionNumbers) -> dict[str, Any]:
    """Sentences by language and the figure, as plain JSON values: a section of the page."""
    return {"said": {language: explained(found, language) for language in TITLE}, "figure": figure(found).to_dict()}


def figure(found: SuggestionNumbers) -> Figure:
    """The slice, the tests of learning rates and three real runs; of a short examination, what there is."""
    slots = {"rule": rule(found), "network": found.network, "eta": digits(found.suggested)}
    slots |= dict(zip(("low", "high"), map(digits, found.interval), strict=True))
    title = {language: text.format(**slots) for language, text in TITLE.items()}
    if isinstance(found, LearningRateNumbers):
        return Figure(title, [_slice(found), _tests(found, TESTS, found.range_test), _runs(found)])
    return Figure(title, [_tests(found, RACE, None), _runs(found)])


def _slice(found: LearningRateNumbers) -> Panel:
    curve = found.slice
    line = Line(curve.etas, curve.losses, "ink")
    return Panel(
        title=SLICE, label=ETA, across=_span(curve.etas), up=_heights(found, curve.losses), decades=True, lines=[line],
        marks=_marks(found), band=found.interval, level=found.start,
    )  # fmt: skip


def _tests(found: SuggestionNumbers, title: Wordings, ranged: Curve | None) -> Panel:
    etas = np.concatenate([found.race.etas, found.given_up.etas]) if ranged is None else ranged.etas
    low, high = _span(etas)
    across = (low / 2, high * 2) if ranged is None else (low, high)
    lines = [] if ranged is None else [Line(ranged.etas, ranged.losses, "other", "thin")]
    lines.append(Line(found.race.etas, found.race.losses, "right"))
    dots = [
        Dots(found.race.etas, found.race.losses, "right"),
        Dots(found.given_up.etas, found.given_up.losses, "right", True),
    ]
    heights = _heights(found, np.concatenate([found.race.losses, found.given_up.losses]))
    return Panel(
        title=title,
        label=ETA,
        across=across,
        up=heights,
        decades=True,
        lines=lines,
        dots=dots,
        marks=_marks(found),
        band=found.interval,
    )


def _runs(found: SuggestionNumbers) -> Panel:
    lines: list[Line] = []
    legend: list[LegendEntry] = []
    looks = {-1: ("small", (7, 4)), 0: ("right", ()), 1: ("large", (2, 3))}
    smooth = [_smooth(losses) for losses in found.runs.values()]
    for (eta, losses), mean, name in zip(found.runs.items(), smooth, run_names(found), strict=True):
        role, dash = looks[int(np.sign(eta - found.suggested))]
        steps = np.arange(len(losses))
        lines += [Line(steps, losses, role, "thin"), Line(steps, mean, role, "bold", dash)]
        legend.append(LegendEntry(name, digits(eta), role, dash))
    across = (0.0, float(max(found.n_steps, 2)))
    return Panel(
        title=RUNS,
        label=STEPS,
        across=across,
        up=_heights(found, np.concatenate(smooth)),
        decades=False,
        lines=lines,
        legend=legend,
    )


def _marks(found: SuggestionNumbers) -> list[Mark]:
    """Half of the bound and the bound, which for gradient descent are 1/λ and 2/λ, and the suggestion."""
    plain = not found.approximate and not found.hyper.get("momentum")
    half, bound = (HALF, BOUND) if plain else (HALF_OF_BOUND, THE_BOUND)
    return [
        Mark(found.stable_below / 2, half, "other", 1), Mark(found.stable_below, bound, "large", 0),
        Mark(found.suggested, {"en": "η", "ko": "η"}, "right", None),
    ]  # fmt: skip


def _smooth(losses: Array) -> Array:
    return np.array([losses[max(0, i - SMOOTH + 1) : i + 1].mean() for i in range(len(losses))])


def _span(values: Array) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _heights(found: SuggestionNumbers, losses: Array) -> tuple[float, float]:
    """From below the lowest J to three times the start: what lies above is as good as lost."""
    finite = losses[np.isfinite(losses) & (losses > 0)]
    high = 3 * max(found.start, 1e-12)
    return max(min(float(finite.min(initial=high)), max(found.start, 1e-12)) * 0.8, high * 1e-6), high


def _round_numbers(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two: whole decades, with 2 and 5 between where there is room."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        values = [step * 10.0**d for d in decades for step in steps if low <= step * 10.0**d <= high]
        if len(values) <= most:
            return values
    return values[:: -(-len(values) // most)]


def _power(value: float) -> str:
    return f"{value:g}" if 1e-3 <= value < 1e4 else f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")


def _plain_panel(panel: Panel) -> dict[str, Any]:
    def places(xs: Array, ys: Array) -> list[list[float]]:
        return np.round(np.stack([panel.x(xs), panel.y(ys)], axis=1), 4).tolist()

    across, up = panel.ticks()
    return {
        "title": panel.title, "label": panel.label, "across": across, "up": up,
        "lines": [{"points": places(line.xs, line.ys), "role": line.role, "weight": line.weight,
                   "dash": list(line.dash)} for line in panel.lines],
        "dots": [{"points": places(dots.xs, dots.ys), "role": dots.role, "hollow": dots.hollow}
                 for dots in panel.dots],
        "marks": [asdict(mark) | {"x": float(panel.x(mark.x))} for mark in panel.inside()],
        "legend": [asdict(entry) | {"dash": list(entry.dash)} for entry in panel.legend],
        "band": None if panel.band is None else [float(panel.x(eta)) for eta in panel.band],
        "level": None if panel.level is None else float(panel.y(panel.level)),
    }  # fmt: skip
