"""Messages are opened in many threads at once: the classes of the ASN.1 library are ready before the first."""

from __future__ import annotations

import subprocess
import sys
import textwrap

_HALF_READY = """
    import threading
    from asn1crypto import cms, core
    whole = core._build_id_tuple
    inside, go = threading.Event(), threading.Event()
    def slow(*given):  # stops a thread in the middle of the set-up of a class
        if threading.current_thread().name == "slow" and not inside.is_set():
            inside.set()
            go.wait(30)
        return whole(*given)
    core._build_id_tuple = slow
    first = threading.Thread(target=cms.IssuerAndSerialNumber, name="slow")
    first.start()
    inside.wait(30)
    core._SETUP_CLASSES[cms.IssuerAndSerialNumber] = True  # a third thread has just finished the same set-up
    try:
        cms.IssuerAndSerialNumber.load(bytes.fromhex("30053000020101")).native
    except IndexError:
        print("damaged")
    go.set()
    first.join()
"""
_NONE_LEFT = """
    from concurrent.futures import ThreadPoolExecutor
    from waypost.as2 import cms
    from asn1crypto import core
    from waypost.as2.receipt import read_receipt
    from waypost.testing.as2_fuzz import read_all, sound_messages
    ready = set(core._SETUP_CLASSES)
    sound = sound_messages()
    with ThreadPoolExecutor(16) as pool:
        print(min(pool.map(read_all, sound * 4)) >= 2, {k.__name__ for k in set(core._SETUP_CLASSES) - ready})
"""


def test_a_class_in_the_middle_of_its_set_up_reads_sound_bytes_as_damaged() -> None:
    assert _run(_HALF_READY) == "damaged", "the library has mended it: cms.make_ready is no longer needed"


def test_no_class_is_set_up_once_the_library_is_loaded() -> None:
    assert _run(_NONE_LEFT) == "True set()"


def _run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()
