"""What is in the repository says nothing of the machine it was made on, and its links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository import ROOT, assert_none, place, tracked

FOREIGN = {
    "a package registry": re.compile(
        r"https?://[^\s\"']*(?:pypi\.|pythonhosted\.|/simple\b|npmjs\.|yarnpkg\.|artifactory|nexus\.|jfrog\.)"
        r"|--(?:extra-)?index-url|PIP_IN[D]EX|UV_IN[D]EX|--find[-]links"
    ),
    "a path of one machine": re.compile(r"(?<![\w.~>-])/(?:work|root|home/\w+|Users/\w+)/"),
    "a Debian mirror": re.compile(r"https?://[\w.]*(?:debian|ubuntu)\.(?:org|com)/(?:debian|ubuntu)\b"),
}
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:8192]:
            yield path, data.decode("utf-8", errors="replace")


def foreign_places(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        yield from ((number, what) for what, pattern in FOREIGN.items() if pattern.search(line))


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    assert_none(f"{place(path)}:{line}: {what}" for path, text in texts() for line, what in foreign_places(text))


@pytest.mark.parametrize(
    "line",
    [
        "see https://" + "pypi.org/project/x",
        "--index" + "-url https://mirror.example/",
        "deb http://" + "deb.debian.org/debian bookworm main",
        "cd /" + "work/copy",
        'open("/' + 'root/.netrc")',
    ],
)
def test_a_planted_address_or_path_is_found(line: str) -> None:
    assert list(foreign_places("first\n" + line)) != []


def slug(heading: str) -> str:
    """The anchor a heading gets: its words in lower case, joined by dashes."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {slug(match[1]) for match in re.finditer(r"^#{1,6}\s+(.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)}


def dead_links(page: Path) -> Iterator[str]:
    for match in LINK.finditer(CODE.sub("", page.read_text(encoding="utf-8"))):
        target, _, anchor = (match[1] or match[2]).partition("#")
        if re.match(r"\w+:", target):
            continue
        linked = (page.parent / target).resolve() if target else page
        if not linked.exists():
            yield f"{page.name}: nothing at {target}"
        elif anchor and linked.suffix == ".md" and anchor not in anchors(linked):
            yield f"{page.name}: {linked.name} has no heading {anchor!r}"


def test_every_link_between_pages_leads_somewhere() -> None:
    pages = [path for path in tracked() if path.suffix == ".md"]
    assert_none(f"{place(page)}: {dead}" for page in pages for dead in dead_links(page))


def test_a_planted_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](gone.md) [b](page.md#one) [c](#two) [d](https://example.org) `[e](code.md)`\n")
    assert list(dead_links(page)) == ["page.md: nothing at gone.md", "page.md: page.md has no heading 'two'"]


def test_the_changelog_has_a_place_for_what_is_not_released_yet() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
