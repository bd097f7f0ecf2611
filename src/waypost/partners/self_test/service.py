"""Serves the self-test on the HTTP listener: a page with a form, an address for programs, and a station for AS2.

==============================  ==================================================================================
what comes                      what is answered
==============================  ==================================================================================
``GET PATH``, ``PATH/NAME``     the page with the form, the same for every name
``POST PATH/NAME``              the report, as ``Accept`` says: page, text or JSON; ``waypost-accepted`` says it too
``POST PATH/NAME/as2``          a receipt; the report is kept for a while
``POST PATH/NAME/as2/report``   the report of the last message over AS2
==============================  ==================================================================================

Whoever has no token hears 401, whether the partner is known or not; more files than agreed in a minute hear 429. A
file is looked at in a process of its own, within its limits. Nothing is written, and nothing enters a flow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from waypost.agreements.load import Partner
from waypost.core.errors import DataError
from waypost.core.grants import Grants, HttpHandler, HttpRequest, HttpResponse
from waypost.core.problem import problem
from waypost.flow.declared.definition import Project
from waypost.flow.declared.service import SelfTestOptions
from waypost.partners.self_test.bench import Bench
from waypost.partners.self_test.child import Report
from waypost.partners.self_test.form import Sent, form_page, is_form, read_form
from waypost.partners.self_test.rate import Rate
from waypost.partners.self_test.station import Station
from waypost.partners.self_test.token import allowed

_FORM_BYTES = 16 << 10
"""What a form adds to the file in it."""
_PAGE = "text/html; charset=utf-8"
_HARMLESS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store",
}  # fmt: skip


class SelfTest:
    """The service. ``running`` gives the version of the project whose agreements count."""

    def __init__(self, options: SelfTestOptions, running: Callable[[], Project], grants: Grants) -> None:
        self._options, self._running, self._grants = options, running, grants
        self._bench = Bench(options, grants.clock, grants.root)
        self._rate = Rate(options.per_minute, grants.clock.monotonic)
        self._station = Station(options, running, grants, self._bench, self._rate)

    def _routes(self) -> list[tuple[str, str, HttpHandler, int]]:
        path, limit = self._options.path, int(self._options.limit_bytes)
        return [
            ("GET", path, self._page, 0), ("GET", f"{path}/{{partner}}", self._page, 0),
            ("POST", path, self._take, limit + _FORM_BYTES), ("POST", f"{path}/{{partner}}", self._take,
                                                              limit + _FORM_BYTES),
            ("POST", f"{path}/{{partner}}/as2", self._station.take, 2 * limit + _FORM_BYTES),
            ("POST", f"{path}/{{partner}}/as2/report", self._last, _FORM_BYTES),
        ]  # fmt: skip

    async def open(self) -> None:
        listener = self._grants.listener
        assert listener is not None
        for method, path, handler, limit in self._routes():
            listener.mount(method, path, handler, limit_bytes=limit)

    async def close(self) -> None:
        listener = self._grants.listener
        for method, path, _, _ in self._routes() if listener is not None else ():
            with contextlib.suppress(KeyError):
                listener.unmount(method, path)  # type: ignore[union-attr]
        await self._bench.close()

    async def _page(self, request: HttpRequest) -> HttpResponse:
        return self._form(200, request.parameters.get("partner", ""))

    def _form(self, status: int, partner: str, note: str = "") -> HttpResponse:
        limit = f"{int(self._options.limit_bytes) / (1 << 20):g} MiB"
        text = form_page(self._options.path, partner, limit, note)
        return HttpResponse(status, text.encode(), {"content-type": _PAGE, **_HARMLESS})

    async def _take(self, request: HttpRequest) -> HttpResponse:
        """A file from a form, or as the body."""
        kind = request.headers.get("content-type", "")
        if is_form(kind):
            try:
                return await self._from_form(request, read_form(kind, request.body))
            except DataError as error:
                return problem(400, str(error), headers=_HARMLESS)
        partner = self._admitted(request.parameters.get("partner", ""), _bearer(request.headers))
        if partner is None:
            return problem(
                401, "no such partner, or not its token", headers={"www-authenticate": "Bearer", **_HARMLESS}
            )
        return await self._looked_at(partner, "the file", request.body, _accepts(request.headers))

    async def _from_form(self, request: HttpRequest, sent: Sent) -> HttpResponse:
        name = request.parameters.get("partner", "") or sent.fields.get("partner", b"").decode("utf-8", "replace")
        token = _bearer(request.headers) or sent.fields.get("token", b"").decode("utf-8", "replace").strip()
        partner = self._admitted(name, token)
        shown = request.parameters.get("partner", "")
        if partner is None:
            return self._form(401, shown, "There is no such partner, or this is not its token.")
        return await self._looked_at(partner, sent.file_name or "the file", sent.fields.get("file", b""), "page")

    def _admitted(self, name: str, token: str) -> Partner | None:
        partner = self._running().partners.get(name)
        today = datetime.fromtimestamp(self._grants.clock.now() / 1_000_000, UTC).date()
        return partner if allowed(partner, token, today) else None

    async def _looked_at(self, partner: Partner, name: str, content: bytes, form: str) -> HttpResponse:
        if not content:
            return problem(400, "there is no file", headers=_HARMLESS)
        if len(content) > self._options.limit_bytes:
            return problem(413, f"the file is larger than {int(self._options.limit_bytes)} bytes", headers=_HARMLESS)
        seconds = self._rate.wait(partner.name)
        if seconds:
            return problem(429, f"more than {self._options.per_minute} files in a minute",
                           headers={"retry-after": str(int(seconds) + 1), **_HARMLESS})  # fmt: skip
        try:
            report = await self._bench.look(partner.name, name, content, self._running().files)
        except DataError as error:
            return problem(422, str(error), headers=_HARMLESS)
        return answered(report, form)

    async def _last(self, request: HttpRequest) -> HttpResponse:
        """The report of the last message over AS2."""
        partner = self._admitted(request.parameters.get("partner", ""), _bearer(request.headers))
        if partner is None:
            return problem(
                401, "no such partner, or not its token", headers={"www-authenticate": "Bearer", **_HARMLESS}
            )
        report = self._station.last.get(partner.name)
        if report is None:
            return problem(404, "no message came over AS2 yet", headers=_HARMLESS)
        return answered(report, _accepts(request.headers))


def answered(report: Report, form: str) -> HttpResponse:
    """A report in the form asked for."""
    bodies = {"page": (report.page.encode(), _PAGE), "json": (report.data, "application/json"),
              "text": (report.text.encode(), "text/plain; charset=utf-8")}  # fmt: skip
    body, kind = bodies[form]
    said = {"content-type": kind, "waypost-accepted": str(report.accepted).lower()}
    return HttpResponse(200, body, {**said, **_HARMLESS})


def _bearer(headers: Mapping[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _accepts(headers: Mapping[str, str]) -> str:
    accept = headers.get("accept", "")
    return "json" if "json" in accept else "page" if "text/html" in accept else "text"
