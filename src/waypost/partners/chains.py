"""What the chain ledgers hold orders against: tolerances and promises of the partners' files, and their calendars."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from waypost.agreements.declaration import ServiceLevelOptions
from waypost.agreements.load import Partner
from waypost.flow.declared.definition import Project
from waypost.partners.ledger import deadline
from waypost.reconcile.chain.document import Document
from waypost.reconcile.chain.orders import KIND_OF, Promise, Terms, Tolerance


def terms_of(project: Project) -> Callable[[Document], Terms]:
    """Finds the terms of a document: those of the partner it was exchanged with, else none."""
    known: dict[str, Terms] = {}
    by_id: dict[str, str] = {}
    for partner in project.partners.values():
        known[partner.name] = _terms(partner, project)
        for identity in partner.options.identities:
            by_id.setdefault(identity.id.strip(), partner.name)

    def terms(document: Document) -> Terms:
        named = document.partner or next((by_id[one] for one in document.pair.split("|") if one in by_id), "")
        return known.get(named, Terms(named))

    return terms


def _terms(partner: Partner, project: Project) -> Terms:
    agreed = partner.options.tolerances
    tolerance = Tolerance(
        *(Decimal(str(one)) for one in (agreed.quantity_percent, agreed.price_percent, agreed.amount))
    )
    promises = [
        _promise(partner, one, number, project) for number, one in enumerate(partner.options.service_levels)
        if one.what in KIND_OF and one.after in KIND_OF
    ]  # fmt: skip
    ids = frozenset(identity.id.strip() for identity in partner.options.identities)
    return Terms(partner.name, tolerance, promises, ids)


def _promise(partner: Partner, one: ServiceLevelOptions, number: int, project: Project) -> Promise:
    rule = f"{partner.file.name}:{partner.file.line(('service_levels', number))}"
    if one.counted_from == "delivery":
        microseconds = round(one.within * 1_000_000)
        return Promise(
            one.what, one.after, lambda moment: moment - microseconds, "delivery", one.name, one.penalty, rule
        )
    due = deadline(one.within, project, partner.options.calendar if one.working_time else "")
    of = "" if one.counted_from == "document" else one.counted_from
    return Promise(one.what, one.after, due, of, one.name, one.penalty, rule)
