"""What JSONata reports: the language's own code (S = syntax, T = type, D = value, U = limit), place and token."""

from __future__ import annotations

from typing import Any

TEXTS = {
    "S0101": "a string is not closed", "S0102": "a number is out of range", "S0103": "an unknown escape in a string",
    "S0104": "\\u is not followed by four hexadecimal digits", "S0105": "a quoted name is not closed",
    "S0106": "a comment is not closed", "S0201": "an unexpected token", "S0202": "another token was expected here",
    "S0203": "the expression ends too early", "S0204": "an unknown operator",
    "S0206": "no expression can begin with this", "S0207": "the expression ends too early",
    "S0208": "a parameter of a function must be a variable", "S0209": "a predicate cannot follow a grouping",
    "S0210": "a step can have one grouping", "S0211": "no expression can begin with this",
    "S0212": "the left side of := must be a variable", "S0213": "a literal cannot be a step of a path",
    "S0214": "the right side must be a variable", "S0215": "a context variable must come before predicates",
    "S0216": "a context variable must come before a sorting", "S0217": "there is no parent here",
    "S0301": "a regular expression is empty", "S0302": "a regular expression is not closed",
    "S0303": "a regular expression is refused", "S0401": "a type parameter fits functions and arrays alone",
    "S0402": "a choice cannot hold parameterised types", "S0500": "an expression is needed",
    "T0410": "an argument does not fit the function", "T0411": "the context does not fit the function",
    "T0412": "an argument must be an array of one type", "T1003": "a key of an object must be a string",
    "T1005": "no function; did you mean it with a $ sign?", "T1006": "what is called is no function",
    "T1007": "no function to apply in part; did you mean it with a $ sign?", "T1008": "what is applied is no function",
    "T1010": "a matcher must return match, start, end, groups and next", "D1001": "a number is out of range",
    "D1002": "a minus sign needs a number", "D1004": "a regular expression matches nothing at all",
    "D1009": "two expressions make the same key", "T2001": "the left side must be a number",
    "T2002": "the right side must be a number", "T2003": "the left side of .. must be a whole number",
    "T2004": "the right side of .. must be a whole number", "T2006": "the right side of ~> must be a function",
    "T2007": "values of different types cannot be sorted", "T2008": "only numbers and strings can be sorted",
    "T2009": "values of different types cannot be compared", "T2010": "only numbers and strings can be compared",
    "T2011": "an update must be an object", "T2012": "a deletion must be a string or strings",
    "D2014": "a range has at most ten million numbers", "D3001": "a number that is infinite cannot become a string",
    "D3010": "an empty pattern", "D3011": "a limit below zero", "D3012": "a replacement must be a string",
    "D3020": "a limit below zero", "D3030": "the value cannot become a number", "D3040": "a limit below zero",
    "D3050": "the function must take two arguments", "D3060": "a root of a negative number",
    "D3061": "a power that is no number", "D3070": "an order is needed for values of this kind",
    "D3080": "a picture has two separators", "D3081": "a picture has two decimal points", "D3082": "two percent signs",
    "D3083": "two per-mille signs", "D3084": "a percent and a per-mille sign", "D3085": "a picture needs a digit",
    "D3086": "a picture has a passive character among active ones", "D3087": "a grouping separator at the point",
    "D3088": "a grouping separator at the end", "D3089": "two grouping separators together",
    "D3090": "an optional digit after a mandatory one", "D3091": "a mandatory digit after an optional one",
    "D3092": "an exponent with a percent sign", "D3093": "an exponent without digits",
    "D3100": "a radix from 2 to 36 is needed", "D3110": "no date and time of ISO 8601",
    "D3120": "the expression has a syntax error", "D3121": "the expression failed",
    "D3130": "an unsupported integer format", "D3131": "digits of different families",
    "D3132": "an unknown component of a date", "D3133": "names cannot be given to this component",
    "D3134": "a time zone has four digits at most", "D3135": "a bracket is not closed",
    "D3136": "a component of the date is missing", "D3137": "the expression raised an error",
    "D3138": "more than one value fits", "D3139": "no value fits", "D3140": "a malformed URL", "D3141": "not true",
    "U1001": "the evaluation goes too deep or never ends", "U1002": "the result or a part of it is too large",
}  # fmt: skip
"""What each code means."""


class JsonataError(Exception):
    """A fault of an expression or of its evaluation. ``position`` counts characters of the source from 0; -1 where
    it is not known."""

    def __init__(self, code: str, position: int = -1, token: Any = None, said: str = "") -> None:
        self.code, self.position, self.token, self.said = code, position, token, said
        super().__init__(code)

    def __str__(self) -> str:
        token = "" if self.token is None else f" ({str(self.token)[:100]})"
        return f"{self.said or TEXTS.get(self.code, 'the evaluation failed')}{token} [{self.code}]"
