"""Letters of languages: how well bytes read as words in each 8-bit or East Asian encoding.

Formula   cost of an encoding = min over its languages of Σ −ln p(character | language) over the distinct runs of bytes
          ≥ 0x40 that hold one ≥ 0x80; a letter the language does not use, a sign within a word, a capital after a small
          letter and an unassigned code cost what they are worth as counter-evidence
Source    the principle of Beesley (1988) and Li, Momoi (2001), "A composite approach to language/encoding detection"
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

FIRST_GROUP, GROUP_STEP = 2.0, 0.5
"""−ln p of the letters in the first group of a language, and what each further group adds."""
LETTERS = {
    "fr": "e érina tol csumgd ph bvè fqï yô êîçkwz jâ xû ë àñó",
    "de": "er sta nlhi ßcgöü ädmkbz upofw . j y v é . åó",
    "es": "a nrei ocsl tómíáugéd bzpñ vf úhq j yk x . wü à",
    "pt": ". aiorcs etnl muáã gçdpéíb fóêv âh úôqõz jx . ü k w",
    "it": ". aie tronls càdup mvgèù bhòfzq ìé . . kwxyjîóü",
    "ca": "a ins ràleo tcèmugbd í pvfò kóhxú zjqçü wy ö éï",
    "nl": ". aenli oërs dmébgh ftcuv kwpï jzâ öèû ç qåóü",
    "sv": ". rnsa etögkldä iom vbuå hjf écpy . w qz çíó",
    "da": "er sd tlngæøa ivkoj mbhu åpf y c . . . . xéü w",
    "no": "en sra øt glidåkb hvomj yuæ pf éc . . . . wçó",
    "is": "a skrín etl úmóu bgdivo jðpáh f yæö ýþ x é . z",
    "fi": ". inäeakl tru sjpov öymdh b š fgž cé . z wóqñ",
    "et": ". iaer tnsläou dõkvmphüš bgj ž fw . cö y z",
    "pl": ". aio kłeszwr cdynp tćugśbmńóż lęją h ź f",
    "cs": ". nao tikervsá ldíšpý muchbzč řějžé yg fů úň ó wť x ď ü",
    "sk": ". oaká nvries ltču mcdšhbp íjýyzé gžľ úňf ó ď ť ôw xä ŕ",
    "hu": ". ast reiánl zdékomvgyh böő fópcu íjü ú . . ű",
    "ro": "a ănier clot umsz țţgdbșş hpv fâk . . jw qéîó",
    "hr": "i aćo reknvč štlujsm dbžp g hcz f đ",
    "sl": "a inčš eokrv jlm tusžd bgp hz fc . . ć",
    "tr": ". aer intlü ukoısmhgçbdş ycv özfğp w . . â . j",
    "lt": "a ir nstųeuol ėkgmvd bh jčšūžp yfw cz . . ąę",
    "lv": ". aire stluno dāņvīk mbhšgjz pēcf ūw žļ čģyķ",
    "ru": ". аоине рксвтл ймд уягпбь чыз хфжш ц эю щ . . ё . ъ",
    "uk": "а онк рисеівл тьдмй угбпя чз хцшж фїю є щ . ґ",
    "bg": "а ионе крлвст мд угяпб чзйх ъшфцж ю ь щ",
    "sr": "аи ксн реот лујмдв гбп чз хшф ц џжњ љ . ђћ",
    "el": ". αο νριτκςλυσ εμπίάη γδωύ βόχήέφ ώζθ . ξ ψ ϊ . ΐ",
    "he": "יו אר להנמב תקדסגט ןפשע חזם צכ . ץ ף ך",
    "ar": "اي لر نوم بدسفعتك ةجهحش زقغصأ خط ضءئ ثظإى ؤذ آ",
    "th": ". นร าิอเ กมัล์วยตสี งุดคพชทะ่บ แธถซโ้ปจู หศภณญไ ขษืฟำ ็ผฐ ฉฮ ใฤฑ ึ๊ฒ ฎฏ ฝฆ",
}
"""Letters of words that hold a letter beyond ASCII, in groups of falling frequency; a dot is an empty group."""

_WESTERN = ("fr", "de", "es", "pt", "it", "ca", "nl", "sv", "da", "no", "is", "fi", "et")
_CENTRAL = ("pl", "cs", "sk", "hu", "ro", "hr", "sl", "de")
_CYRILLIC = ("ru", "uk", "bg", "sr")
ENCODINGS: dict[str, tuple[str, ...]] = {
    "cp1252": _WESTERN,
    "cp949": ("ko",),
    "cp1250": _CENTRAL,
    "iso-8859-2": _CENTRAL,
    "cp1254": ("tr",),
    "cp1251": _CYRILLIC,
    "koi8-r": ("ru", "bg"),
    "koi8-u": ("uk",),
    "cp932": ("ja",),
    "euc-jp": ("ja",),
    "gbk": ("zh-cn",),
    "big5": ("zh-tw",),
    "cp1253": ("el",),
    "iso-8859-7": ("el",),
    "cp1257": ("lt", "lv", "et"),
    "iso-8859-13": ("lt", "lv", "et"),
    "iso-8859-15": _WESTERN,
    "cp850": _WESTERN,
    "mac-roman": _WESTERN,
    "cp852": _CENTRAL,
    "cp866": _CYRILLIC,
    "iso-8859-5": _CYRILLIC,
    "cp1255": ("he",),
    "cp1256": ("ar",),
    "cp874": ("th",),
}
"""Encodings and the languages written in them; where two give the same text, the first is taken."""

LANGUAGES = (*LETTERS, "ko", "ja", "zh-cn", "zh-tw")

_COMMON = {
    "zh-cn": (
        "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天"
        "而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身"
        "些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力司限街市县区省州路号店张王李刘陈杨赵黄周"
        "吴徐孙胡朱林何郭马罗梁宋郑谢韩唐冯董萧程曹袁邓许傅沈北京南东西海广江山河湖云龙华建金安平新科技电网信"
    ),
    "zh-tw": (
        "的一是不了在人有我他這中大來上國個到說們為子和你地出道也時年得就那要下以生會自著去之過家學對可裡後小麼心多天"
        "而能好都然沒日於起還發成事只作當想看文無開手十用主行方又如前所本見經頭面公同三已老從動兩長知民樣現分將外但身"
        "些與高意進把法此實回二理美點月明其種聲全工己話兒者向情部正名定女問力司限街市縣區省州路號店張王李劉陳楊趙黃周"
        "吳徐孫胡朱林何郭馬羅梁宋鄭謝韓唐馮董蕭程曹袁鄧許傅沈北京南東西海廣江山河湖雲龍華建金安平新科技電網信臺灣台"
    ),
    "ja": (
        "日一国会人年大十二本中長出三同時政事自行社見月分議後前民生連五発間対上部東者党地合市業内相方四定今回新場金員"
        "九入選立開手米力学問高代明実円関決子動京全目表戦経通外最言氏現理調体化田当八六約主題下首意法不来作性的要用制"
        "治度務強気小七成期公野協取都和統以機平総加山思家話世受区領多県続進正安設保改株式限藤木村川佐井太橋松鈴石岡島"
        "伊美辺渡吉郎口崎香斎西陽真森浦福阪府町丁店品"
    ),
}
"""Han characters that half of a text is made of."""

_COMMON_SYLLABLES = (
    "c0ccb4d9b4c2bfa1c7cfb0edc0bbb0a1c0c7c1f6bbe7c7d1c0bab7ceb1e2b5b5b8a6bcadc0b8b4cfbeeec0dab4ebbec6b3aab8aebdc3"
    "b1d7b0cdb5e9bcf6c0d6c0cec7d8b8b8b0d4bab8c0cfc1a4bfa9bcbac1d6c0e5c0fcb0fabaceb6f3b9aeb0e6c1a6b1b8b5bfbbf3bdc5"
    "c1b6bff8c0a7bbfdbcb1bbeab0fcb9e6bcbcb1e8b9dac3d6b0adc0b1c0d3c8abbcdbc0afb1c7c8b2bec8b7f9b9e8b9e9c7e3b3b2bdc9"
    "b3ebb0fbc2f7bfecb9cec1f8bef6c3a4c3b5c7f6bcd5bee7baafbfb0c3dfbcd2bcaebcb3b8b6b1e6c7a5b8edbfd5c5b9bfc1c0b0b8cd"
    "baf3c1a1b3e0bacfc6afbab0b1a4bfaac0beb8e9b1babab4c7d0b1b3bef7c3bcc7fcc7b0c1beb0ddb3afc2a5b9f8c8a3b8a7c5c3bfef"
    "bff9b4e7bfebc8aec3ebc1f7c8b8c3bbbfacb9ccb1b9b3bbbfdcb1ddbed7b7aec0b2c7d5b0e8bdbabdc4c6aec4dabfb5b7e7b3d7c5a9"
    "b5e5bfc2b6f7b9d7bfc0b9dfb0f8b7b9baf1b8a3c5b8b7c1bebeb9d9c5ebb3cac7c1b1dbb9fab0b3c5dbc1d8b4dcb8dec6bcc1dfbaea"
    "b8f0c0bdc5cdc4abbcf7c6bdc7aabed3bcf8c3b7c6f7c7e0bed8b4f5bfb9bcfabcbec0a9b8b5c5d7c8b9b0dcbafbbedfb7c3c1eeb5ce"
    "bcc7bcd6c6c7b8a5c0e7bff6b3d8bff7bfa3b7a1bfc3c0dbc7d7b5f0"
)
"""Syllables of Korean names, places and everyday words, by their codes in KS X 1001."""

_IN_COMMON = frozenset("".join(_COMMON.values()))
_EDGE_SIGNS = set("\u00a0’‘“”„«»‚‹›–—…·•¿¡©®™†°²³¹ªºµ№\u200e\u200f")
"""Signs that touch a letter in good writing."""
_FREQUENT_SIGNS = "°²³€£"
_SIGNS = _EDGE_SIGNS | set("§£€¥½¼¾±×÷‰¢¤¶⁄√≤≥∞≈≠¬")
_SIGN, _TOUCHING, _INSIDE, _FOREIGN, _ODD_SIGN, _UNASSIGNED = 4.0, 7.0, 12.0, 12.0, 12.0, 40.0
_CAPITAL, _MIXED, _ALONE = 6.0, 12.0, 6.0
_RARE_ASCII, _ASCII_BESIDE = 9.0, 3.5
_BARE_SIGNS = "[" + re.escape("".join(sorted(_SIGNS - set("\u00a0’‘“”„«»‚‹›–—…")))) + "]"
_RARE = ("iso-8859-15", "cp850", "mac-roman", "cp852", "cp866", "iso-8859-5")
_MARKS = "\u0591-\u05c7\u064b-\u0652\u0e31-\u0e4e"
_OTHER_SCRIPTS = "[\u0370-\u0e7f\uff61-\uff9f]"
_PRIOR = {**dict.fromkeys(_RARE, 4.0), "cp949": -3.0}
"""−ln of how often an encoding is met, as far as it differs from that of the others."""
MOST_RUNS = 4_000
_RUN = re.compile(rb"[0-9\x40-\xff]*[\x80-\xff][0-9\x40-\xff]*")


@dataclass(frozen=True)
class Reading:
    """Bytes as one encoding reads them."""

    encoding: str
    text: str
    """The runs, one a line."""
    cost: float
    language: str
    odd: float
    """The share of characters beyond ASCII that the language does not write so."""


def runs(data: bytes) -> list[bytes]:
    """The distinct runs of bytes ≥ 0x40 and digits that hold one ≥ 0x80, as they appear; each number as 0.

    No encoding distinguished here has a byte below 0x40 within a character, but for four-byte codes of GB 18030.
    """
    found: dict[bytes, None] = {}
    for match in _RUN.finditer(data):
        found[re.sub(rb"[0-9]+", b"0", match.group())] = None
        if len(found) >= MOST_RUNS:
            break
    return list(found)


def readings(found: list[bytes], encodings: tuple[str, ...] = tuple(ENCODINGS)) -> list[Reading]:
    """How each encoding that can be reads the runs, the likeliest first; of those with the same text the first."""
    data, by_text = b"\n".join(found), dict[str, Reading]()
    for name in encodings:
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        if text not in by_text:
            by_text[text] = read_as(name, text)
    return sorted(by_text.values(), key=lambda reading: reading.cost)


def read_as(encoding: str, text: str, languages: tuple[str, ...] | None = None) -> Reading:
    """A text with the language that suits it best among those of the encoding."""
    languages = languages or ENCODINGS[encoding]
    characters = Counter(re.sub(r"[\x00-\x40\[-`{-~]", "", text.lower()).replace("\u0307", ""))
    context, n_odd = _context(text)
    n_beyond = max(1, sum(count for c, count in characters.items() if ord(c) >= 0x80))
    found = []
    for language in (*languages, "|".join(languages)) if len(languages) > 1 else languages:
        costs = {c: _cost(c, language) for c in characters}
        total = sum(costs[c] * count for c, count in characters.items()) + context
        foreign = sum(count for c, count in characters.items() if costs[c] >= _FOREIGN)
        found.append((total, language, (n_odd + foreign) / n_beyond))
    cost, language, odd = min(found, key=lambda entry: entry[0])
    prior = _PRIOR.get(encoding, 0.0)
    return Reading(encoding, text, cost + (prior if odd < 0.3 else max(prior, 0.0)), language, odd)


def _context(text: str) -> tuple[float, int]:
    """What the neighbours of characters cost, and how many stand where none would be written."""
    letter, sign = r"[^\W\d_²³¹¼½¾]", "[" + re.escape("".join(sorted(_SIGNS - _EDGE_SIGNS))) + "]"
    inside = len(re.findall(rf"(?<={letter})(?:[^\w\x00-\x7f’{_MARKS}]|[²³¹¼½¾])+(?={letter})", text))
    touching = len(re.findall(rf"{sign}(?={letter})|(?<={letter}){sign}", text))
    capital = _capitals(text)
    inside -= len(re.findall("l·(?=l)", text))  # as Catalan has it
    inside += len(re.findall(rf"(?<![\w{_MARKS}])[{_MARKS}]", text))  # a mark over nothing
    touching += len(re.findall(f"{_BARE_SIGNS}(?={_BARE_SIGNS})", text))
    alone = len(re.findall("(?m)^[\xc0-\u0e7f\uff61-\uff9f]$", text))
    alone += 2 * len(re.findall("(?m)^(?:0[\xc0-\u0e7f\uff61-\uff9f]0?|[\xc0-\u0e7f\uff61-\uff9f]0)$", text))
    alone += sum(han not in _IN_COMMON for han in re.findall("(?m)^0?([\u4e00-\u9fff])0?$", text))
    mixed = len(re.findall(f"[A-Za-z](?={_OTHER_SCRIPTS})|{_OTHER_SCRIPTS}(?=[A-Za-z])", text))
    cost = inside * _INSIDE + touching * _TOUCHING + capital * _CAPITAL + mixed * _MIXED + alone * _ALONE
    return cost, inside + touching + capital + mixed


def _capitals(text: str) -> int:
    """Capitals right after a small letter, one of both beyond ASCII."""
    pairs = itertools.pairwise(text)
    return sum(a.islower() and b.isupper() and not (a.isascii() and b.isascii()) for a, b in pairs)


@functools.cache
def _cost(character: str, language: str) -> float:
    """−ln p of a character in small letters; languages joined by "|" are as likely as each other."""
    if "|" in language:
        return min(_cost(character, name) for name in language.split("|")) + 1.0
    kind = unicodedata.category(character)
    if character in _SIGNS:
        return _SIGN if character not in _FREQUENT_SIGNS else _SIGN - 1.5
    if kind in ("Cc", "Co", "Cn"):
        return _UNASSIGNED
    if language in ("ko", "ja", "zh-cn", "zh-tw"):
        return _ASCII_BESIDE if character < "\x80" else _east_asian(character, language)
    if kind[0] not in "LM":
        return _ODD_SIGN
    known = _costs(language).get(character)
    if known is not None:
        return known
    if character >= "\x80":
        return _FOREIGN
    return _ASCII_BESIDE if language in (*_CYRILLIC, "el", "he", "ar", "th") else _RARE_ASCII


@functools.cache
def _costs(language: str) -> dict[str, float]:
    groups = LETTERS[language].split(" ")
    return {c: FIRST_GROUP + GROUP_STEP * i for i, group in enumerate(groups) for c in group if c != "."}


@functools.cache
def _common_syllables() -> frozenset[bytes]:
    packed = bytes.fromhex(_COMMON_SYLLABLES)
    return frozenset(packed[i : i + 2] for i in range(0, len(packed), 2))


def _east_asian(character: str, language: str) -> float:
    """By the levels of the national sets, whose first one holds what is in use."""
    code = ord(character)
    if 0x3000 <= code <= 0x303F or 0xFF00 <= code <= 0xFF60:
        return 6.0
    if language == "ko":
        if 0xAC00 <= code <= 0xD7A3:
            packed = character.encode("cp949")
            return 5.8 if packed in _common_syllables() else 8.8 if min(packed) >= 0xA1 else _FOREIGN
        return _FOREIGN if 0x4E00 <= code <= 0x9FFF or unicodedata.category(character)[0] == "L" else _SIGN
    if language == "ja" and 0x3040 <= code <= 0x30FF:
        return 4.5
    if language == "ja" and 0xFF61 <= code <= 0xFF9F:
        return 6.5
    if 0x4E00 <= code <= 0x9FFF:
        if character in _COMMON[language]:
            return 6.2
        national = {"ja": "euc_jp", "zh-cn": "gb2312", "zh-tw": "big5"}[language]
        last = {"ja": 0xCF, "zh-cn": 0xD7, "zh-tw": 0xC6}[language]
        packed = character.encode(national, "ignore")
        return _FOREIGN + 1 if len(packed) != 2 else 8.8 if packed[0] <= last else 11.0
    return _FOREIGN if unicodedata.category(character)[0] in "LN" else _ODD_SIGN - 3
