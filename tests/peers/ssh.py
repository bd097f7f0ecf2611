"""An OpenSSH server of our own that serves SFTP to the user who runs the tests, by key."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.peers.server import ServerProcess, free_port

_CONFIGURATION = """\
ListenAddress {host}:{port}
HostKey {etc}/host_key
PidFile none
AuthorizedKeysFile {etc}/authorized_keys
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
UseDNS no
MaxStartups 100
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d {root}
LogLevel VERBOSE
"""


def find_sshd() -> Path | None:
    """The server's binary; ``ssh-keygen`` must be there too."""
    sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return Path(sshd) if sshd and shutil.which("ssh-keygen") else None


class SshServer:
    """One server with keys of its own. ``root`` is where a session starts and where files go; it is no jail, so
    absolute paths are those of this machine. ``stranger_key`` is a sound key the server does not know.
    ``stop`` and ``start`` keep port and keys."""

    host = "127.0.0.1"

    def __init__(self, sshd: Path) -> None:
        self.port, self.user = free_port(), getpass.getuser()
        self._folder = Path(tempfile.mkdtemp(prefix="waypost-ssh-"))
        self.root, etc = self._folder / "files", self._folder / "etc"
        self.root.mkdir()
        etc.mkdir()
        self.key, self.stranger_key, self.known_hosts = etc / "user_key", etc / "stranger_key", etc / "known_hosts"
        for key in (etc / "host_key", self.key, self.stranger_key):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key.stem, "-f", key], check=True)
        shutil.copy(self.key.with_suffix(".pub"), etc / "authorized_keys")
        self.known_hosts.write_text(f"[{self.host}]:{self.port} {(etc / 'host_key.pub').read_text()}")
        settings = etc / "sshd_config"
        settings.write_text(_CONFIGURATION.format(host=self.host, port=self.port, etc=etc, root=self.root))
        command = [str(sshd), "-f", str(settings)]
        lenient = ["-o", "PerSourcePenalties=no"]  # OpenSSH 9.8 and later turn away who failed to log in before
        if subprocess.run([*command, *lenient, "-t"], capture_output=True).returncode == 0:
            command += lenient
        self._process = ServerProcess([*command, "-D", "-e"], speaks=self._greets, log=self._folder / "log")

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"

    def start(self) -> None:
        """Serve."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd separates privileges; gone after a boot
        self._process.start()

    def stop(self) -> None:
        """Stop, and break off the sessions that are open."""
        self._process.kill()

    def remove(self) -> None:
        """Stop and delete everything."""
        self.stop()
        shutil.rmtree(self._folder)

    def _greets(self) -> bool:
        with socket.create_connection((self.host, self.port), timeout=1) as connection:
            return connection.recv(8) == b"SSH-2.0-"
