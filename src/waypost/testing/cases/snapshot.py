"""What came out once and was found right, kept as a file that cases are held against."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from waypost.testing.cases.declared import Case
from waypost.testing.cases.loading import FOLDER, SNAPSHOTS
from waypost.testing.cases.match import exact, mismatches
from waypost.testing.cases.outcome import Came

_encode = msgspec.json.Encoder(decimal_format="number", order="sorted").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class Snapshots:
    """The snapshots of a project, one JSON file a case: ``tests/snapshots/FILE/CASE.json``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, case: Case) -> Path:
        """Where the snapshot of a case lies."""
        words = re.sub(r"[^a-z0-9]+", "-", case.options.name.lower()).strip("-")[:80]
        stem = Path(case.file).name.partition(".")[0]
        return self.root / FOLDER / SNAPSHOTS / stem / f"{words or 'case'}.json"

    def differences(self, case: Case, came: Sequence[Came]) -> Iterator[str]:
        """Where what came out is not what was written down."""
        path = self.path(case)
        name = path.relative_to(self.root).as_posix()
        if not path.is_file():
            yield f"{name}: there is no snapshot yet; look at what comes out and write it with: waypost snapshot"
            return
        try:
            kept = _decode(path.read_bytes())
        except msgspec.DecodeError as error:
            yield f"{name}: not JSON: {error}; write it anew with: waypost snapshot"
            return
        for place, text in mismatches({"$exact": kept}, exact(_plain(came)), lambda schema, document: ""):
            yield f"{name}: {place}: {text}"

    def write(self, case: Case, came: Sequence[Came]) -> bool:
        """Write down what came out; whether that changed the file."""
        path = self.path(case)
        content = msgspec.json.format(_encode(_plain(came)), indent=2) + b"\n"
        if path.is_file() and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return True

    def unused(self, cases: Mapping[Path, Case]) -> list[Path]:
        """Snapshots of no case."""
        return sorted(p for p in (self.root / FOLDER / SNAPSHOTS).rglob("*.json") if p not in cases)


def _plain(came: Sequence[Came]) -> dict[str, Any]:
    """As JSON: what came out at first, and ``then``."""
    first, *later = map(_moment, came)
    return {**first, **({"then": later} if later else {})}


def _moment(came: Came) -> dict[str, Any]:
    """Each output as its document where its bytes are JSON, else as its text."""
    targets = {name: [_output(*one) for one in outputs] for name, outputs in came.targets.items()}
    errors = [{"place": place, "code": error.code, "text": str(error)} for place, error in came.errors]
    output = {} if came.output is None else {"output": exact(came.output)}
    return {"targets": targets, "errors": errors, "filtered": came.filtered, **output}


def _output(document: Any, body: bytes) -> Any:
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode("utf-8", "backslashreplace")
