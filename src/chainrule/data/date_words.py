"""Words in dates: months and weekdays by name, and the signs of Korean, Japanese and Chinese, as numbers and marks."""

from __future__ import annotations

import re
from typing import Any

from chainrule.data.arrow_arrays import texts as array_of

MONTHS: tuple[str, ...] = (
    "january jan januar jän jänner janvier janv ene enero gennaio gen janeiro januari",
    "february feb februar février févr fév febrero febbraio fevereiro fev februari",
    "march mar märz mär mrz mars marzo março maart mrt",
    "april apr avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei",
    "june jun juni juin junio giugno giu junho",
    "july jul juli juil juillet julio luglio lug julho",
    "august aug août agosto ago augustus",
    "september sep sept septembre septiembre settembre set setembro",
    "october oct okt oktober octobre octubre ottobre ott outubro out",
    "november nov novembre noviembre novembro",
    "december dec dez dezember décembre déc diciembre dic dicembre dezembro",
)
"""Each month in English, German, French, Spanish, Italian, Portuguese and Dutch, whole and cut short."""

_WEEKDAYS = (
    "mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun sunday "
    "montag dienstag mittwoch donnerstag freitag samstag sonntag lundi mardi mercredi jeudi vendredi samedi dimanche "
    "lunes martes miércoles jueves viernes sábado domingo"
)
_YEAR, _MONTH, _DAY = "[\ub144\u5e74]", "[\uc6d4\u6708]", "[\uc77c\u65e5]"
_HOUR, _MINUTE, _SECOND = "[\uc2dc\u65f6\u6642]", "[\ubd84\u5206]", "[\ucd08\u79d2]"
_KOREAN_WEEKDAY = " ?\\(?[\uc6d4\ud654\uc218\ubaa9\uae08\ud1a0\uc77c](?:\uc694\uc77c)?\\)?"
_AM, _PM = "(?:\uc624\uc804|\u4e0a\u5348|\u5348\u524d)", "(?:\uc624\ud6c4|\u4e0b\u5348|\u5348\u5f8c)"
_CJK = (
    (f"([0-9]) ?{_YEAR} ?([0-9]+) ?{_MONTH} ?([0-9]+) ?{_DAY}", r"\1-\2-\3"),
    (f"([0-9]) ?{_YEAR} ?([0-9]) ?{_MONTH}$", r"\1 M0\2"),
    (f"([0-9]) ?{_YEAR} ?([0-9]{{2}}) ?{_MONTH}$", r"\1 M\2"),
    (f"([0-9]\\.?){_KOREAN_WEEKDAY}([ ,T]|$)", r"\1\2"),
    (f"([0-9]) ?{_HOUR} ?([0-9]) ?{_MINUTE}", r"\1:0\2"),
    (f"([0-9]) ?{_HOUR} ?([0-9]{{2}}) ?{_MINUTE}", r"\1:\2"),
    (f"(:[0-9]{{2}}) ?([0-9]) ?{_SECOND}", r"\1:0\2"),
    (f"(:[0-9]{{2}}) ?([0-9]{{2}}) ?{_SECOND}", r"\1:\2"),
    (f"([0-9]) ?{_HOUR}$", r"\1:00"),
    (f"{_AM} ?([0-9:]+)", r"\1 AM"),
    (f"{_PM} ?([0-9:]+)", r"\1 PM"),
)
"""Dates, weekdays and times as Korean, Japanese and Chinese write them, and what stands for them."""


_NUMBER = {name: f"M{number:02}" for number, names in enumerate(MONTHS, start=1) for name in names.split()}
_WEEKDAY = re.compile(rf"^(?:{'|'.join(sorted(_WEEKDAYS.split(), key=len, reverse=True))})\b(?:\.?,?\s+|\.?,)", re.I)
_NAME = re.compile(r"([^\W\d_]{3,})\.?")


def tidy(texts: Any) -> Any:
    """Texts with each month's name as M01 … M12, numbers and marks in place of East Asian signs, without weekdays."""
    import pyarrow
    import pyarrow.compute as pc

    if pc.any(pc.match_substring_regex(texts, "[\u4e00-\u9fff\uac00-\ud7a3]")).as_py():
        for pattern, plain in _CJK:
            texts = pc.replace_substring_regex(texts, pattern, plain)
    if not pc.any(pc.match_substring_regex(texts, "[A-Za-z]{3}")).as_py():
        return texts
    return array_of([_without_names(text) for text in texts.to_pylist()], pyarrow.string())


def _without_names(text: str) -> str:
    if text.isascii() and not any(letter.isalpha() for letter in text):
        return text
    plain = _NAME.sub(lambda found: _NUMBER.get(found[1].lower(), found[0]), _WEEKDAY.sub("", text))
    return re.sub(" ?(?:UTC|GMT)$", "Z", plain)
