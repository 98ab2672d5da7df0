"""What says itself in words: one object, one text in each language."""

from __future__ import annotations

from chainrule.html_text import lines
from chainrule.words import known_language

MOST_LINES = 120
"""Of a text that a notebook shows by itself; printed, it is whole."""


class Described:
    """An object with a text in each language; printed, it is the English one."""

    def text(self, language: str = "en") -> str:
        """Return it in words and numbers, for a terminal of 80 columns.

        Parameters
        ----------
        language : str, default "en"
            English "en" or Korean "ko".

        Returns
        -------
        str
            Lines of at most 80 columns.

        Raises
        ------
        SettingsError
            If the language is unknown.
        """
        return self._text(known_language(language))

    def _text(self, language: str) -> str:
        """The text in a language that is known."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        whole = self.text().split("\n")
        left_out = [f"… {len(whole) - MOST_LINES:,} more lines: print() shows all"] if len(whole) > MOST_LINES else []
        return lines("\n".join(whole[:MOST_LINES] + left_out))
