"""Functions of strings."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.frame import Function, Run, call
from waypost.mapping.jsonata.match import Found, Regex, matches
from waypost.mapping.jsonata.value import MAX_NESTING, MAX_TEXT, NOTHING, Sequence, is_number, number, single, text_of

_COMPONENT = "!'()*~-_."
_WHOLE = _COMPONENT + ";/?:@&=+$,#"


def string(value: Any = NOTHING, pretty: Any = NOTHING) -> Any:
    """The value as text: a string as it is, a function as '', anything else as JSON."""
    if value is NOTHING or isinstance(value, str):
        return value
    if callable(value):
        return ""
    if value is True or value is False or value is None:
        return json.dumps(value)
    if is_number(value):
        return text_of(value)
    if not isinstance(value, list | dict):
        raise JsonataError("D3001", -1, type(value).__name__)
    parts: list[str] = []
    _write(value, "\n" if pretty is True else "", parts, [MAX_TEXT], 0)
    return "".join(parts)


def _write(value: Any, line: str, parts: list[str], left: list[int], depth: int) -> None:
    """The function ``$string``."""
    if depth > MAX_NESTING:
        raise JsonataError("U1002")
    begin = len(parts)
    inner = line + "  " if line else ""
    if isinstance(value, list) and value:
        for at, item in enumerate(value):
            parts.append(("[" if at == 0 else ",") + inner)
            _write(item, inner, parts, left, depth + 1)
        parts.append(line + "]")
    elif isinstance(value, dict) and value:
        for at, (key, item) in enumerate((k, v) for k, v in value.items() if v is not NOTHING):
            name = json.dumps(key, ensure_ascii=False)
            parts.append(("{" if at == 0 else ",") + inner + name + (": " if line else ":"))
            _write(item, inner, parts, left, depth + 1)
        parts.append(line + "}")
    elif isinstance(value, list | dict):
        parts.append("[]" if isinstance(value, list) else "{}")
    else:
        parts.append(json.dumps(value, ensure_ascii=False) if isinstance(value, str) else string(value) or '""')
    left[0] -= len(parts[begin]) + len(parts[-1])
    if left[0] < 0:
        raise JsonataError("U1002")


def _sized(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise JsonataError("U1002")
    return text


def substring(text: Any, start: Any, length: Any = NOTHING) -> Any:
    """The function ``$substring``."""
    if text is NOTHING:
        return NOTHING
    begin = int(start)
    if len(text) + begin < 0:
        begin = 0
    if length is NOTHING:
        return text[begin:]
    if length <= 0:
        return ""
    end = begin + int(length) if begin >= 0 else len(text) + begin + int(length)
    return text[begin:end]


def substring_before(text: Any, chars: Any) -> Any:
    """The function ``$substringBefore``."""
    return NOTHING if text is NOTHING else text.split(chars, 1)[0] if chars else ""


def substring_after(text: Any, chars: Any) -> Any:
    """The function ``$substringAfter``."""
    return NOTHING if text is NOTHING else text.split(chars, 1)[1] if chars and chars in text else text


def trim(text: Any) -> Any:
    """The function ``$trim``."""
    return NOTHING if text is NOTHING else re.sub(r"[ \t\n\r]+", " ", text).strip(" ")


def pad(text: Any, width: Any, char: Any = NOTHING) -> Any:
    """The function ``$pad``."""
    if text is NOTHING:
        return NOTHING
    missing = int(abs(width)) - len(text)
    if missing <= 0:
        return text
    filler = char if char is not NOTHING and char else " "
    if missing > MAX_TEXT:
        raise JsonataError("U1002")
    made = (filler * (missing // len(filler) + 1))[:missing]
    return text + made if width > 0 else made + text


def contains(run: Run, text: Any, token: Any) -> Any:
    """The function ``$contains``."""
    if text is NOTHING:
        return NOTHING
    if token is NOTHING:
        return NOTHING
    if isinstance(token, str):
        return token in text
    if isinstance(token, Regex):
        run.spend(1 + (len(text) >> 4))
        return token.compiled.search(text) is not None
    return next(matches(run, token, text), None) is not None


def match(run: Run, text: Any, pattern: Any, limit: Any = NOTHING) -> Any:
    """The function ``$match``."""
    if text is NOTHING:
        return NOTHING
    if limit is not NOTHING and limit < 0:
        raise JsonataError("D3040", -1, limit)
    found = Sequence()
    for one in _limited(matches(run, pattern, text), limit):
        found.append({"match": one.text, "index": one.start, "groups": one.groups})
    return found


def _limited(found: Iterator[Found], limit: Any) -> Iterator[Found]:
    for count, one in enumerate(found):
        if limit is not NOTHING and count >= limit:
            return
        yield one


def split(run: Run, text: Any, separator: Any, limit: Any = NOTHING) -> Any:
    """The function ``$split``."""
    if text is NOTHING:
        return NOTHING
    if limit is not NOTHING and limit < 0:
        raise JsonataError("D3020", -1, limit)
    run.spend(1 + (len(text) >> 2))
    most = None if limit is NOTHING else int(limit)
    if isinstance(separator, str):
        return (text.split(separator) if separator else list(text))[:most]
    parts: list[str] = []
    at = 0
    for one in matches(run, separator, text):
        if most is not None and len(parts) >= most:
            return parts
        parts.append(text[at : one.start])
        at = one.end
    return [*parts, text[at:]][:most]


def join(texts: Any, separator: Any = NOTHING) -> Any:
    """The function ``$join``."""
    if texts is NOTHING:
        return NOTHING
    between = "" if separator is NOTHING else separator
    if sum(map(len, texts)) + len(between) * len(texts) > MAX_TEXT:
        raise JsonataError("U1002")
    return between.join(texts)


def replace(run: Run, text: Any, pattern: Any, replacement: Any, limit: Any = NOTHING) -> Any:
    """The function ``$replace``."""
    if text is NOTHING:
        return NOTHING
    if pattern == "":
        raise JsonataError("D3010", -1, 2)
    if limit is not NOTHING and limit < 0:
        raise JsonataError("D3011", -1, 4)
    if isinstance(pattern, str) and isinstance(replacement, str):
        most = -1 if limit is NOTHING else int(limit)
        if text.count(pattern) * len(replacement) > MAX_TEXT:
            raise JsonataError("U1002")
        return text.replace(pattern, replacement, most)
    found = matches(run, pattern, text) if not isinstance(pattern, str) else _places(text, pattern)
    parts, at, size = list[str](), 0, 0
    for one in _limited(found, limit):
        made = _expand(replacement, one) if isinstance(replacement, str) else _asked(run, replacement, one)
        parts += (text[at : one.start], made)
        at = one.end
        size += len(made)
        if size > MAX_TEXT:
            raise JsonataError("U1002")
    return _sized("".join([*parts, text[at:]]))


def _places(text: str, pattern: str) -> Iterator[Found]:
    at = text.find(pattern)
    while at >= 0:
        yield Found(pattern, at, at + len(pattern), [])
        at = text.find(pattern, at + len(pattern))


def _asked(run: Run, replacement: Function, one: Found) -> str:
    answer = call(run, replacement, {"match": one.text, "start": one.start, "end": one.end, "groups": one.groups})
    if not isinstance(answer, str):
        raise JsonataError("D3012", -1, answer)
    return answer


def _expand(template: str, one: Found) -> str:
    """``$0``, ``$1`` … replaced; of ``$12`` as many digits count as there are groups, ``$$`` is ``$``."""
    made, at, count = "", 0, len(one.groups)
    while (mark := template.find("$", at)) >= 0:
        made += template[at:mark]
        at = mark + 1
        if template[at : at + 1] == "$":
            made, at = made + "$", at + 1
            continue
        digits = re.match(r"[0-9]+", template[at:])
        if digits is None:
            made += "$"
            continue
        most = max(1, len(str(count)))
        number_ = digits[0][:most]
        if len(number_) > 1 and int(number_) > count:
            number_ = number_[:-1]
        if number_ == "0":
            made += one.text
        elif 0 < int(number_) <= count and isinstance(one.groups[int(number_) - 1], str):
            made += one.groups[int(number_) - 1]
        at += len(number_)
    return made + template[at:]


def encode_base64(text: Any) -> Any:
    """The function ``$base64encode``."""
    return NOTHING if text is NOTHING else base64.b64encode(text.encode("latin-1", "replace")).decode()


def decode_base64(text: Any) -> Any:
    """The function ``$base64decode``."""
    if text is NOTHING:
        return NOTHING
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("latin-1")
    except (binascii.Error, ValueError):
        raise JsonataError("D3137", -1, text, "the text is not Base64") from None


def _encoded(text: Any, safe: str) -> Any:
    if text is NOTHING:
        return NOTHING
    try:
        return _sized(quote(text, safe=safe))
    except UnicodeEncodeError:
        raise JsonataError("D3140", -1, repr(text)) from None


def _decoded(text: Any, keep: str) -> Any:
    if text is NOTHING:
        return NOTHING
    marks = re.sub(r"%(?![0-9a-fA-F]{2})", "\udc00", text)
    if "\udc00" in marks:
        raise JsonataError("D3140", -1, text)
    kept = re.sub(r"%([0-9a-fA-F]{2})", lambda m: m[0].replace("%", "%25") if chr(int(m[1], 16)) in keep else m[0],
                  text)  # fmt: skip
    try:
        return unquote(kept, errors="strict")
    except UnicodeDecodeError:
        raise JsonataError("D3140", -1, text) from None


def to_number(value: Any) -> Any:
    """A number of a number, a boolean or a text in JSON's (or 0x, 0o, 0b) notation. Raises D3030."""
    if value is NOTHING or type(value) is int or type(value) is float or type(value) is Decimal:
        return value
    if value is True or value is False:
        return int(value)
    if re.fullmatch(r"-?([0-9]+)(\.[0-9]+)?([Ee][-+]?[0-9]+)?", value):
        made = float(value)
        if abs(made) != float("inf"):
            return int(made) if made.is_integer() and abs(made) <= 1 << 53 else made
    elif re.fullmatch(r"0([xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)", value):
        return number(int(value, 0))
    raise JsonataError("D3030", -1, value)


FUNCTIONS: dict[str, tuple[Any, str]] = {
    "string": (string, "<x-b?:s>"), "substring": (substring, "<s-nn?:s>"),
    "substringBefore": (substring_before, "<s-s:s>"), "substringAfter": (substring_after, "<s-s:s>"),
    "lowercase": (lambda t: NOTHING if t is NOTHING else t.lower(), "<s-:s>"),
    "uppercase": (lambda t: NOTHING if t is NOTHING else t.upper(), "<s-:s>"),
    "length": (lambda t: NOTHING if t is NOTHING else len(t), "<s-:n>"), "trim": (trim, "<s-:s>"),
    "pad": (pad, "<s-ns?:s>"), "join": (join, "<a<s>s?:s>"),
    "base64encode": (encode_base64, "<s-:s>"), "base64decode": (decode_base64, "<s-:s>"),
    "encodeUrlComponent": (lambda t: _encoded(t, _COMPONENT), "<s-:s>"), "encodeUrl": (lambda t: _encoded(t, _WHOLE),
    "<s-:s>"), "decodeUrlComponent": (lambda t: _decoded(t, ""), "<s-:s>"),
    "decodeUrl": (lambda t: _decoded(t, ";/?:@&=+$,#"), "<s-:s>"), "number": (to_number, "<(nsb)-:n>"),
}  # fmt: skip
RUN_FUNCTIONS: dict[str, tuple[Any, str]] = {
    "contains": (contains, "<s-(sf):b>"), "match": (lambda *a: single(match(*a)), "<s-f<s:o>n?:a<o>>"),
    "split": (split, "<s-(sf)n?:a<s>>"), "replace": (replace, "<s-(sf)(sf)n?:s>"),
}  # fmt: skip
