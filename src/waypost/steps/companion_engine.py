"""The other end of a companion: loads one engine, gives up everything else, and answers frame by frame."""

from __future__ import annotations

import atexit
import os
import shutil
import struct
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from waypost.steps.confinement import confine, die_with_parent

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_HEAD = struct.Struct(">I")
Engine = Callable[[Mapping[str, Any]], Mapping[str, Any]]
ADDRESS = "http://project.invalid/"
"""Stands for the project's folder in the addresses of a stylesheet; nothing is ever fetched from it."""
_CATALOG = (
    '<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">'
    '<rewriteURI uriStartString="{address}" rewritePrefix="{folder}/"/></catalog>'
)
_ALLOWED = "http://saxon.sf.net/feature/allowedProtocols"


class SetupError(Exception):
    """What the engine was given cannot be used."""


def main() -> None:
    """Answer until the other end closes."""
    die_with_parent()
    source, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # an engine that prints does not spoil the answers
    setup = _receive(source)
    if setup is None:
        return
    try:
        engine, confined = ENGINES[setup["engine"]](setup)
    except SetupError as error:
        _send(answers, {"error": str(error)})
        return
    _send(answers, {"confined": confined})
    while (request := _receive(source)) is not None:
        _send(answers, engine(request))


def _receive(source: Any) -> Any:
    head = source.read(4)
    return _decode(source.read(_HEAD.unpack(head)[0])) if len(head) == 4 else None


def _send(answers: Any, answer: Mapping[str, Any]) -> None:
    body = _encode(answer)
    answers.write(_HEAD.pack(len(body)) + body)
    answers.flush()


def _xslt(setup: Mapping[str, Any]) -> tuple[Engine, list[str]]:
    """XSLT 3.0 by Saxon. ``files`` are the project's by path, ``file`` the stylesheet; all may be read as documents."""
    import saxonche

    folder = tempfile.mkdtemp(prefix="waypost-xslt-")
    catalog = Path(folder, "catalog.xml")
    for name, data in setup["files"].items():
        place = Path(folder, "project", *name.split("/"))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    catalog.write_text(_CATALOG.format(address=ADDRESS, folder=Path(folder, "project").as_uri()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = Path(saxonche.__file__).parent
    confined = confine([folder, "/proc/self", *map(str, library.glob("saxonche*"))])
    processor = saxonche.PySaxonProcessor(license=False)
    processor.set_catalog_files([str(catalog)])
    processor.set_configuration_property(_ALLOWED, "file,http")
    try:
        compiled = processor.new_xslt30_processor().compile_stylesheet(
            stylesheet_text=str(setup["stylesheet"]), encoding="utf-8"
        )
    except saxonche.PySaxonApiError as error:
        raise SetupError(_said(error)) from None
    if "files" not in confined:  # the kernel cannot keep other files away: none may be read from now on
        processor.set_configuration_property(_ALLOWED, "http")

    def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            run = compiled.clone()
            for name, value in request["parameters"].items():
                run.set_parameter(name, processor.make_string_value(value))
            made = run.transform_to_string(xdm_node=processor.parse_xml(xml_text=request["body"], encoding="utf-8"))
        except saxonche.PySaxonApiError as error:
            return {"error": _said(error)}
        return {"body": made or ""}

    return answer, confined


def _said(error: Exception) -> str:
    return " ".join(str(error).replace(ADDRESS, "").split())[:500]


def _javascript(setup: Mapping[str, Any]) -> tuple[Engine, list[str]]:
    """JavaScript by QuickJS, a fresh realm for each message, so that nothing is remembered."""
    import quickjs

    program, prelude = str(setup["program"]), str(setup["prelude"])
    memory, seconds = int(setup["memory_bytes"]), float(setup["seconds"])
    confined = confine()

    def realm() -> Any:
        context = quickjs.Context()
        context.set_memory_limit(memory)
        context.set_max_stack_size(512 << 10)
        context.set_time_limit(seconds)
        return context

    def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
        context = realm()
        try:
            context.set("__seed", request["seed"])
            context.set("__now", request["now"])
            context.set("__body", request["body"])
            run = context.eval(prelude)
            context.eval(program)
            made = run(setup["function"])
        except (quickjs.JSException, quickjs.StackOverflow) as error:
            return {"error": str(error)}
        return {"body": made if isinstance(made, str) else None}

    try:
        tried = realm()
        tried.eval(f"(function () {{ return function () {{ {program}\n }}; }})()")
    except (quickjs.JSException, quickjs.StackOverflow) as error:
        raise SetupError(str(error).strip()) from None
    return answer, confined


ENGINES: Mapping[str, Callable[[Mapping[str, Any]], tuple[Engine, list[str]]]] = {
    "xslt": _xslt, "javascript": _javascript,
}  # fmt: skip
