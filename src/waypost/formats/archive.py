"""Gzip and zip around another format: the files inside and their records, whole or one by one."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Annotated, Any, Literal

from waypost.core.component import Format, Framer, LocatingFormat
from waypost.core.cutting import cut, cut_end
from waypost.core.errors import DataError, Fault, ProjectError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option, OptionFault, Size
from waypost.core.traits import FormatTraits
from waypost.core.yamlfile import YamlFile
from waypost.formats.archive_framer import ArchiveFramer, split_context
from waypost.formats.archive_unpack import GZIP, ZIP, ZIP_END, Budget, gunzip, unknown_archive, unzip
from waypost.formats.line import WholeFramer

_LIMIT = Size(64 << 20)
_MOST_FAULTS = 20
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveOptions:
    """What is packed, and how much of it may come out."""

    format: Annotated[str, Option("The format of the files inside.", example="csv")]
    options: Annotated[
        dict[str, Any], Option("The options of that format.", example={"delimiter": ";"})
    ] = field(default_factory=dict)  # fmt: skip
    unit: Annotated[
        Literal["content", "record"],
        Option("Whether a content is one message, or each record of the files in it, cut as they are unpacked."),
    ] = "content"
    pack: Annotated[Literal["gzip", "zip"], Option("What is written; both are read.")] = "gzip"
    unpacked_bytes: Annotated[Size, Option("Most bytes all files together may unpack to.", maximum=1 << 44)] = _LIMIT

    def faults(self) -> Iterable[OptionFault]:
        known = registry.names("format")
        if self.format == "archive" or self.format not in known:
            yield OptionFault("format", f"found {self.format!r}", "a format", registry.near("format", self.format))
        if self.unit == "record" and self.pack == "zip":
            yield OptionFault("pack", "zip with records", "gzip: a record has no name a file could have")


@registry.register(
    "format", "archive", options=ArchiveOptions, traits=FormatTraits(streams=False),
    example="{format: csv, options: {delimiter: ';'}, unpacked_bytes: 256MiB}",
    traits_for=lambda options: FormatTraits(streams=options.unit == "record"),
)  # fmt: skip
class ArchiveFormat:
    """Files packed by gzip or zip, read by another format; one document a content, or one a record.

    With `unit: content` a document holds `files`: each with its `name` (empty in gzip) and `records`, the documents of
    the other format in order; the `split` step makes messages of them. A content is unpacked in memory, and is refused
    as a whole when a record of it is broken, with every fault. Written is the same, the same bytes for the same
    document.

    With `unit: record` a document is one of the other format, and files of any length are cut as they are read, in
    bounded memory. A broken archive is refused behind the records before the fault. Places count in what the files
    unpack to, one behind the other; after a restart what was read before is unpacked again. A zip file is read from its
    front: files stored without their size before them are refused. Written is a gzip file a document; they may follow
    each other in one file.

    At most `unpacked_bytes` are unpacked, and nothing is ever written to disk. Encrypted files and names that lead out
    of the archive are refused.
    """

    content_type = "application/octet-stream"

    def __init__(self, options: ArchiveOptions, grants: Grants) -> None:
        self._options = options
        self._inner = _inner(options, grants)
        self._records = options.unit == "record"
        self.content_type = "application/gzip" if options.pack == "gzip" else "application/zip"

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        if self._records:
            return ArchiveFramer(self._inner, limit_bytes, self._options.unpacked_bytes, offset, context)
        return WholeFramer(limit_bytes, offset)

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        if not self._records:
            return [self._decode(data) for data in batch]
        file, inner = split_context(context)
        return self._inner.decode(batch, inner) if file >= 0 else [self._only_record(data) for data in batch]

    def _only_record(self, data: bytes) -> Any:
        """The record of a content that no framer cut, such as the body of a request."""
        document = self._decode(data)
        if isinstance(document, DataError):
            return document
        records = [record for file in document["files"] for record in file["records"]]
        if len(records) == 1:
            return records[0]
        return DataError(f"{len(records)} records", where="content", expected="one, where a content is not cut",
                         remedy="unit: content, and the split step", code="archive-content")  # fmt: skip

    def locate(self, data: bytes, context: bytes, paths: Sequence[tuple[str | int | None, ...]]) -> Sequence[Any]:
        file, inner = split_context(context)
        if file < 0 or not isinstance(self._inner, LocatingFormat):
            return [None] * len(paths)
        return self._inner.locate(data, inner, paths)

    def _decode(self, data: bytes) -> Any:
        budget = Budget(self._options.unpacked_bytes)
        try:
            if data.startswith(GZIP):
                return {"files": [self._file("", gunzip(data, budget))]}
            if data.startswith((ZIP, ZIP_END)):
                return {"files": [self._file(name, content) for name, content in unzip(data, budget)]}
            raise unknown_archive(data)
        except DataError as refusal:
            return refusal

    def _file(self, name: str, content: bytes) -> dict[str, Any]:
        framer = self._inner.framer(self._options.unpacked_bytes)
        records: list[Any] = []
        faults: list[str] = []
        for item in chain(*cut(framer, content), *cut_end(framer)):
            (made,) = [item.fault] if item.fault else self._inner.decode([item.data], item.context)
            if item.fault or isinstance(made, DataError):
                faults.append(f"byte {item.start}: {made}")
            records.append(made)
        if faults:
            more = f"; and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
            raise DataError("; ".join(fault[:300] for fault in faults[:_MOST_FAULTS])[:1500] + more,
                            where=f"file {name!r}", code="archive-content")  # fmt: skip
        return {"name": name, "records": records}

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        if self._records:
            written = self._inner.encode(documents)
            return [w if isinstance(w, DataError) else gzip.compress(w, mtime=0) for w in written]
        return [self._encode(document) for document in documents]

    def _encode(self, document: Any) -> bytes | DataError:
        try:
            files = [self._content(file, n) for n, file in enumerate(_files(document))]
        except DataError as refusal:
            return refusal
        if self._options.pack == "zip":
            return _zipped(files)
        if len(files) != 1:
            return DataError(f"{len(files)} files", where="document", expected="one, as gzip has", remedy="pack: zip",
                             code="archive-value")  # fmt: skip
        return gzip.compress(files[0][1], mtime=0)

    def _content(self, file: Any, number: int) -> tuple[str, bytes]:
        where = f"files[{number}]"
        if not isinstance(file, Mapping) or not isinstance(file.get("records"), list | tuple):
            raise DataError("no records", where=where, expected="a mapping of name and records", code="archive-value")
        name = file.get("name", "")
        if self._options.pack == "zip" and not (isinstance(name, str) and name and "\0" not in name):
            raise DataError(f"the name {name!r}", where=where, expected="a text", code="archive-value")
        parts = list(self._inner.encode(file["records"]))
        for part in parts:
            if isinstance(part, DataError):
                raise DataError(str(part), where=where, code="archive-value")
        return str(name), b"".join(parts)


def _inner(options: ArchiveOptions, grants: Grants) -> Format:
    component = registry.find("format", options.format)
    assert component is not None, "the options were linted"
    faults: list[Fault] = []
    parsed = component.spec.parse(YamlFile("archive options", None), dict(options.options), (), faults)
    if faults:
        raise ProjectError(faults)
    made: Format = component.build(parsed, grants)
    return made


def _files(document: Any) -> Sequence[Any]:
    files = document.get("files") if isinstance(document, Mapping) else None
    if not isinstance(files, list | tuple):
        raise DataError("no files", where="document", expected="files, a list", code="archive-value")
    return files


def _zipped(files: Sequence[tuple[str, bytes]]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return made.getvalue()
