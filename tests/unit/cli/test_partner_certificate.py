"""The verbs about certificates of partners, and the challenge that proves their keys: the partner is OpenSSL."""

from __future__ import annotations

import subprocess
from email import message_from_bytes
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.unit.agreements.agreeing import ACME
from tests.unit.cli.commanding import Command
from tests.unit.partners.test_certificate import KEY, OTHER, certificate

CONNECTIONS = """\
acme-as2:
  kind: as2
  address: http://127.0.0.1:9/as2
  us: WAYPOST
  them: ACME
  our_certificates: [{certificate: partners/us.pem, key: "${our_key}"}]
  their_certificates: [{certificate: partners/acme.pem}]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "p"
    (root / "partners").mkdir(parents=True)
    (root / "environments").mkdir()
    (root / "waypost.yaml").write_text("name: trade\n")
    (root / "connections.yaml").write_text(CONNECTIONS)
    (root / "environments/dev.yaml").write_text("environment: dev\nclass: test\nsecrets: {our_key: {file: ours.key}}\n")
    pem = serialization.Encoding.PEM
    (root / "ours.key").write_bytes(_private(KEY))
    (root / "theirs.key").write_bytes(_private(OTHER))
    (root / "partners/us.pem").write_bytes(certificate("us").public_bytes(pem))
    (root / "partners/acme.pem").write_bytes(certificate("acme", key=OTHER).public_bytes(pem))
    endpoint = "endpoints: {as2: {connection: acme-as2}}\ncertificates: [{file: partners/acme.pem}]\n"
    (root / "partners/acme.yaml").write_text(ACME + endpoint)
    return root


def _private(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def openssl(*arguments: str, cwd: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


def test_certificates_and_keys_may_be_files_of_the_machine(project: Path, waypost: Command, tmp_path: Path) -> None:
    for name in ("us.pem", "acme.pem"):
        (project / "partners" / name).rename(tmp_path / name)
    (project / "partners/acme.yaml").write_text(ACME + "endpoints: {as2: {connection: acme-as2}}\n")
    ours = "our_certificates: [{certificate_file: ../us.pem, key_file: ours.key}]"
    theirs = f"their_certificates: [{{certificate_file: {tmp_path / 'acme.pem'}}}]"
    (project / "connections.yaml").write_text(
        f"acme-as2: {{kind: as2, address: 'http://127.0.0.1:9/as2', us: WAYPOST, them: ACME, {ours}, {theirs}}}\n"
    )
    said = waypost("partner", "certificates", "acme", "--project", project)
    assert said.code == 0, said.out
    assert "our key signed and opened a known text" in said.out and "the private key is its own" in said.out
    assert waypost("partner", "challenge", "acme", "--project", project, "--to", tmp_path / "posed").code == 0
    (tmp_path / "us.pem").unlink()
    said = waypost("partner", "certificates", "acme", "--project", project)
    assert said.code == 1 and "../us.pem: No such file or directory" in said.out


def test_the_certificates_of_both_sides_are_looked_at(project: Path, waypost: Command) -> None:
    said = waypost("partner", "certificates", "acme", "--project", project)
    assert said.code == 0, said.out
    assert "our key signed and opened a known text" in said.out and "the private key is its own" in said.out
    page = project / "c.html"
    told = waypost("partner", "certificates", "acme", "--project", project, "--json", "--html", page).json
    assert {one["side"] for one in told["certificates"]} == {"us", "partner"}
    assert told["certificates"][0]["sha256"] in page.read_text() and "<script" not in page.read_text()
    (project / "ours.key").write_bytes(_private(OTHER))
    said = waypost("partner", "certificates", "acme", "--project", project)
    assert said.code == 1 and "missing or of another certificate" in said.out


def test_a_partner_with_its_key_meets_the_challenge_and_one_with_another_does_not(
    project: Path, waypost: Command
) -> None:
    posed = waypost("partner", "challenge", "acme", "--project", project, "--to", project / "c", "--json").json
    text, message = posed["written"]
    openssl("cms", "-decrypt", "-in", message, "-inkey", "theirs.key", "-out", "opened.eml", cwd=project)
    openssl("cms", "-verify", "-in", "opened.eml", "-noverify", "-out", "plain.eml", cwd=project)
    inside = message_from_bytes((project / "plain.eml").read_bytes())
    assert inside.get_payload(decode=True) == Path(text).read_bytes()
    for key, good in (("theirs.key", True), ("ours.key", False)):
        signer = "partners/acme.pem" if good else "partners/us.pem"
        openssl("cms", "-sign", "-in", "plain.eml", "-signer", signer, "-inkey", key, "-out", "s.eml", cwd=project)
        openssl("cms", "-encrypt", "-aes256", "-in", "s.eml", "-out", "answer.eml", "partners/us.pem", cwd=project)
        said = waypost("partner", "challenge", "acme", "--project", project, "--open", project / "answer.eml",
                       "--known", text)  # fmt: skip
        assert (said.code == 0) is good, said.err
        assert ("acme has both keys" in said.out) is good


def test_an_answer_of_other_text_unsigned_or_unencrypted_is_refused(project: Path, waypost: Command) -> None:
    text = waypost("partner", "challenge", "acme", "--project", project, "--to", project / "c", "--json").json
    known = Path(text["written"][0])
    (project / "other.txt").write_text("Content-Type: text/plain\r\n\r\nsomething else\r\n")
    (project / "same.txt").write_bytes(b"Content-Type: text/plain\r\n\r\n" + known.read_bytes())
    sign = ("cms", "-sign", "-signer", "partners/acme.pem", "-inkey", "theirs.key")
    openssl(*sign, "-in", "other.txt", "-out", "signed-other.eml", cwd=project)
    openssl(*sign, "-in", "same.txt", "-out", "only-signed.eml", cwd=project)
    for source, out in (("signed-other.eml", "other.eml"), ("same.txt", "only-encrypted.eml")):
        openssl("cms", "-encrypt", "-aes256", "-in", source, "-out", out, "partners/us.pem", cwd=project)
    (project / "junk.eml").write_bytes(b"\x00\xff no message")
    for name in ("other.eml", "only-encrypted.eml", "only-signed.eml", "junk.eml"):
        said = waypost("partner", "challenge", "acme", "--project", project, "--open", project / name, "--known", known)
        assert said.code == 1 and "challenge" in said.err, (name, said.out, said.err)
