"""Conformance suites for connectors: subclass, give the fixtures, inherit the cases the traits imply.

A suite needs ``asyncio_mode = "auto"`` and, in its own module, the names it covers::

    COVERS = {("target", "carrier")}

    class TestCarrierTarget(TargetSuite):
        name = "carrier"

        @pytest.fixture
        def options(self, tmp_path):            # options that work, as they stand in a flow file
            self.folder = tmp_path / "sky"      # fixtures may keep on ``self`` what the hooks need
            return {"path": str(self.folder)}

        @pytest.fixture
        def absent(self, tmp_path):             # options for a system that is not there; None: there is none
            return {"path": "/proc/none"}

        async def landed(self):                 # what the outside system holds now, in order of arrival
            return [p.read_bytes() for p in sorted(self.folder.iterdir())]

Override ``grants`` where connections are needed, ``absent_grants`` where the missing system is a connection's.
"""

from __future__ import annotations

from waypost.testing.component_suite import AWKWARD_BODIES, ComponentSuite, ConnectionSuite, only
from waypost.testing.source_suite import SourceSuite
from waypost.testing.stand_in import (
    CommittedPositions,
    again,
    bodies_of,
    next_delivery,
    numbered_bodies,
    outbound,
    parse_options,
)
from waypost.testing.target_suite import RequesterSuite, TargetSuite

__all__ = [
    "AWKWARD_BODIES", "CommittedPositions", "ComponentSuite", "ConnectionSuite", "RequesterSuite", "SourceSuite",
    "TargetSuite", "again", "bodies_of", "next_delivery", "numbered_bodies", "only", "outbound", "parse_options",
]  # fmt: skip
