"""What says itself in words: one object, one text in each language."""

from __future__ import annotations

from chainrule.words import known_language


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
