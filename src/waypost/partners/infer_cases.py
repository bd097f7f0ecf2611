"""Proposes cases of a flow from a partner's sample files: each sample as it came, and one that the overlay proposed
must refuse. `waypost snapshot` writes down what comes out of the first; a person looks it over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from waypost.core.errors import ProjectError
from waypost.formats.edi.agreed.schemas import ProjectSchemas
from waypost.formats.edi.examine.examination import examine
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.schema.model import Schema
from waypost.partners.infer import Proposal

MOST_SAMPLES = 20
"""Samples of one document that become cases; more say little more."""
_CODES = re.compile(r"[A-Z0-9/.]+: \{codes: \[(.*)\]\}")
_FOREIGN = ("QQ", "Q", "QQQ")
_SEPARATORS = ("*", "+", ":")


def case_files(
    proposals: Sequence[Proposal], contents: Mapping[str, bytes], flow: str, partner: str
) -> dict[str, bytes]:  # fmt: skip
    """Files to be put into a project, by path: case files below ``tests``, and the contents they name."""
    made: dict[str, bytes] = {}
    for proposal in proposals:
        usage = proposal.usage
        stem = f"{partner}-{usage.message}-{usage.version}"
        lines = [f"flow: {flow}", "cases:"]
        for name in sorted(usage.files)[:MOST_SAMPLES]:
            path = f"tests/{partner}/{_safe(name)}"
            made[path] = contents[name]
            lines += _case(f"{_safe(name)} is taken", path, "{snapshot: true}")
        broken = next(_broken(proposal, contents), None)
        if broken is not None:
            code, content = broken
            path = f"tests/{partner}/{usage.message}-other-code.edi"
            made[path] = content
            lines += _case(f"a code that no sample has ({code}) is refused", path, "{errors: [{place: format}]}")
        made[f"tests/{stem}.yaml"] = ("\n".join(lines) + "\n").encode()
    return made


def _case(name: str, path: str, expect: str) -> list[str]:
    return [f"  - name: '{name}'", f"    input: {{file: '{path}'}}", f"    expect: {expect}"]


def _safe(name: str) -> str:
    """A file's own name, as one that every system takes."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", PurePath(name).name) or "sample.edi"


def _broken(proposal: Proposal, contents: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Samples with one code changed, which the overlay refuses and the standard takes."""
    overlay = _schema(proposal)
    if overlay is None:
        return
    library = ProjectSchemas({}).library
    for match in filter(None, map(_CODES.fullmatch, proposal.lines)):
        for name, code in ((name, code) for name in sorted(proposal.usage.files)[:3]
                           for code in re.findall(r'"([^"]+)"', match[1])):  # fmt: skip
            other = next(one for one in _FOREIGN if len(one) == min(len(code), 3) or one == _FOREIGN[-1])
            for mark in _SEPARATORS:
                content = contents[name].replace(f"{mark}{code}{mark}".encode(), f"{mark}{other}{mark}".encode(), 1)
                if content == contents[name]:
                    continue
                refused = not examine([content], Schemas(library, overlay)).accepted
                if refused and examine([content], Schemas(library)).accepted:
                    yield other, content


def _schema(proposal: Proposal) -> Schema | None:
    try:
        return ProjectSchemas({"schemas/proposed.yaml": proposal.overlay.encode()}).find("schemas/proposed.yaml")
    except ProjectError:
        return None
