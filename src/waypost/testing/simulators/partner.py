"""A simulator of a trading partner: an SFTP server on loopback over a folder of this machine.

What the partner sends lies in ``outbound`` until it is fetched; what is sent to it arrives in ``inbound``. It lets in
one user, by password or by key, and only into its folder. It is a real SSH server (asyncssh) with made-up keys.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncssh

OUTBOUND, INBOUND = "outbound", "inbound"


class PartnerSimulator:
    """The partner ``user``. ``folder`` keeps its files in ``files`` and its keys in ``keys``, so a partner opened
    again over the same folder is the same one; ``port`` 0 takes a free one and keeps it."""

    def __init__(self, folder: Path, *, user: str = "acme", password: str = "acme-demo", port: int = 0) -> None:
        self.user, self.password, self.port = user, password, port
        self.root, self._keys = folder / "files", folder / "keys"
        self.outbound, self.inbound = self.root / OUTBOUND, self.root / INBOUND
        self.client_key = self._keys / "client_key"
        """Private key that lets the user in."""
        self.known_hosts = self._keys / "known_hosts"
        """The server's own key, as a client must expect it; written when opened."""
        self.logins: list[str] = []
        """How each session logged in: ``password`` or ``publickey``."""
        self._server: asyncssh.SSHAcceptor | None = None

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``, once open."""
        return f"127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Serve. Makes folders and keys where they are not there yet."""
        import asyncssh

        if self._server is not None:
            return
        for folder in (self.outbound, self.inbound, self._keys):
            folder.mkdir(parents=True, exist_ok=True)
        host_key, client_key = _key(self._keys / "host_key"), _key(self.client_key)
        self._server = await asyncssh.listen(
            "127.0.0.1", self.port, server_factory=self._session(client_key), server_host_keys=[host_key],
            sftp_factory=self._files(), allow_scp=False, reuse_address=True, gss_host=None, encoding=None,
        )  # fmt: skip
        self.port = self._server.get_port()
        public = host_key.export_public_key().decode().strip()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}\n")

    async def close(self) -> None:
        """Stop serving and break off open sessions; files stay."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()

    def drop(self, name: str, content: bytes) -> Path:
        """Put a document where it is fetched, whole or not at all."""
        place = self.outbound / name
        started = place.with_name(f".{name}.tmp")
        started.write_bytes(content)
        started.rename(place)
        return place

    def received(self) -> dict[str, bytes]:
        """What was sent to the partner, by name, without files still being written."""
        names = sorted(entry.name for entry in os.scandir(self.inbound) if entry.is_file())
        return {name: (self.inbound / name).read_bytes() for name in names if not name.startswith(".")}

    def _session(self, client_key: asyncssh.SSHKey) -> type[Any]:
        import asyncssh

        partner, known = self, client_key.export_public_key()

        class Session(asyncssh.SSHServer):  # type: ignore[misc, unused-ignore]
            def begin_auth(self, username: str) -> bool:
                return True

            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                self._how = "password"
                return username == partner.user and hmac.compare_digest(password.encode(), partner.password.encode())

            def public_key_auth_supported(self) -> bool:
                return True

            def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
                self._how = "publickey"
                return username == partner.user and bool(key.export_public_key() == known)

            def auth_completed(self) -> None:
                partner.logins.append(self._how)

        return Session

    def _files(self) -> Any:
        import asyncssh

        root = os.path.realpath(os.fsencode(self.root))

        class Files(asyncssh.SFTPServer):  # type: ignore[misc, unused-ignore]
            def map_path(self, path: bytes) -> bytes:
                mapped: bytes = super().map_path(path)
                if os.path.commonpath((root, os.path.realpath(mapped))) != root:
                    raise asyncssh.SFTPPermissionDenied("outside the partner's folder")
                return mapped

        return lambda channel: Files(channel, chroot=root)


def _key(place: Path) -> asyncssh.SSHKey:
    import asyncssh

    if place.exists():
        return asyncssh.read_private_key(str(place))
    key = asyncssh.generate_private_key("ssh-ed25519")
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key.export_private_key())
    return key
