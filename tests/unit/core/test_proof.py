from waypost.core.proof import DIGEST_BYTES, digester


def test_a_digest_depends_on_every_byte_and_on_the_secret() -> None:
    digest = digester(b"secret")
    seen = {digest(b""), digest(b"a"), digest(b"b"), digest(b"ab"), digester(b"other")(b"a"), digester(b"")(b"a")}
    assert len(seen) == 6
    assert all(len(each) == DIGEST_BYTES for each in seen)


def test_one_digester_serves_any_number_of_bodies() -> None:
    digest = digester(b"secret")
    assert [digest(b"a"), digest(b"b"), digest(b"a")] == [digester(b"secret")(body) for body in (b"a", b"b", b"a")]
