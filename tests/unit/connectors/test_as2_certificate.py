"""Certificates and keys of AS2 come from the project or from files of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.peers.as2 import FILES, WAYPOST, connection, key_pem, pem
from waypost.connectors.as2_connection import As2Connection
from waypost.core.errors import ConfigurationRefused, ProjectError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Secret
from waypost.testing.connector_kit import parse_options

ADDRESS = "http://127.0.0.1:1/as2"


def options(**changes: Any) -> Any:
    component = registry.find("connection", "as2")
    assert component is not None
    return parse_options(component, connection(ADDRESS, **changes))


async def opened(root: Path, **changes: Any) -> As2Connection:
    made = As2Connection(options(**changes), Grants(root=root, name="acme", read_file=FILES.__getitem__))
    await made.open()
    await made.close()
    return made


async def test_files_of_the_machine_are_read_when_it_opens(tmp_path: Path) -> None:
    (tmp_path / "us.pem").write_bytes(pem(WAYPOST))
    (tmp_path / "us.key").write_text(key_pem(WAYPOST))
    ours = [{"certificate_file": "us.pem", "key_file": str(tmp_path / "us.key")}]
    made = await opened(tmp_path, our_certificates=ours, their_certificates=[{"certificate_file": "us.pem"}])
    assert [one.certificate for one in made.ours] == [WAYPOST.certificate]
    assert made.ours[0].key is not None


async def test_a_file_that_is_not_there_is_said_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused, match=r"connection acme: gone.pem: No such file"):
        await opened(tmp_path, their_certificates=[{"certificate_file": "gone.pem"}])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"their_certificates": [{}]}, "neither certificate nor certificate_file"),
        (
            {"their_certificates": [{"certificate": "partners/acme.pem", "certificate_file": "a.pem"}]},
            "both certificate and certificate_file",
        ),
        ({"our_certificates": [{"certificate": "partners/us.pem"}]}, "neither key nor key_file"),
        (
            {"our_certificates": [{"certificate": "partners/us.pem", "key": Secret("x"), "key_file": "k"}]},
            "both key and key_file",
        ),
    ],
)
def test_each_is_given_once(changes: dict[str, Any], said: str) -> None:
    with pytest.raises((ProjectError, AssertionError), match=said):
        options(**changes)
