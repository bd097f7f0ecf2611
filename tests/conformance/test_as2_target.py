"""The as2 target delivers what a receipt proves, and nothing else, with a partner of the message layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.peers.as2_kit import WithAcme, fields, made, source_of, with_
from waypost.core.component import Outbound
from waypost.core.grants import Grants
from waypost.testing.connector_kit import (
    TargetSuite,
    outbound,
)

COVERS = {("target", "as2")}


class TestAs2Target(WithAcme, TargetSuite):
    name = "as2"

    @pytest.fixture
    def options(self) -> Any:
        return {"connection": "acme", "subject": "orders", "filename": "{message_id}.bin"}

    @pytest.fixture
    def absent(self) -> Any:
        return {"connection": "gone"}

    async def landed(self) -> Sequence[Any]:
        return self.acme.bodies

    @pytest.mark.parametrize(
        ("behaviour", "error_class", "in_doubt", "said"),
        [
            ("error", "contract", False, "the partner answered"),
            ("other mic", "contract", False, "the partner received other bytes"),
            ("unsigned", "contract", False, "its receipt is none"),
            ("silent", "transient", True, "no whole receipt"),
            ("lost", "transient", True, "answered 504"),
            ("busy", "transient", False, "answered 503"),
        ],
    )
    async def test_what_no_receipt_proves_is_not_delivered(
        self, options: Any, grants: Grants, behaviour: str, error_class: str, in_doubt: bool, said: str
    ) -> None:
        self.acme.behave = [behaviour]
        async with self.opened(options, grants) as target:
            (outcome,) = await target.send([outbound(1, b"x")])
            assert not outcome.delivered and said in outcome.error
            assert (outcome.error_class, outcome.in_doubt) == (error_class, in_doubt)

    async def test_a_message_without_receipt_is_sent_again_under_its_id_and_taken_once(
        self, options: Any, grants: Grants
    ) -> None:
        self.acme.behave = ["silent"]
        async with self.opened(options, grants) as target:
            message = outbound(1, b"x")
            assert not (await target.send([message]))[0].delivered
            (outcome,) = await target.send([Outbound(**{**fields(message), "attempt": 2})])
            assert outcome.delivered and "duplicate-document" in outcome.status
        assert self.acme.bodies == [b"x"]

    async def test_what_was_sent_is_kept_with_its_receipt(self, options: Any, grants: Grants) -> None:
        async with self.opened(options, grants) as target:
            (outcome,) = await target.send([outbound(1, b"x")])
        (head,) = self.acme.heads
        archive = grants.connections["acme"].pool.archive
        facts, receipt = archive.facts("sent", head.message_id), archive.receipt("sent", head.message_id)
        folder = archive.folder("sent", head.message_id)
        assert (folder / "content").read_bytes() == b"x" and receipt.body == outcome.answer
        assert facts.mic and facts.headers["AS2-To"] == '"ACME Corp"' and archive.damaged(folder, facts) == []
        (folder / "content").write_bytes(b"y")
        assert archive.damaged(folder, facts) == ["content"]

    async def test_an_asynchronous_receipt_settles_the_delivery_in_another_process(self, grants: Grants) -> None:
        async with self.opened({"connection": "later"}, grants) as target:
            other = {**grants.connections}
            other["later"] = made(
                grants.root, "later", self.acme.address, receipt="async", receipt_address="http://x/y"
            )
            source = source_of({"path": "/as2", "connections": ["later"]}, with_(grants, connections=other))
            await source.open()
            try:
                (outcome,) = await target.send([outbound(1, b"x")])
                assert outcome.delivered and outcome.status == "processed"
            finally:
                await source.close()
                await other["later"].pool.close()

    @pytest.mark.parametrize(
        ("changes", "status"),
        [({"receipt": "none"}, "200"), ({"signed_receipt": False}, "processed")],
        ids=["no receipt", "unsigned receipt"],
    )
    async def test_a_partner_may_give_no_receipt_or_an_unsigned_one_where_that_is_agreed(
        self, grants: Grants, changes: Any, status: str
    ) -> None:
        plain = made(grants.root, "plain", self.acme.address, **changes)
        async with self.opened({"connection": "plain"}, with_(grants, connections={"plain": plain})) as target:
            (outcome,) = await target.send([outbound(1, b"x")])
            assert (outcome.delivered, outcome.status, self.acme.bodies) == (True, status, [b"x"])
        await plain.pool.close()

    async def test_a_file_is_sent_in_pieces_in_place_of_the_message_that_names_it(self, grants: Grants) -> None:
        body = bytes(range(256)) * 8000
        (grants.root / "big").mkdir()
        (grants.root / "big/orders.edi").write_bytes(body)
        async with self.opened({"connection": "acme", "file": "it.file"}, grants) as target:
            message = outbound(1, b"{}")
            named = Outbound(**{**fields(message), "document": {"it": {"file": "big/orders.edi"}}})
            (outcome,) = await target.send([named])
            assert outcome.delivered and self.acme.bodies == [body]
            (head,) = self.acme.heads
            facts = grants.connections["acme"].pool.archive.facts("sent", head.message_id)
            assert facts.filename == "orders.edi"

    async def test_a_file_that_changed_is_not_sent_under_the_id_of_another_content(self, grants: Grants) -> None:
        self.acme.behave = ["silent"]
        file = grants.root / "orders.edi"
        file.write_bytes(b"first")
        async with self.opened({"connection": "acme", "file": "file"}, grants) as target:
            named = Outbound(**{**fields(outbound(1, b"{}")), "document": {"file": "orders.edi"}})
            assert (await target.send([named]))[0].in_doubt
            file.write_bytes(b"other")
            (outcome,) = await target.send([Outbound(**{**fields(named), "attempt": 2})])
            assert not outcome.delivered and "not what was sent before" in outcome.error
            file.write_bytes(b"first")
            assert (await target.send([Outbound(**{**fields(named), "attempt": 3})]))[0].delivered
        assert self.acme.bodies == [b"first"]

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("../secret", "a path inside the project's folder"),
            ("/etc/hostname", "a path inside the project's folder"),
            ("link", "a path inside the project's folder"),
            ("nothing", "there is no file 'nothing'"),
            ("folder", "is no plain file"),
            (None, "the path of a file"),
        ],
    )
    async def test_only_plain_files_of_the_project_are_sent(self, grants: Grants, name: str | None, said: str) -> None:
        (grants.root / "folder").mkdir()
        (grants.root / "link").symlink_to("/etc/hostname")
        async with self.opened({"connection": "acme", "file": "file"}, grants) as target:
            (outcome,) = await target.send([Outbound(**{**fields(outbound(1, b"{}")), "document": {"file": name}})])
        assert (outcome.delivered, outcome.error_class) == (False, "data") and said in outcome.error

    async def test_an_asynchronous_receipt_that_does_not_come_is_a_doubt(self, grants: Grants) -> None:
        self.acme.behave = ["silent"]
        async with self.opened({"connection": "later"}, grants) as target:
            (outcome,) = await target.send([outbound(1, b"x")])
            assert outcome.in_doubt and "no receipt came within 3 s" in outcome.error

    async def test_a_receipt_that_came_late_settles_the_delivery_without_sending(self, grants: Grants) -> None:
        options = {"connection": "acme"}
        async with self.opened(options, grants) as target:
            message = outbound(1, b"x")
            assert (await target.send([message]))[0].delivered
            (outcome,) = await target.send([Outbound(**{**fields(message), "possible_duplicate": True})])
            assert outcome.delivered and len(self.acme.heads) == 1
