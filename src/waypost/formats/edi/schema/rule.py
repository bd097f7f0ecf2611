"""Rules of a schema: conditions over the elements of a message, in Python's expression grammar and nothing more of it.

``CTT/1 == count(PO1)``: ``PO1/2`` is element 02 of a segment, ``C/1/2`` its second component, ``CAS/(3, 6)`` several.
Elements are numbers where they look like one; beside a text in quotes they are texts. What is not there makes a
comparison unknown, and what is unknown holds. A function takes a condition on each row: ``sum(AMT/2, AMT/1 == 'T')``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from waypost.formats.edi.schema.code_list import CodeLists
from waypost.formats.edi.schema.expression import Translator
from waypost.formats.edi.schema.model import Rule, Segment
from waypost.formats.edi.schema.rule_value import UncutValues, Values, check_digit, date, known
from waypost.formats.edi.schema.wanted import Wanted, wanted

Rows = Mapping[str, Sequence[Sequence[str]]]
"""The segments a rule sees, by tag; under ``CAS=`` those that stand in no inner loop."""
Ask = Callable[[Rows, Rows], Any]
_WORDS = {"==": "{}", "!=": "anything but {}", "<": "less than {}", "<=": "at most {}", ">": "more than {}",
          ">=": "at least {}", "in": "one of {}", "not in": "none of {}"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """That a rule is broken: what was found, what was expected."""

    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule ready to be asked. ``keys`` are the rows it looks at, ``read`` those whose elements it reads, ``outer``
    those of loops around that stood before; ``wanted`` says which rows can matter; ``place`` is what it is about,
    ``needed`` whether that has to be there; ``source`` is the condition as Python source."""

    rule: Rule
    keys: frozenset[str]
    read: frozenset[str]
    outer: frozenset[str]
    lists: frozenset[str]
    wanted: Wanted
    place: tuple[str, int, int]
    needed: bool
    source: str
    holds: Ask
    sides: tuple[Ask, Ask, str] | None

    def ask(self, rows: Rows, outer: Rows) -> Verdict | None:
        """None where the rule holds, and where it can't be known."""
        try:
            held = self.holds(rows, outer)
            if held is None or held:
                return None
            if self.sides is None:
                return Verdict("it does not hold", self.rule.says or self.rule.expression)
            left, right, words = self.sides[0](rows, outer), self.sides[1](rows, outer), self.sides[2]
        except (TypeError, ArithmeticError):  # a text where a number should be: the element's own fault says so
            return None
        expected = words.format(", ".join(map(str, right)) if isinstance(right, tuple) else right)
        return Verdict(str(left), expected + (f", {self.rule.says}" if self.rule.says else ""))


@lru_cache(maxsize=64)
def _space(component: str, codes: CodeLists, element: str = "") -> dict[str, Any]:
    """What the source of a rule may name. Where ``element`` is given, rows are segments not split yet."""
    values = UncutValues(element, component) if element else Values(component)
    return {
        "__builtins__": {"len": len, "bool": bool, "all": all, "abs": abs}, "D": Decimal, "known": known, "date": date,
        "check_digit": check_digit, "code": codes.holds, "cell": values.cell, "text": values.text,
        "value": values.value, "cell_value": values.cell_value, "total": values.total,
        "hash_total": values.hash_total, "many": values.many,
    }  # fmt: skip


NO_CODES = CodeLists()


def compile_rule(
    rule: Rule, component: str = ":", segments: Mapping[str, Segment] | None = None, codes: CodeLists = NO_CODES
) -> CompiledRule:
    """The rule ready to be asked. Raises ``ValueError`` for what rules don't understand."""
    try:
        tree = ast.parse(rule.expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as wrong:
        said = getattr(wrong, "msg", wrong)
        raise ValueError(f"{rule.expression[:80]!r} is no expression: {said}") from None
    translator, space = Translator(segments or {}), _space(component, codes)
    source = translator.condition(tree).source
    said = _conclusion(tree)
    sides = None
    if isinstance(said, ast.Compare):
        left, right = translator.sides(said)
        sides = (_function(left.source, space), _function(right.source, space), _WORDS[_sign(said)])
    about = Translator(segments or {})
    about.condition(said)
    needed = isinstance(said, ast.Call) and ast.unparse(said.func) == "present" and len(said.args) == 1
    return CompiledRule(
        rule, frozenset(translator.keys), frozenset(translator.read), frozenset(translator.outer),
        frozenset(translator.lists), wanted(tree), about.first or translator.first or ("", 0, 0), needed, source,
        _function(source, space), sides,
    )  # fmt: skip


def _conclusion(tree: ast.expr) -> ast.expr:
    """What a rule asks for: of ``implies`` the second part."""
    while isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "implies":
        tree = tree.args[1]
    return tree


def together(rules: Sequence[CompiledRule], element: str, component: str, codes: CodeLists = NO_CODES) -> Ask:
    """One function that says whether none of ``rules`` is broken, of rows that are segments not split yet. It may raise
    where a rule can't be asked."""
    return _function(" and ".join(f"({rule.source}) is not False" for rule in rules) or "True",
                     _space(component, codes, element))  # fmt: skip


def _function(source: str, space: Mapping[str, Any]) -> Ask:
    made: dict[str, Any] = dict(space)
    code = compile(f"def ask(R, O):\n    return {source}\n", "<rule>", "exec", dont_inherit=True)
    exec(code, made)
    ask: Ask = made["ask"]
    return ask


def _sign(node: ast.Compare) -> str:
    signs = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in"}
    return signs.get(type(node.ops[0]), "not in")
