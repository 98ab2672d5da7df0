"""What the doctor returns: findings, first cause first, each with its evidence and what would disprove it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule.diagnose.doctor.html import html
from chainrule.diagnose.doctor.interface import Interface, derived, python
from chainrule.diagnose.doctor.words import HEADINGS, IDS, TRIAL, UNJUDGED, UNSEEN, WORDS
from chainrule.diagnose.evidence import plain_evidence
from chainrule.text.tables import counted, number, wrapped
from chainrule.visible import short_repr
from chainrule.words import filled, known_language
from chainrule.words.described import Described

FAULT, NOTE = "fault", "note"


@dataclass(frozen=True, kw_only=True)
class Finding(Described):
    """One finding of the doctor.

    Attributes
    ----------
    id : str
        Its name, such as "learning-rate-too-large"; one of IDS.
    variant : str
        Which of its wordings applies.
    step : int or None
        The first step that shows it, from 0; None where it lies in the data or settings.
    layer : int or None
        The layer, 1 … L.
    evidence : mapping
        Numbers by name.
    severity : str
        "fault" (it harmed the run, or will mislead) or "note".
    consequences : tuple of Finding
        Findings that it explains.
    interface : Interface
        Who reads it: users of Python are given Python, those of the command line commands.
    """

    id: str
    variant: str = ""
    step: int | None = None
    layer: int | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    severity: str = FAULT
    consequences: tuple[Finding, ...] = ()
    interface: Interface = field(default_factory=python, compare=False, repr=False)

    __repr__ = short_repr

    @property
    def rank(self) -> int:
        """The place in the order in which causes are looked for."""
        return IDS.index(self.id)

    @property
    def title(self) -> str:
        """What it is, in a few English words."""
        return self.words("title")

    @property
    def disproof(self) -> str:
        """What would disprove it."""
        return self.words("disproof")

    @property
    def experiment(self) -> str:
        """The lines of Python, or the command, that try to disprove it."""
        return self.words("experiment")

    @property
    def remedy(self) -> str:
        """What to change."""
        return self.words("remedy")

    def words(self, part: str, language: str = "en") -> str:
        """Return one part in words.

        Parameters
        ----------
        part : str
            One of "title", "claim", "disproof", "experiment" and "remedy".
        language : str, default "en"
            English "en" or Korean "ko".

        Returns
        -------
        str
            The part.

        Raises
        ------
        SettingsError
            If the language is unknown.
        """
        known_language(language)
        entry = WORDS[language][self.id]
        template = next((entry[name] for name in self.interface.names(part, self.variant) if name in entry), "")
        values = _Slots({name: _plain(value) for name, value in (derived(self.evidence) | dict(self.evidence)).items()})
        values |= {"step": self.step, "layer": self.layer, **self.interface.slots}
        values["trial"] = filled(TRIAL[language], values)
        also = UNSEEN[language] if part == "claim" and "trial_unseen" in values else ""
        return filled(f"{template} {also}".strip(), values)

    def _text(self, language: str) -> str:
        say = HEADINGS[language]
        places = [
            say["step"].format(step=self.step) if self.step is not None else "",
            say["layer"].format(layer=self.layer) if self.layer is not None else "",
        ]
        head = ", ".join([f"{self.words('title', language)} [{self.id}]", *filter(None, places)])
        lines = [*wrapped(head), *wrapped(self.words("claim", language), 2, 0)]
        for part in ("disproof", "remedy"):
            lines += wrapped(f"{say[part]}: {self.words(part, language)}", 2, 2)
            if part == "disproof":
                lines += wrapped(self.words("experiment", language), 4, 4)
        if self.consequences:
            lines += wrapped(f"{say['consequences']}:", 2)
            for each in self.consequences:
                at = f" ({say['step'].format(step=each.step)})" if each.step is not None else ""
                lines += wrapped(
                    f"- {each.words('title', language)} [{each.id}]{at}: {each.words('claim', language)}", 4, 2
                )
        return "\n".join(lines)

    def line(self, language: str = "en") -> str:
        """Return the finding in one line: what it is, and where.

        Parameters
        ----------
        language : str, default "en"
            English "en" or Korean "ko".

        Returns
        -------
        str
            The line.

        Raises
        ------
        SettingsError
            If the language is unknown.
        """
        return self.words("line", language) or self.words("title", language)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain JSON values.

        Returns
        -------
        dict
            The words in both languages.
        """
        parts = ("title", "claim", "disproof", "experiment", "remedy")
        return {
            "id": self.id,
            "severity": self.severity,
            "step": self.step,
            "layer": self.layer,
            "evidence": {name: plain_evidence(value) for name, value in self.evidence.items()},
            "text": {language: {part: self.words(part, language) for part in parts} for language in WORDS},
            "consequences": [each.to_dict() for each in self.consequences],
        }

    def because(self, consequences: Sequence[Finding]) -> Finding:
        """Return the same finding, explaining further ones too.

        Parameters
        ----------
        consequences : sequence of Finding
            What it explains.

        Returns
        -------
        Finding
            A copy with these consequences.
        """
        return replace(self, consequences=(*self.consequences, *consequences))

    def for_interface(self, interface: Interface) -> Finding:
        """Return the same finding for another reader.

        Parameters
        ----------
        interface : Interface
            Who reads it.

        Returns
        -------
        Finding
            A copy, its consequences too.
        """
        rest = tuple(each.for_interface(interface) for each in self.consequences)
        return replace(self, interface=interface, consequences=rest)


@dataclass(frozen=True)
class Diagnosis(Described):
    """What the doctor found, first cause first and faults before notes; made by `Run.doctor`.

    It iterates over its findings.

    Attributes
    ----------
    findings : tuple of Finding
        The findings.
    summary : mapping
        J at the start, at the end and of a constant output, and the number of steps.
    unjudged : tuple of str
        What could not be judged, and why.
    interface : Interface
        Who reads it.

    Examples
    --------
    >>> from chainrule.diagnose.doctor.finding import Diagnosis
    >>> Diagnosis(findings=()).healthy
    True
    """

    findings: tuple[Finding, ...]
    summary: Mapping[str, Any] = field(default_factory=dict)
    unjudged: tuple[str, ...] = ()
    interface: Interface = field(default_factory=python, compare=False, repr=False)

    def __repr__(self) -> str:
        shown = [each.id for each in self.faults[:4]] + ["…"] * (len(self.faults) > 4)
        n_notes = len(self.findings) - len(self.faults)
        notes = [counted(n_notes, "note")] if n_notes else []
        return f"Diagnosis({', '.join([*(shown or ['healthy']), *notes])})"

    def _repr_html_(self) -> str:
        return html(self, HEADINGS["en"])

    def for_interface(self, interface: Interface) -> Diagnosis:
        """Return the same diagnosis for another reader.

        Parameters
        ----------
        interface : Interface
            Who reads it: `chainrule.diagnose.doctor.interface` has those there are.

        Returns
        -------
        Diagnosis
            A copy whose experiments and remedies are put for that reader.
        """
        findings = tuple(finding.for_interface(interface) for finding in self.findings)
        return replace(self, findings=findings, interface=interface)

    @property
    def healthy(self) -> bool:
        """Whether there is no fault; notes are allowed."""
        return not self.faults

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that are faults."""
        return tuple(finding for finding in self.findings if finding.severity == FAULT)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __getitem__(self, i: int) -> Finding:
        return self.findings[i]

    def _text(self, language: str) -> str:
        say = HEADINGS[language]
        summary = {name: number(value) if isinstance(value, float) else value for name, value in self.summary.items()}
        blocks = ["\n".join(wrapped(filled(say["summary"], _Slots(summary))))]
        if "trial_steps" in summary:
            blocks.append("\n".join(wrapped(filled(say[f"sampled:{self.interface.name}"], _Slots(summary)))))
        faults, notes = self.faults, [finding for finding in self.findings if finding.severity != FAULT]
        blocks.append(say["healthy"] if not faults else say["ill"].format(n=len(faults)))
        for i, finding in enumerate(faults, start=1):
            blocks.append(f"{i}. {finding.text(language)}")
        if notes:
            blocks.append("\n\n".join([say["notes"], *(finding.text(language) for finding in notes)]))
        if self.unjudged:
            known, reader = UNJUDGED[language], self.interface.name
            sentences = [known.get(f"{name}:{reader}", known[name]) for name in self.unjudged]
            result = [line for sentence in sentences for line in wrapped(f"- {sentence}", 0, 2)]
            blocks.append("\n".join([say["unjudged"], *result]))
        return "\n\n".join(blocks)

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as plain JSON values.

        Returns
        -------
        dict
            Findings, summary, and what was not judged.
        """
        return {
            "healthy": self.healthy,
            "first_cause": self.faults[0].id if self.faults else None,
            "summary": {name: plain_evidence(value) for name, value in self.summary.items()},
            "findings": [finding.to_dict() for finding in self.findings],
            "unjudged": list(self.unjudged),
        }

    def to_json(self) -> str:
        """Return `to_dict` as one line of JSON.

        Returns
        -------
        str
            A number that is not finite is written as text.
        """
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)


class _Slots(dict[str, Any]):
    """Values for a template; one that is missing is shown as a dash rather than breaking the sentence."""

    def __missing__(self, key: str) -> str:
        return "–"


def _plain(value: Any) -> Any:
    if isinstance(value, bool | np.bool_ | str) or value is None:
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return number(value)
    if isinstance(value, list | tuple):
        return ", ".join(str(_plain(each)) for each in value)
    return str(value)
