"""What commands print of the run: the acknowledgements, what the example's map says, where a value comes from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from waypost.testing.demo.play import PAGES, PRINTED, REJECTED
from waypost.testing.demo.stage import Stage
from waypost.testing.demo.teller import Teller

TROUBLES = (("partner", "acks", "acme", "--troubled"), ("partner", "acks", "globex", "--troubled"))


async def show_papers(stage: Stage, teller: Teller) -> bool:
    """Print what is wrong with acknowledgements and why one refuses; the mapping document and the lineage of an order's
    total, and write these as pages; whether all of that went and nothing else is wrong than what was meant."""
    rejections = [
        str(one["closed_by"]) for one in await stage.expectations()
        if (one["direction"], one["verdict"]) == ("owed to us", "rejected")
    ]  # fmt: skip
    views = [("edi", "view", "--message", one) for one in rejections]
    commands: tuple[tuple[str, ...], ...] = (*TROUBLES, *views, *PRINTED, *PAGES)
    answers = dict(zip(commands, await asyncio.gather(*(stage.waypost(*one) for one in commands)), strict=True))
    teller.scene("The acknowledgements that need somebody, and why Acme rejects an invoice")
    command: tuple[str, ...]
    for command in (*TROUBLES, *views):
        said = answers[command][1].splitlines()
        _tell(teller, command, _of_faults(said) if command in views else said)
    teller.scene("The mapping document, and where the total of an order comes from")
    for command in (*PRINTED, *PAGES):
        code, text = answers[command]
        if command in PRINTED or code:
            _tell(teller, command, text.splitlines())
    teller.text(f"As pages: {stage.folder / 'mapping.html'} and {stage.folder / 'lineage.svg'}")
    shown = "".join(answers[command][1] for command in TROUBLES)
    meant = shown.count("\n") == 4 and REJECTED[1] in shown and "late" in shown
    return meant and all(answers[command][0] == (1 if command in TROUBLES else 0) for command in commands)


def _of_faults(lines: Sequence[str]) -> Sequence[str]:
    """The lines of a 997 that say what is wrong: from AK3 to AK5."""
    tags = [line.split()[0] if line.strip() else "" for line in lines]
    return lines[tags.index("AK3") : tags.index("AK5")] if {"AK3", "AK5"} <= set(tags) else lines


def _tell(teller: Teller, command: Sequence[str], lines: Sequence[str]) -> None:
    teller.text(f"$ waypost {' '.join(command)}")
    for line in lines:
        teller.text(f"  {line}")
