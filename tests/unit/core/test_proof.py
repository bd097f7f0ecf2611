import hashlib

from waypost.core.proof import DIGEST_BYTES, digester, proves


def test_a_digest_depends_on_every_byte_and_on_the_secret() -> None:
    bodies = [b"", b"a", b"b", b"ab", b"a\0", bytes(16), bytes(17)]
    seen = {*digester(b"secret")(bodies), *digester(b"other")(bodies), *digester(b"")(bodies)}
    assert len(seen) == 3 * len(bodies)
    assert all(len(each) == DIGEST_BYTES for each in seen)


def test_a_digest_does_not_depend_on_what_else_is_in_the_batch() -> None:
    digests = digester(b"secret")
    assert digests([b"a", b"b", b"a"]) == [digests([body])[0] for body in (b"a", b"b", b"a")]
    assert digests([]) == []


def test_a_digest_stays_what_it_is() -> None:
    """Stores hold it: what changes here makes all that is stored look changed."""
    assert digester(bytes(32))([b"body"])[0].hex() == "194aadab4c9f120d6d332039896dfb24"


def test_digests_of_former_stores_still_prove_what_was_sent() -> None:
    secret, body = b"s" * 32, b"body"
    former = hashlib.sha256(secret.ljust(64, b"\0") + body).digest()[:DIGEST_BYTES]
    (digest,) = digester(secret)([body])
    assert proves(secret, body, digest, digest)
    assert proves(secret, body, digest, former)
    (other,) = digester(secret)([b"other"])
    assert not proves(secret, b"other", other, digest)
    assert not proves(secret, b"other", other, former)
    assert not proves(secret, body, digest, None)
