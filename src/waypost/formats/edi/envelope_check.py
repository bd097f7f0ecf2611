"""Compares the trailers of an interchange with what was counted and with what its headers said."""

from __future__ import annotations

from waypost.formats.edi.delimiter import TRIVIA, Delimiters
from waypost.formats.edi.dialect import Dialect, Header, Trailer
from waypost.formats.edi.segment import split_elements
from waypost.formats.edi.token import Fault, Kind, Token


class EnvelopeCheck:
    """Takes the tokens of the interchange at ``start`` behind its header, and keeps what is wrong with its envelope in
    ``faults``, at most ``most`` of them."""

    def __init__(self, dialect: Dialect, header: Header, start: int, most: int = 8) -> None:
        self._dialect, self._header, self._most = dialect, header, most
        self._marks: Delimiters = header.delimiters
        self._group: list[bytes] | None = None
        self._groups = self._in_group = self._transactions = 0
        self.faults: list[Fault] = []
        if len(header.row) == 1:
            tag = header.row[0].decode()
            self.faults.append(Fault(f"{dialect.name}-header-missing", start, tag, f"the {tag} segment is missing", tag,
                                     "have the sender send the whole interchange"))  # fmt: skip

    @property
    def full(self) -> bool:
        """Whether no more faults are kept."""
        return len(self.faults) >= self._most

    def take(self, token: Token) -> None:
        """Compare one token; the order is that of the content."""
        if self.full:
            return
        if token.kind is Kind.INTERCHANGE_END:
            self._close(token)
        elif token.fault:
            self.faults.append(token.fault)
        elif token.kind is Kind.SEGMENT and self._group is not None:
            said = f"segment {_said(token.tag)} outside a {self._dialect.transaction_word}"
            self._fault("segment-outside", token, said)
        if token.kind is Kind.TRANSACTION:
            self._transaction(token)
        elif token.kind is Kind.GROUP:
            self._open_group(token)
        elif token.kind is Kind.GROUP_END:
            self._close_group(token)

    def _transaction(self, token: Token) -> None:
        self._transactions += 1
        self._in_group += 1
        if self._dialect.counts == "groups" and self._group is None:
            self._fault("group-missing", token, f"a {self._dialect.transaction_word} outside a group")

    def _open_group(self, token: Token) -> None:
        word, trailer = self._dialect.group_word, self._dialect.group[token.tag]
        if self._group is not None:
            said = f"a {word} begins inside another; its {trailer.tag.decode()} segment is missing"
            self._fault("trailer-missing", token, said)
        self._group, self._in_group = self._row(token), 0
        self._groups += 1

    def _close_group(self, token: Token) -> None:
        if self._group is None:
            opener = next(tag for tag, t in self._dialect.group.items() if t.tag == token.tag)
            self._fault("header-missing", token, f"a {token.tag.decode()} segment without its {opener.decode()}")
            return
        opened, trailer = self._group, self._dialect.group[self._group[0]]
        self._compare(token, trailer, opened, self._in_group, f"{self._dialect.transaction_word}s")
        self._group = None

    def _close(self, token: Token) -> None:
        if self._group is not None:
            trailer = self._dialect.group[self._group[0]].tag.decode()
            self._fault("trailer-missing", token,
                        f"the {trailer} segment of the last {self._dialect.group_word} is missing")  # fmt: skip
        if token.fault:
            self.faults.append(token.fault)
            return
        counted, words = self._transactions, f"{self._dialect.transaction_word}s"
        if self._dialect.counts == "groups" or (self._dialect.counts == "either" and self._groups):
            counted, words = self._groups, "groups"
        self._compare(token, self._dialect.interchange[self._header.row[0]], [*self._header.row], counted, words)

    def _compare(self, token: Token, trailer: Trailer, opened: list[bytes], counted: int, words: str) -> None:
        """Control number and count of a trailer."""
        row, tag, opener = self._row(token), trailer.tag.decode(), opened[0].decode()
        if trailer.control:
            found, expected = _element(row, trailer.control), _element(opened, trailer.opening)
            if _number(found) != _number(expected):
                what = f"the control number of {opener}{trailer.opening:02}"
                self._differs("control-number", token, f"{tag}{trailer.control:02}", found, expected, what)
        found, expected = _element(row, trailer.count), b"%d" % counted
        lone = self._dialect.counts == "groups" and not self._groups and _number(found) == b"1"
        if _number(found) != _number(expected) and not lone:  # a lone TA1 is often counted as a group
            self._differs("count", token, f"{tag}{trailer.count:02}", found, expected, f"the number of {words}")

    def _differs(self, code: str, token: Token, place: str, found: bytes, expected: bytes, what: str) -> None:
        said = f"{place} is {_said(found)}, {what} is {_said(expected)}"
        self._fault(code, token, said, f"{expected[:40].decode('ascii', 'replace')}, {what}")

    def _fault(self, code: str, token: Token, found: str, expected: str = "") -> None:
        self.faults.append(Fault(f"{self._dialect.name}-{code}", token.start, token.tag.decode("ascii", "replace"),
                                 found, expected, "have the sender send it again"))  # fmt: skip

    def _row(self, token: Token) -> list[bytes]:
        """Its elements; the first is the tag, without the blanks that may stand about it."""
        text = token.data.removesuffix(self._marks.segment)
        return [token.tag, *split_elements(text, self._marks, self._dialect)[1:]]


def _element(row: list[bytes], number: int) -> bytes:
    return row[number] if len(row) > number else b""


def _number(text: bytes) -> bytes:
    """Control numbers and counts compare without padding, and without line ends inside."""
    digits = text.translate(None, TRIVIA)
    return digits.lstrip(b"0") or digits[:1]


def same_number(found: str, expected: str) -> bool:
    """Whether two counts are the same but for padding.

    >>> same_number("0012", "12")
    True
    """
    return _number(found.encode()) == _number(expected.encode())


def _said(value: bytes) -> str:
    return repr(value[:40].decode("ascii", "replace"))
