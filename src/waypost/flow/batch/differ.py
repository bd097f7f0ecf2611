"""Field-by-field differences between two documents."""

from __future__ import annotations

from typing import Any

MISSING = "(nothing)"


def differences(was: Any, now: Any, path: str = "") -> list[dict[str, Any]]:
    """Where two documents differ: ``{"path": "lines[0].sku", "was": …, "is": …}``; equal documents give none."""
    if isinstance(was, dict) and isinstance(now, dict):
        found = []
        for name in [*was, *(n for n in now if n not in was)]:
            at = f"{path}.{name}" if path else str(name)
            found += differences(was.get(name, MISSING), now.get(name, MISSING), at)
        return found
    if isinstance(was, list) and isinstance(now, list):
        found = []
        for i in range(max(len(was), len(now))):
            one = was[i] if i < len(was) else MISSING
            other = now[i] if i < len(now) else MISSING
            found += differences(one, other, f"{path}[{i}]")
        return found
    same = was == now and type(was) is type(now)
    return [] if same else [{"path": path or "(whole)", "was": was, "is": now}]
