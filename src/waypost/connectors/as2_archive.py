"""What was sent and received over AS2, kept as proof: the documents, the messages as they went, the receipts, the
certificates, and what binds them.

One folder a message, ``sent/`` or ``received/``, named by the hash of its Message-ID::

    facts.json      who, when, the check (MIC), SHA-256 of every file beside it
    content         the document
    message         the body as it went over the line
    receipt         the body of the receipt; its headers are in receipt.json
    NAME.der        certificates that were used

Every file is written whole, synced, and renamed into place, so that one that is there is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from waypost.core.content import Content
from waypost.core.errors import EndpointUnavailable

Side = Literal["sent", "received"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is kept of a message. ``mic`` is what its receipt must say (sent) or said (received); times are ISO 8601."""

    message_id: str
    sender: str
    receiver: str
    at: str
    mic: str = ""
    subject: str = ""
    filename: str = ""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    disposition: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of the files beside it, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReceipt:
    """A receipt as it came or went."""

    at: str
    headers: Mapping[str, str]
    body: bytes


class As2Archive:
    """The archive in one folder. All methods block: call them in a thread. Safe for several processes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, side: Side, message_id: str) -> Path:
        """Where a message is kept."""
        name = hashlib.sha256(message_id.encode()).hexdigest()[:40]
        return self.root / side / name[:2] / name

    def keep(self, side: Side, facts: Facts, files: Mapping[str, Content]) -> None:
        """Keep a message; what is kept of it already is replaced. Facts come last: without them there is nothing."""
        folder = self.folder(side, facts.message_id)
        sums = {name: _write(folder / name, content) for name, content in files.items()}
        _write(folder / "facts.json", Content.of(_json({**asdict(facts), "files": sums})))

    def facts(self, side: Side, message_id: str) -> Facts | None:
        """What is kept of a message."""
        return _facts(self.folder(side, message_id))

    def keep_receipt(self, side: Side, message_id: str, receipt: KeptReceipt) -> None:
        """Keep the receipt of a message; the first one stays."""
        folder = self.folder(side, message_id)
        if (folder / "receipt.json").exists():
            return
        _write(folder / "receipt", Content.of(receipt.body))
        told = {"at": receipt.at, "headers": dict(receipt.headers), "sha256": hashlib.sha256(receipt.body).hexdigest()}
        _write(folder / "receipt.json", Content.of(_json(told)))

    def receipt(self, side: Side, message_id: str) -> KeptReceipt | None:
        """The receipt of a message, once there is one."""
        folder = self.folder(side, message_id)
        try:
            told = json.loads((folder / "receipt.json").read_bytes())
            return KeptReceipt(at=told["at"], headers=told["headers"], body=(folder / "receipt").read_bytes())
        except FileNotFoundError:
            return None

    def forget_receipt(self, side: Side, message_id: str) -> None:
        """Set a receipt aside that refused the message, before the message is sent anew."""
        folder = self.folder(side, message_id)
        for name in ("receipt.json", "receipt"):
            if (folder / name).exists():
                os.replace(folder / name, folder / f"former-{name}")

    def all(self) -> Iterator[tuple[Side, Path, Facts]]:
        """Every message with its folder."""
        sides: tuple[Side, ...] = ("sent", "received")
        for side in sides:
            for folder in sorted((self.root / side).glob("*/*")):
                found = _facts(folder)
                if found is not None:
                    yield side, folder, found

    @staticmethod
    def damaged(folder: Path, facts: Facts) -> list[str]:
        """The files of a message that are not what was kept."""
        bad = [name for name, told in facts.files.items() if _sum(folder / name) != told]
        try:
            told = json.loads((folder / "receipt.json").read_bytes())
            bad += ["receipt"] if _sum(folder / "receipt") != told["sha256"] else []
        except FileNotFoundError:
            pass
        except (ValueError, KeyError):
            bad.append("receipt.json")
        return bad


def _facts(folder: Path) -> Facts | None:
    try:
        return Facts(**json.loads((folder / "facts.json").read_bytes()))
    except FileNotFoundError:
        return None


def _sum(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def _write(path: Path, content: Content) -> str:
    """Write a file whole; its SHA-256. ``EndpointUnavailable`` when there is no room."""
    made, digest = path.with_name(f".{path.name}.{os.getpid()}"), hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(made, "wb") as file:
            for piece in content.pieces():
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, path)
        _sync_folder(path.parent)
    except OSError as error:
        made.unlink(missing_ok=True)
        raise EndpointUnavailable(
            f"{content.size} bytes cannot be archived: {error.strerror}", where=str(path.parent),
            expected="room on its disk", remedy="make room",
        ) from error  # fmt: skip
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
