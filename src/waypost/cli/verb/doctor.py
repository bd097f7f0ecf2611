"""Find out what keeps a project from working on this machine."""

from __future__ import annotations

from waypost.cli import failure
from waypost.cli.option import Place
from waypost.cli.output import print_json, say


def doctor(place: Place) -> int:
    """Look for what keeps a project from working here.

    Versions, packages, connections, store, disk and clock: each finding is ok, warn or fail, with a remedy; the exit
    code is 1 when one is fail.
    """
    import asyncio
    import dataclasses

    from waypost.cli.examination import examine

    findings = asyncio.run(examine(place.project, place.environment))
    failed = any(finding.verdict == "fail" for finding in findings)
    if place.as_json:
        print_json({"ok": not failed, "findings": [dataclasses.asdict(finding) for finding in findings]})
    for finding in () if place.as_json else findings:
        remedy = f"; {finding.remedy}" if finding.remedy else ""
        say(f"{finding.verdict:<5} {finding.subject}: {finding.found}{remedy}")
    return failure.FAILED if failed else 0
