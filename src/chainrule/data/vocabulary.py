"""Words beside numbers in tables: money, "about", and what people write where a number is not known."""

from __future__ import annotations

MONEY = frozenset(
    (
        *("USD", "EUR", "GBP", "KRW", "JPY", "CHF", "CAD", "AUD", "INR", "CNY", "RMB", "SEK", "NOK", "DKK", "PLN"),
        *("CZK", "HUF", "BRL", "MXN", "RUB", "TRY", "ZAR", "SGD", "HKD", "NZD", "IDR", "VND", "THB", "Rs", "Rs."),
        *("kr", "kr.", "Kr.", "zł", "Kč", "Ft", "Fr.", "Fr", "lei", "Rp", "RM"),
    )
)
"""What stands before an amount."""

ABOUT = frozenset(("ca", "ca.", "c.", "approx.", "about", "~", "≈", "±"))
"""What stands before a number that is not exact."""

WITHOUT_DECIMALS = frozenset(("₩", "\uc6d0", "KRW", "¥", "円", "元", "JPY", "₫", "VND", "Rp", "IDR"))
"""Currencies that have no smaller unit in use: 1.500 ₫ are fifteen hundred."""

UNKNOWN = frozenset(
    (
        *("unknown", "(unknown)", "unspecified", "undefined", "not available", "not known", "not specified"),
        *("not stated", "not reported", "not recorded", "not applicable", "no data", "no answer", "missing"),
        *(
            "(missing)",
            "<missing>",
            "n.a.",
            "n.a",
            "n.d.",
            "n/d",
            "n.k.",
            "empty",
            "(empty)",
            "blank",
            "(blank)",
            "tbd",
        ),
        *("unk", "unbekannt", "k. a.", "k.a.", "k.a", "keine angabe", "fehlt", "inconnu", "inconnue", "non renseigné"),
        *("desconocido", "sin datos", "desconhecido", "sconosciuto", "onbekend", "okänd", "ukjent", "ukendt"),
        *("nieznany", "brak", "brak danych", "neznámý", "neznámé", "ismeretlen", "неизвестно", "нет данных"),
        *("\ubd88\uba85", "\ubbf8\uc0c1", "\ubaa8\ub984", "\uc54c \uc218 \uc5c6\uc74c", "\ubbf8\ud655\uc778"),
        *("不明", "未知"),
    )
)
"""What stands for a number that is not known, in small letters."""
