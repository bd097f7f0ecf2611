"""Compress a MIME entity and undo it, within a limit: CMS CompressedData (RFC 3274, RFC 5402)."""

from __future__ import annotations

import zlib

from waypost.as2 import cms
from waypost.as2.failure import As2Error, Disposition, reading
from waypost.as2.limits import Limits

_BROKEN = Disposition.DECOMPRESSION_FAILED


def compress(content: bytes) -> bytes:
    """The DER of CompressedData."""
    data = {
        "version": "v0",
        "compression_algorithm": {"algorithm": "zlib"},
        "encap_content_info": {"content_type": "data", "content": zlib.compress(content)},
    }
    return cms.content_info("compressed_data", cms.Cms.CompressedData(data))


def decompress(der: bytes, limits: Limits) -> bytes:
    """The content, never more of it than ``limits.content``: a small message cannot fill the memory."""
    with reading(_BROKEN, "the compressed content"):
        kind, data = cms.load(der)
        if kind != "compressed_data":
            raise As2Error(_BROKEN, f"found CMS content {kind!r}", expected="compressed_data")
        algorithm = data["compression_algorithm"]["algorithm"].native
        if algorithm != "zlib":
            raise As2Error(_BROKEN, f"the compression is {algorithm!r}", expected="zlib")
        packed = data["encap_content_info"]["content"].native
        if not isinstance(packed, bytes):
            raise As2Error(_BROKEN, "there is no compressed content", expected="a zlib stream")
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(packed, limits.content + 1)
    except zlib.error as error:
        raise As2Error(_BROKEN, f"the content is no zlib stream ({error})") from error
    if len(content) > limits.content:
        raise As2Error(
            _BROKEN, f"the content is larger than {limits.content} bytes once decompressed",
            remedy="ask the partner for smaller files, or raise the limit",
        )  # fmt: skip
    if not inflater.eof:
        raise As2Error(_BROKEN, "the zlib stream ends too early", expected="all of it")
    return content
