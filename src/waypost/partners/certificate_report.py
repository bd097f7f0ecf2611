"""What is said about the certificates exchanged with a partner, and as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from waypost.agreements.load import Partner
from waypost.core.errors import WaypostError
from waypost.core.page import Html, Tone, element, facts, page, table, word
from waypost.flow.declared.definition import Project
from waypost.partners.certificate import Checked, Held, as2_connections, checked, held, key_of

TONES: dict[str, Tone] = {"ok": "good", "warn": "warn", "fail": "bad", "open": "open"}


def looked_at(partner: Partner, project: Project, now: datetime) -> list[Checked]:
    """Everything that was looked at: each certificate, their succession, and our keys at work."""
    made = checked(held(partner, project), now)
    for name in as2_connections(partner, project):
        made.append(_at_work(project, name, now))
    return made


def _at_work(project: Project, connection: str, now: datetime) -> Checked:
    """Whether what we hold signs, encrypts, opens and verifies a known text."""
    subject = f"connection {connection}"
    try:
        from waypost.partners.challenge import ends_of, own_keys

        own_keys(ends_of(project, connection), now)
    except WaypostError as error:
        return Checked("fail", subject, str(error), "correct the certificates or the key of the connection")
    except ModuleNotFoundError as error:
        return Checked("warn", subject, f"not tried: {error.name} is not installed", "pip install 'waypost[as2]'")
    return Checked("ok", subject, "our key signed and opened a known text; one could be encrypted for the partner")


def certificate_page(partner: Partner, certificates: Sequence[Held], found: Sequence[Checked], now: datetime) -> str:
    """The page for screen and paper."""
    title = f"{partner.options.name or partner.name}: certificates"
    return page(title, _body(title, certificates, found, now))


def _body(title: str, certificates: Sequence[Held], found: Sequence[Checked], now: datetime) -> Iterator[object]:
    yield element("h1", title)
    yield element("p", f"As of {now:%Y-%m-%d %H:%M} UTC. Compare fingerprints by telephone, never by the same mail.")
    yield checks_table(found)
    yield from certificate_parts(certificates)


def checks_table(found: Sequence[Checked]) -> Html:
    """What was looked at, as a table."""
    rows = [(word(one.verdict, TONES[one.verdict]), one.subject, one.found, one.remedy) for one in found]
    return table(("", "about", "found", "what to do"), rows)


def certificate_parts(certificates: Sequence[Held]) -> Iterator[Html]:
    """Each certificate with all that people compare."""
    told: set[str] = set()
    for one in certificates:
        if one.fingerprint in told:
            continue
        told |= {one.fingerprint} - {""}
        named = [other.source for other in certificates if other.fingerprint == one.fingerprint]
        whose = "the partner's" if one.side == "partner" else "ours"
        yield element("h3", f"{one.file}, {whose}")
        if one.certificate is None:
            yield element("p", one.problem)
            continue
        data = one.data()
        yield facts([
            ("used to", ", ".join(one.uses)), ("named in", ", ".join(dict.fromkeys(named))),
            ("subject", data["subject"]),
            ("issuer", data["issuer"]), ("serial", element("code", data["serial"])),
            ("key", key_of(one.certificate)), ("valid", f"{data['valid_from']} to {data['valid_until']}"),
            ("used", f"{data['used_from']} to {data['used_until']}"),
            ("SHA-256", element("code", data["sha256"])), ("SHA-1", element("code", data["sha1"])),
        ])  # fmt: skip
