"""Compress a MIME entity and undo it, within a limit: CMS CompressedData (RFC 3274, RFC 5402)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from waypost.as2 import cms
from waypost.as2.failure import As2Error, Disposition, reading
from waypost.as2.hollow import Hollow, read_hollow, wrapped
from waypost.as2.limits import Limits
from waypost.core.content import Content, Spool

_BROKEN = Disposition.DECOMPRESSION_FAILED
_STEP = 256 << 10


def compress(content: Content, spool: Spool) -> Content:
    """CompressedData in DER."""
    data = {
        "version": "v0",
        "compression_algorithm": {"algorithm": "zlib"},
        "encap_content_info": {"content_type": "data", "content": b""},
    }
    return wrapped("compressed_data", cms.Cms.CompressedData(data), spool.keep(_deflated(content)))


def _deflated(content: Content) -> Iterator[bytes]:
    deflater = zlib.compressobj()
    for piece in content.pieces():
        yield deflater.compress(piece)
    yield deflater.flush()


def decompress(packed: Content, limits: Limits, spool: Spool) -> Content:
    """The content, never more of it than the limits allow: a small message fills neither memory nor disk."""
    with reading(_BROKEN, "the compressed content"):
        hollow = read_hollow(packed, ("compressed_data",), limits.structure, _BROKEN)
        algorithm = hollow.structure["compression_algorithm"]["algorithm"].native
        if algorithm != "zlib":
            raise As2Error(_BROKEN, f"the compression is {algorithm!r}", expected="zlib")
        if hollow.octets is None:
            raise As2Error(_BROKEN, "there is no compressed content", expected="a zlib stream")
        return spool.keep(_inflated(hollow, limits, limits.inflated(packed.size)))


def _inflated(hollow: Hollow, limits: Limits, most: int) -> Iterator[bytes]:
    inflater, size = zlib.decompressobj(), 0
    for piece in hollow.octets.pieces() if hollow.octets is not None else ():
        rest = piece
        while rest and not inflater.eof:
            try:
                content = inflater.decompress(rest, _STEP)
            except zlib.error as error:
                raise As2Error(_BROKEN, f"the content is no zlib stream ({error})") from error
            rest, size = inflater.unconsumed_tail, size + len(content)
            if size > most:
                raise As2Error(
                    _BROKEN, f"the content is larger than {most} bytes once decompressed",
                    expected=f"at most {limits.content}, and {limits.ratio} times the compressed size",
                    remedy="ask the partner for smaller files, or raise the limit",
                )  # fmt: skip
            yield content
    if not inflater.eof:
        raise As2Error(_BROKEN, "the zlib stream ends too early", expected="all of it")
