"""Guess the encoding of texts that are not UTF-8, for messages.

A short text often fits several encodings; all of them are then named. General detectors need longer texts: charset-normalizer
3.5.3 takes `Иванов` in Windows-1251 for EUC-JP, and `créée` in Latin-1 for Windows-1251.
"""

from __future__ import annotations

import re

_GUESSED_BYTES = 1_024
CUT = "UTF-8 cut in the middle of a character"
_SHOWN = 3  # encodings of a guess

# Encoding -> Python's codec, and the bytes of its common characters: kana, punctuation, syllables of Hangul, ideographs of the
# first level. Other characters make up at most a fifth of a text.
_EAST_ASIAN = {
    "EUC-KR": ("euc_kr", rb"[\xa1-\xa3\xb0-\xc8][\xa1-\xfe]"),
    "GBK": ("gbk", rb"[\xa1\xa3\xb0-\xd7][\xa1-\xfe]"),
    "EUC-JP": ("euc_jp", rb"[\xa1-\xa5\xb0-\xcf][\xa1-\xfe]"),
    "Big5": ("big5", rb"[\xa1-\xc6][\x40-\x7e\xa1-\xfe]"),
    "Shift-JIS": (
        "shift_jis",  # with katakana of half width, one byte each, beside other characters
        rb"[\x81-\x83\x88-\x98][\x40-\xfc]|(?<=[\x81-\x98][\x40-\xfc])[\xa1-\xdf]+|[\xa1-\xdf]+(?=[\x81-\x98][\x40-\xfc])",
    ),
}
_COMMON = {
    name: re.compile(rb"(" + common + rb")|[\x80-\xff].|[\x00-\x7f]+", re.DOTALL)
    for name, (_, common) in _EAST_ASIAN.items()
}
_KANA = re.compile("[\u3040-\u30ff]")
_FEWEST_KANA = {"euc_jp": 1, "shift_jis": 2}  # that other encodings do not have by chance
_IN_A_ROW = re.compile(r"[^\x00-\x7f]{2}")
_IN_A_WORD = re.compile(r"[a-zA-Z][^\x00-\x7f]|[^\x00-\x7f][a-zA-Z]")
# Encoding -> Python's codec, the letters of its script, and their vowels, of which each word has one.
_ALPHABETS = {
    "Windows-1251": ("cp1251", "[\u0400-\u04ff]+", "[аеёиоуыэюяіїєў]"),
    "KOI8-R": ("koi8_u", "[\u0400-\u04ff]+", "[аеёиоуыэюяіїєў]"),
    "CP866": ("cp866", "[\u0400-\u04ff]+", "[аеёиоуыэюяіїє]"),
    "Windows-1253": ("cp1253", "[\u0370-\u03ff]+", "[αεηιουωάέήίόύώϊϋ]"),
}
_NO_TEXT = re.compile("[\u0080-\u00a0\u2200-\u25ff]")  # control codes, mathematical signs, boxes
_WORD = re.compile(r"[^\W\d_]+")
_ACCENTED = re.compile(r"[^\W\d_\x00-\x7f]+")
# No language that is written in Latin letters has four or more accented letters in a row, a sign within a word, or three signs
# in a row.
_NO_LATIN = re.compile(
    r"(?<![a-zA-Z])[^\W\d_\x00-\x7f]{4,}(?![a-zA-Z])|[^\W\d_\x00-\x7f]{5,}"
    r"|[^\W\d_][^\w\s\x00-\x7f’‘–—…·]+[^\W\d_]|[^\w\s\x00-\x7f’‘–—…·]{3}|[\x80-\x9f]"
)
# Turkish has these letters alone in Windows-1254, and no others with accents than these.
_TURKISH, _NOT_TURKISH = re.compile("[ĞİŞğış]"), re.compile(r"[^\x00-\x7fÇĞİÖŞÜÂÎÛçğıöşüâîû’‘“”–—…·]")
_ALL_ICELANDIC = re.compile(r"[\x00-\x7fÁÐÉÍÓÚÝÞÆÖáðéíóúýþæö’‘“”–—…·]+")


def guessed_encoding(raw: bytes) -> str:
    """The encodings that bytes which are not UTF-8 are probably in: `Latin-1`, `GBK or EUC-JP`; empty if none is known to fit.

    Some film scanners pad strings with 0xFF.
    """
    raw = raw.rstrip(b"\0") or raw
    if is_utf16(raw) or raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return "UTF-16"
    if raw.replace(b"\xff", b"").isascii():
        return "padding bytes 0xFF"
    damage, is_sure = _utf8_damage(raw)
    if is_sure:
        return damage
    found = _candidates(raw[:_GUESSED_BYTES])
    if damage:  # the last byte alone is above 0x7F: the first half of an accented letter, or a letter of Latin-1
        found = [damage, *found] if raw[-1] in b"\xc2\xc3" else [*found, damage]
    if len(found) > _SHOWN:
        found[_SHOWN:] = ["another encoding"]
    return " or ".join(filter(None, [", ".join(found[:-1]), *found[-1:]]))


def is_utf16(raw: bytes) -> bool:
    """Whether bytes look like UTF-16 of two Western letters or more: nearly every second one, and few others, are zero."""
    raw = raw[:_GUESSED_BYTES]
    even, odd = raw[::2].count(0), raw[1::2].count(0)
    return len(raw) > 3 and max(even, odd) * 8 >= 3 * len(raw) and min(even, odd) * 8 <= len(raw)


def _utf8_damage(raw: bytes) -> tuple[str, bool]:
    """How UTF-8 was damaged, and whether that is certain; empty if the bytes do not look like UTF-8."""
    kept = raw.decode("utf-8", "ignore")
    intact = sum(map(len, re.findall(r"[^\x00-\x7f]+", kept)))
    try:
        raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return CUT, intact > 0 or len(raw) - error.start > 1
        # By chance, a few bytes of EUC-KR and others are UTF-8.
        is_sure = intact > 3 * (len(raw) - len(kept.encode()))
        return ("damaged UTF-8", True) if is_sure else ("", False)
    return "UTF-8 with surrogates", True


def _candidates(raw: bytes) -> list[str]:
    """The encodings that fit, the most probable first."""
    found, is_sure = _east_asian(raw)
    if is_sure or (found and sum(byte >= 0x80 for byte in raw) > 6):
        return found
    return [*found, *_latin(raw), *_of_alphabets(raw)]


def _decoded(raw: bytes, codec: str) -> str:
    """The text; empty if the codec does not know a byte, except for a character that is cut at the end of a long text."""
    try:
        return raw.decode(codec)
    except UnicodeDecodeError as error:
        return raw[: error.start].decode(codec) if error.start + 2 > _GUESSED_BYTES else ""


def _east_asian(raw: bytes) -> tuple[list[str], bool]:
    """The encodings of Korean, Chinese and Japanese that fit, and whether kana exclude all others."""
    fits: list[str] = []
    count, is_sure = 0, False
    for name, (codec, _) in _EAST_ASIAN.items():
        text = _decoded(raw, codec)
        # An accented letter of Latin-1 and the letter behind it often decode as one character.
        if not text or (not _IN_A_ROW.search(text) and _IN_A_WORD.search(text)):
            continue
        characters = [each for each in _COMMON[name].finditer(raw) if each[0][0] >= 0x80]
        common = sum(each[1] is not None for each in characters)
        if 5 * common >= 4 * len(characters):
            if len(_KANA.findall(text)) >= _FEWEST_KANA.get(codec, len(text) + 1):
                return [name], True
            is_sure = is_sure or (not fits and common == len(characters))
            fits.append(name)
            count = len(characters)
    high = [byte for byte in raw if byte >= 0x80]
    if len(high) > 5 and min(high) >= 0xC0:
        return [], False  # letters of Windows-1251, KOI8-R or Windows-1253
    if count > 4 and len(fits) > 1:  # Japanese has kana, and in Big5 two in five characters end with a byte of ASCII
        fits = [name for name in fits if name not in {"EUC-JP", "Big5"}]
    # Hangul uses half of the rows of GBK's first level: without other characters, longer texts are Korean.
    return fits[:1] if count > 5 and (is_sure or fits[:1] != ["EUC-KR"]) else fits, False


def _of_alphabets(raw: bytes) -> list[str]:
    """The encodings of Cyrillic and Greek that fit: each word is of one script and case, and has a vowel."""
    fits = []
    for name, (codec, letters, vowels) in _ALPHABETS.items():
        text = _decoded(raw, codec)
        words = [word for word in _WORD.findall(text) if not word.isascii()]
        if (
            _NO_TEXT.search(text) is None
            and any(len(word) > 1 for word in words)
            and all(
                re.fullmatch(letters, word)
                and word in {word.lower(), word.upper(), word.capitalize()}
                and (len(word) == 1 or re.search(vowels, word.lower()))
                for word in words
            )
        ):
            fits.append(name)
    return fits


def _latin(raw: bytes) -> list[str]:
    """The encodings of Latin letters that fit."""
    has_c1 = any(0x80 <= byte < 0xA0 for byte in raw)
    western = _decoded(raw, "cp1252")
    turkish = ["Windows-1254"] if _is_turkish(_decoded(raw, "cp1254")) else []
    if _is_latin(western):
        if turkish and not _ALL_ICELANDIC.fullmatch(western):
            return turkish
        is_mac = re.search("[ŠŒŽšœžŸƒ]", western) and _is_latin(_decoded(raw, "mac_roman"))
        return ["Windows-1252" if has_c1 else "Latin-1", *(["Mac Roman"] if is_mac else []), *turkish]
    others = {"Windows-1250": "cp1250", **({"Mac Roman": "mac_roman"} if has_c1 else {})}
    return [*turkish, *(name for name, codec in others.items() if _is_latin(_decoded(raw, codec)))]


def _is_turkish(text: str) -> bool:
    """Whether a text has letters that Turkish alone has in Windows-1254, no other ones, and letters without accents as well."""
    letters = "".join(word for word in _WORD.findall(text) if not word.isascii())
    accented = sum(map(len, _ACCENTED.findall(letters)))
    return bool(_TURKISH.search(text)) and not _NOT_TURKISH.search(text) and 3 * accented <= 2 * len(letters)


def _is_latin(text: str) -> bool:
    """Whether accented letters and signs are where words in Latin letters have them."""
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    runs = [run for word in words for run in _ACCENTED.findall(word)]
    return (
        bool(text)
        and not _NO_LATIN.search(text)
        and all(run in {run.lower(), run.upper(), run.capitalize()} for run in runs)
        and not any(word[:-1].islower() and word[-1].isupper() for word in words)
    )
