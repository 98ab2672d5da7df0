"""cr.exercise: a step with some of its numbers left out, and the judgement of what a learner puts in their place."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from chainrule.errors import SettingsError, named_path, unknown_name
from chainrule.exercises import sheet, texts
from chainrule.exercises.draw import blanks_of, step_of
from chainrule.exercises.entry import entry_named
from chainrule.exercises.mistakes import tolerance
from chainrule.exercises.problem import passes
from chainrule.exercises.worksheet import Worksheet
from chainrule.network.architecture import Architecture
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named
from chainrule.run.files import writing_atomic
from chainrule.training.settings import check
from chainrule.words import known_language
from chainrule.words.described import Described

MOST_LAYERS, MOST_UNITS, MOST_ROWS = 4, 4, 4
"""More is no work for a pencil."""
TEXTBOOK = ("squared_error", "cross_entropy")
"""Losses that a class computes by hand."""


@dataclass(frozen=True)
class MarkedAnswer(Described):
    """What is said about one answer.

    Attributes
    ----------
    name : str
        The number that was asked for, such as "delta1[0,1]".
    answer : float
        What was answered.
    is_right : bool
        Whether it is within the tolerance: 0.5 % (after the update of the change) and 0.0002.
    mistake : str or None
        The mistake that gives exactly this number, such as "no_slope"; "rounding" of a number within 3 %; None where no
        known mistake does.

    Examples
    --------
    >>> import chainrule as cr
    >>> ex = cr.exercise(seed=1)
    >>> ex.check("delta2[0,0]", -ex.solution["delta2[0,0]"]).mistake
    'wrong_sign'
    """

    name: str
    answer: float
    is_right: bool
    mistake: str | None

    def _text(self, language: str) -> str:
        return texts.judgement(self.name, self.answer, self.is_right, self.mistake, language)


@dataclass(frozen=True)
class MarkedSheet(Described):
    """What is said about a whole sheet.

    Attributes
    ----------
    answers : tuple of MarkedAnswer
        Those that were given, in the order of the sheet.
    n_blanks : int
        How many there are on the sheet.

    Examples
    --------
    >>> import chainrule as cr
    >>> ex = cr.exercise(seed=1)
    >>> ex.mark(ex.solution).n_right
    10
    """

    answers: tuple[MarkedAnswer, ...]
    n_blanks: int

    @property
    def n_right(self) -> int:
        """How many answers are right."""
        return sum(answer.is_right for answer in self.answers)

    def _text(self, language: str) -> str:
        return "\n".join([
            texts.score(self.n_right, self.n_blanks, language),
            *(answer.text(language) for answer in self.answers),
        ])  # fmt: skip


class Exercise(Described, Worksheet):
    """Both passes and the update of a small network by hand, some of the numbers left out; made by `cr.exercise`.

    Parameters
    ----------
    given : GivenStep
        The network, the rows and η.
    blanks : sequence of Entry
        The numbers left out.
    seed : int
        What the numbers were drawn from.

    Attributes
    ----------
    blanks : tuple of str
        The names of the numbers left out, in the order in which they are computed.
    solution : dict of str to float
        Their values.

    Examples
    --------
    >>> import chainrule as cr
    >>> ex = cr.exercise(seed=1)
    >>> len(ex.blanks), ex.check("loss", ex.solution["loss"]).is_right
    (10, True)
    """

    def __repr__(self) -> str:
        return f"Exercise(seed={self.seed}, {self.given.architecture}, {len(self.blanks)} blanks)"

    def check(self, name: str, answer: float | str) -> MarkedAnswer:
        """Judge an answer, and recognise the mistake that it comes from.

        Parameters
        ----------
        name : str
            A number of the step, a blank of the sheet or any other: "z1[0,1]", "delta1[0,1]", "dW2[0,0]", "loss", and
            "W1[0,1]" for the weight after the update.
        answer : float or str
            A number; as text also "1/4" or "0,25".

        Returns
        -------
        MarkedAnswer
            `.is_right`, `.mistake`, `.text(language)`.

        Raises
        ------
        SettingsError
            If the step has no such number, or the answer is none.
        """
        entry, value = entry_named(name, self.given), number_of(answer)
        right, near = entry.of(self.right), tolerance(entry, self.given, self.right)
        if abs(value - right) <= near:
            return MarkedAnswer(str(entry), value, True, None)
        wrong = self.wrong(entry)
        found = next((mistake for mistake, number in wrong if abs(value - number) <= near), None)
        if found is None and abs(value - right) <= 0.03 * abs(right):
            found = "rounding"
        return MarkedAnswer(str(entry), value, False, found)

    def mark(self, answers: Mapping[str, float | str]) -> MarkedSheet:
        """Judge several answers.

        Parameters
        ----------
        answers : mapping of str to float or str
            Answers by the names of the blanks.

        Returns
        -------
        MarkedSheet
            `.n_right`, `.answers`, `.text(language)`.

        Raises
        ------
        SettingsError
            If a name is no blank of the sheet, or an answer is no number.
        """
        for name in answers:
            if name not in self.blanks:
                raise unknown_name("blank", name, self.blanks)
        given = [name for name in self.blanks if name in answers]
        return MarkedSheet(tuple(self.check(name, answers[name]) for name in given), len(self.blanks))

    def hints(self, name: str, language: str = "en") -> list[str]:
        """Return the hints to a number: the rule, its formula, then one more factor of the chain as a number each time.

        Parameters
        ----------
        name : str
            A number of the step.
        language : str, default "en"
            English "en" or Korean "ko".

        Returns
        -------
        list of str
            The last one leaves only the arithmetic to do.

        Raises
        ------
        SettingsError
            If the step has no such number, or the language is unknown.
        """
        return texts.hints(self, entry_named(name, self.given), known_language(language))

    def sheet(self, path: str | os.PathLike[str], language: str = "en", solutions: bool = True) -> Path:
        """Write the sheet as one HTML file, which on a screen judges answers and gives hints, and prints.

        Parameters
        ----------
        path : str or path
            The file; it needs nothing else and asks nothing of a network.
        language : str, default "en"
            English "en" or Korean "ko".
        solutions : bool, default True
            False leaves out every right number, hence judgement and hints: a sheet to hand out.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingsError
            If the language is unknown.
        """
        target = named_path(path, "path", "sheet.html")
        text = sheet.page(self, known_language(language), solutions)
        with writing_atomic(target) as file:
            file.write(text.encode("utf-8"))
        return target

    def to_dict(self, language: str = "en") -> dict[str, Any]:
        """Return the exercise as plain JSON values, for a page that judges answers by itself.

        Parameters
        ----------
        language : str, default "en"
            The language of hints and judgements.

        Returns
        -------
        dict
            Seed, title, intro, formulas, given and computed tables (null where a number is left out), and for every
            blank its value, tolerance, wrong numbers with what is said of each, and hints.

        Raises
        ------
        SettingsError
            If the language is unknown.
        """
        whole = texts.whole(self, known_language(language))
        return {"seed": self.seed, **whole, "blanks": texts.judged(self, language)}

    def _text(self, language: str) -> str:
        return texts.text(self, language)

    def _repr_html_(self) -> str:
        return sheet.fragment(self, "en")


def number_of(answer: float | str) -> float:
    """An answer as a number; SettingsError for what is none."""
    try:
        text = answer.strip().replace(",", ".").replace("−", "-") if isinstance(answer, str) else None
        value = float(answer) if text is None else float(Fraction(text)) if "/" in text else float(text)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise SettingsError(f"answer={answer!r}: must be a number, such as 0.25, -3 or '1/4'.")
    return value


def exercise(
    seed: int = 0,
    sizes: Sequence[int] = (2, 2, 1),
    activation: str = "relu",
    output: str = "auto",
    loss: str = "auto",
    n_rows: int = 2,
    n_blanks: int = 10,
) -> Exercise:
    """Make an exercise: one step of gradient descent on a small network, with some of its numbers left out.

    Numbers are drawn from the seed, so that a class shares a sheet by sharing a seed. Inputs, targets, weights and
    biases are whole or half numbers; with relu no number needs a calculator.

    Parameters
    ----------
    seed : int, default 0
        What the numbers are drawn from.
    sizes : sequence of int, default (2, 2, 1)
        Inputs, units of every layer, outputs: up to 4 layers of up to 4 units.
    activation : str, default "relu"
        The activation of the hidden layers.
    output : str, default "auto"
        The output activation; "auto" is the identity for squared error, sigmoid for one output with cross-entropy, else
        softmax.
    loss : str, default "auto"
        "squared_error" or "cross_entropy"; "auto" follows the output, squared error for "auto".
    n_rows : int, default 2
        Rows of the batch, 1 to 4.
    n_blanks : int, default 10
        How many numbers are left out.

    Returns
    -------
    Exercise
        Shows itself in a notebook; `check`, `mark`, `hints`, `sheet`.

    Raises
    ------
    SettingsError
        If a name is unknown, the network is too large for a pencil, or there are not so many numbers.

    Notes
    -----
    The step is z = a_in @ W + b, a = g(z), J the mean over the rows, delta = ∂J/∂z, dW = a_in.T @ delta, db = Σ delta
    and W − η·dW, in the names of docs/notation.md. A wrong answer is compared with what the same passes give with one
    thing changed (g′ forgotten, W transposed, 1/n missing …).

    References
    ----------
    Nielsen (2015), "Neural networks and deep learning", chapter 2.
    Goodfellow, Bengio, Courville (2016), "Deep learning", section 6.5.

    Examples
    --------
    >>> import chainrule as cr
    >>> ex = cr.exercise(seed=1)
    >>> print(ex.check("loss", 2 * ex.solution["loss"]))
    loss = ...: not yet. The 1/n is missing: ...
    """
    seed = check("seed", seed)
    output, loss = _head(output, loss, sizes)
    architecture = Architecture.build(list(sizes), activation, output, loss, "float64")
    _refuse_too_large(architecture, n_rows)
    given = step_of(architecture, n_rows, seed)
    right = passes(given)
    most = (
        sum(array.size for name in ("z", "a", "delta", "dW", "db", "W", "b") for array in getattr(right, name)[1:]) + 1
    )
    if isinstance(n_blanks, bool) or not isinstance(n_blanks, int) or not 1 <= n_blanks <= most:
        raise SettingsError(
            f"n_blanks={n_blanks!r}: must be a whole number from 1 to {most}, the numbers of this step."
        )
    return Exercise(given, blanks_of(given, right, n_blanks, seed), seed)


def _head(output: str, loss: str, sizes: Sequence[int]) -> tuple[str, str]:
    """Output and loss where they are left open; SettingsError for a loss that is no textbook's exercise."""
    if loss == "auto":
        entry = ACTIVATIONS.get(output)
        loss = "cross_entropy" if entry is not None and entry.probability else "squared_error"
    elif loss not in TEXTBOOK:
        raise unknown_name("loss", loss, ("auto", *TEXTBOOK))
    if output == "auto":
        classes = loss_named(loss).of_classes
        output = ("sigmoid" if len(sizes) and sizes[-1] == 1 else "softmax") if classes else "identity"
    return output, loss


def _refuse_too_large(architecture: Architecture, n_rows: int) -> None:
    sizes = architecture.sizes
    if len(sizes) - 1 > MOST_LAYERS or max(sizes) > MOST_UNITS:
        raise SettingsError(
            f"sizes={list(sizes)}: must be at most {MOST_LAYERS} layers of at most {MOST_UNITS} units, to be computed "
            "by hand. Try (2, 2, 1)."
        )
    if isinstance(n_rows, bool) or not isinstance(n_rows, int) or not 1 <= n_rows <= MOST_ROWS:
        raise SettingsError(f"n_rows={n_rows!r}: must be a whole number from 1 to {MOST_ROWS}. Try 2.")
