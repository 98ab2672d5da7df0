"""Encodings: every table is read as its language writes, or the candidates are shown; none becomes other names."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from chainrule.data import letters
from chainrule.data.encoding import UndecodableError, detect
from chainrule.data.read import read
from chainrule.data.table import Selection
from chainrule.errors import DataError

CENTRAL, WESTERN = "cp1250 iso-8859-2", "latin-1 cp1252 iso-8859-15"
WORDS = {
    "Polish": ("Łódź Kraków Gdańsk Poznań Wrocław Świętochłowice Częstochowa Żary kobieta mężczyzna", CENTRAL),
    "Czech": ("Plzeň Děčín Třebíč Říčany Ústí Žďár muž žena Šumperk Hradec Králové", CENTRAL),
    "Hungarian": ("Győr Pécs Székesfehérvár Kecskemét Nyíregyháza Érd férfi nő Hódmezővásárhely Gyűjtő", CENTRAL),
    "Slovak": ("Košice Žilina Prešov Banská Bystrica Poprad Ľubica Liptovský Mikuláš muž žena Piešťany", CENTRAL),
    "Croatian": ("Šibenik Požega Čakovec Đakovo Vukovarska Križevci Varaždin Poreč", CENTRAL),
    "Romanian": ("Iaşi Braşov Timişoara Bucureşti Constanţa Piteşti Galaţi Târgu Mureş bărbat femeie", CENTRAL),
    "German": ("München Köln Düsseldorf Fürth Gießen Österreich männlich größer Straße", WESTERN),
    "French": ("Orléans Besançon Nîmes Évry Angoulême Alès élève très Béziers Châteauroux", "latin-1 cp1252 cp850"),
    "Spanish": ("España Málaga Córdoba Cádiz León año niño Logroño teléfono situación", WESTERN),
    "Portuguese": ("São Paulo Brasília Goiânia Maceió João Conceição Belém Ribeirão não endereço", WESTERN),
    "Swedish": ("Malmö Göteborg Örebro Västerås Jönköping Umeå Gävle Södertälje Luleå", WESTERN),
    "Danish": ("København Århus Ålborg Næstved Hillerød Helsingør mænd Sønderborg række Kærgård", WESTERN),
    "Finnish": ("Jyväskylä Hämeenlinna Espoo Järvenpää Mäntsälä Pöytyä mies hyvä", WESTERN),
    "Icelandic": ("Reykjavík Kópavogur Hafnarfjörður Akranes Garðabær Ísafjörður Þorlákshöfn Egilsstaðir", WESTERN),
    "Turkish": ("İstanbul İzmir Diyarbakır Şanlıurfa Muğla Eskişehir erkek kadın Gümüşhane Çankırı", "cp1254"),
    "Lithuanian": ("Šiauliai Klaipėda Panevėžys Kėdainiai Mažeikiai vyras Tauragė Žemaitija", "cp1257 iso-8859-13"),
    "Latvian": ("Rīga Jūrmala Liepāja Rēzekne Cēsis Ķekava sieviete vīrietis Ogre Jēkabpils", "cp1257 iso-8859-13"),
    "Russian": ("Москва Санкт-Петербург Новосибирск Казань мужской женский Уфа", "cp1251 koi8-r cp866 iso-8859-5"),
    "Ukrainian": ("Київ Львів Вінниця Чернівці Запоріжжя Івано-Франківськ жіноча чоловіча", "cp1251 koi8-u"),
    "Greek": ("Αθήνα Θεσσαλονίκη Πάτρα Ηράκλειο Λάρισα άνδρας γυναίκα Ρόδος", "cp1253 iso-8859-7"),
    "Hebrew": ("ירושלים חיפה אשדוד נתניה גבר אישה תלאביב", "cp1255"),
    "Korean": ("서울 강남구 부산 해운대 남자 여자 대전", "cp949"),
    "Japanese": ("東京都 大阪府 なごや カタカナ 男性 女性 北海道", "cp932 euc-jp"),
    "simplified Chinese": ("北京市 上海市 广东省 深圳市 男 女 朝阳区 有限公司", "gbk"),
    "traditional Chinese": ("臺北市 高雄市 新竹縣 男 女 有限公司 臺中市 信義區", "big5"),
}  # fmt: skip
CASES = [(language, name) for language, (_, names) in WORDS.items() for name in names.split()]


def written(words: list[str], encoding: str) -> bytes:
    rows = "".join(f"{i % 7};{words[i % len(words)]};{i % 2}\n" for i in range(2 * len(words)))
    return ("a;b;y\n" + rows).encode(encoding)


@pytest.mark.parametrize(("language", "name"), CASES)
def test_each_language_in_its_encodings(language: str, name: str, tmp_path: Path) -> None:
    """Ten words are evidence enough: the levels are the words, and the dialect says what was found."""
    words = WORDS[language][0].split()
    path = tmp_path / "rows.csv"
    path.write_bytes(written(words, name))
    table = read(path, Selection(targets=("y",), kinds={"b": "category"}))
    assert set(table.column("b").levels or ()) == set(words)
    assert "(detected)" in table.dialect
    stated = read(path, Selection(targets=("y",), kinds={"b": "category"}, encoding=name))
    assert stated.column("b").levels == table.column("b").levels


@pytest.mark.parametrize(
    ("words", "name", "shown"),
    [
        ("Gdańsk plain", "cp1250", ("'Gdańsk' in cp1250", "'Gdañsk' in cp1252")),
        ("España plain", "latin-1", ("'España' in cp1252", "'Espańa' in cp1250")),
        ("Győr plain", "cp1250", ("'Győr' in cp1250", "'Gyõr' in cp1252")),
        ("Diyarbakır plain", "cp1254", ("'Diyarbakır' in cp1254", "'Diyarbakýr' in cp1252")),
        ("São plain", "latin-1", ("'São' in cp1252", "'Săo' in cp1250")),
        ("é plain", "latin-1", ("'é' in cp1252",)),
    ],
)
def test_what_is_not_clear_is_asked(words: str, name: str, shown: tuple[str, ...], tmp_path: Path) -> None:
    """The candidates as they would read, the line, and the option that answers; the answer is then taken."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a;b;y\n1;x;0\n" + written(words.split(), name)[6:])
    with pytest.raises(DataError, match="not clear") as caught:
        read(path, Selection(targets=("y",)))
    assert caught.value.line == 3
    for entry in (*shown, "--encoding"):
        assert entry in str(caught.value)
    table = read(path, Selection(targets=("y",), encoding=name))
    assert set(table.column("b").levels or ()) == {*words.split(), "x"}


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_rows_of_utf8_among_others(share: float, tmp_path: Path) -> None:
    """A file of two encodings is refused at a row of one of them, whichever has more rows."""
    n = 100
    rows = [("Orléans" if i % 2 else "Besançon", "utf-8" if i < share * n else "latin-1") for i in range(n)]
    body = b"".join(f"{i};{word};{i % 2}\n".encode(name) for i, (word, name) in enumerate(rows))
    (tmp_path / "rows.csv").write_bytes(b"a;b;y\n" + body)
    with pytest.raises(DataError, match="UTF-8") as caught:
        read(tmp_path / "rows.csv", Selection(targets=("y",)))
    assert caught.value.line is not None


def test_a_later_part_in_another_encoding(tmp_path: Path) -> None:
    """What the first megabyte says does not hold for a later one that clearly reads otherwise."""
    french = written(WORDS["French"][0].split(), "latin-1") + b"1;Orl\xe9ans;0\n" * 400_000
    polish = written(WORDS["Polish"][0].split(), "cp1250")[6:]
    (tmp_path / "rows.csv").write_bytes(french + polish)
    with pytest.raises(DataError, match="reads as cp1252 before this line, and here as cp1250"):
        read(tmp_path / "rows.csv", Selection(targets=("y",)))


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (b"\xc0\xaf", "overlong"),
        (b"\xc1\x81", "overlong"),
        (b"\xe0\x80\x80", "overlong"),
        (b"\xc0\x80", "overlong"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "half of a pair"),
    ],
)
def test_forms_that_utf8_does_not_have(odd: bytes, words: str, tmp_path: Path) -> None:
    """Overlong forms and surrogates are named as such, never read as other letters."""
    for beside in (b"plain", "Malmö".encode()):
        (tmp_path / "rows.csv").write_bytes(b"a,b,y\n1,%s,0\n2,x%sz,1\n" % (beside, odd))
        with pytest.raises(DataError, match=words) as caught:
            read(tmp_path / "rows.csv", Selection(targets=("y",)))
        assert caught.value.line == 3


@pytest.mark.parametrize("stated", [None, "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("n_marks", [1, 2, 3])
def test_byte_order_marks_are_no_part_of_the_first_name(stated: str | None, n_marks: int, tmp_path: Path) -> None:
    """One mark or several, the encoding stated or not: the column is `age`."""
    (tmp_path / "rows.csv").write_bytes(b"\xef\xbb\xbf" * n_marks + "age,b,y\n1,é,0\n2,ö,1\n".encode())
    assert read(tmp_path / "rows.csv", Selection(targets=("y",), encoding=stated)).names == ("age", "b")


def test_a_mark_at_a_later_line(tmp_path: Path) -> None:
    """Two files put together are refused where the second begins."""
    (tmp_path / "rows.csv").write_bytes("age,y\n1,0\n2,1\n\ufeffage,y\n3,0\n".encode())
    with pytest.raises(DataError, match="byte order mark") as caught:
        read(tmp_path / "rows.csv", Selection(targets=("y",), encoding="utf-8"))
    assert caught.value.line == 4


@pytest.mark.parametrize(
    ("words", "name"),
    [("東京 大阪 なごや", "iso2022_jp"), ("서울 부산 대전", "iso2022_kr")],
)
def test_seven_bits_with_escape_sequences(words: str, name: str, tmp_path: Path) -> None:
    """ISO 2022 holds no byte beyond ASCII and is read by its escape sequences."""
    (tmp_path / "rows.csv").write_bytes(written(words.split(), name))
    table = read(tmp_path / "rows.csv", Selection(targets=("y",), kinds={"b": "category"}))
    assert set(table.column("b").levels or ()) == set(words.split())


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf16_without_a_mark(order: str, tmp_path: Path) -> None:
    """It is asked with its first line as it would read, and read when stated."""
    path = tmp_path / "rows.csv"
    path.write_bytes("age,b,y\n1,é,0\n2,ö,1\n".encode(f"utf-16-{order}"))
    with pytest.raises(DataError, match=f"as utf-16-{order} its first line reads 'age,b,y'.*--encoding utf-16-{order}"):
        read(path, Selection(targets=("y",)))
    assert read(path, Selection(targets=("y",), encoding=f"utf-16-{order}")).names == ("age", "b")
    path.write_bytes(b"".join([b"\xff\xfe" if order == "le" else b"\xfe\xff", path.read_bytes()]))
    assert read(path, Selection(targets=("y",))).names == ("age", "b")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("20 °C;5 m²", "latin-1"),
        ("£100;£2,50", "latin-1"),
        ("12 µm;3 µm", "latin-1"),
        ("5 €;“new” – it’s", "cp1252"),
        ("100€;20€", "cp1252"),
        ("20°C", "latin-1"),
        ("5 m²;3 m³", "latin-1"),
        ("±5;·", "latin-1"),
    ],
)
def test_signs_alone(text: str, name: str) -> None:
    """Degrees, squares and quotes are signs here and letters elsewhere: read as signs, or asked."""
    try:
        found = detect(text.encode(name))
    except UndecodableError as error:
        assert f"in {'cp1252' if name == 'latin-1' else name}" in str(error)  # noqa: PT017
        assert text in ("±5;·", "12 µm;3 µm")
    else:
        assert text.encode(name).decode(found) == text


def test_packed_and_late(tmp_path: Path) -> None:
    """The first letters beyond ASCII may stand far down, in an archive too; the dialect names what was found there."""
    rows = b"a;b;y\n" + b"1;plain;0\n2;x;1\n" * 30_000
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(rows + written(WORDS["Polish"][0].split(), "cp1250")[6:]))
    table = read(tmp_path / "rows.csv.gz", Selection(targets=("y",), kinds={"b": "category"}))
    assert "cp1250 (detected)" in table.dialect
    assert "Łódź" in (table.column("b").levels or ())


def test_letters_are_told_apart_by_hand() -> None:
    """The byte 0xf1 is ń among Polish letters and ñ among Spanish ones: costs are sums of the groups' costs."""
    polish = letters.read_as("cp1250", "ń")
    group = next(i for i, group in enumerate(letters.LETTERS["pl"].split(" ")) if "ń" in group)
    assert polish.language == "pl"
    assert polish.cost == letters.FIRST_GROUP + letters.GROUP_STEP * group + 6  # a letter that stands alone
