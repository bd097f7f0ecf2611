"""Makes the acknowledgements of what was received from what examining it found, in the same pass.

``Acknowledger`` is a sink of an examination; ``documents`` are what the x12 and edifact formats write. Nothing here is
stored or sent: control numbers come from an allocator, and who gets what is a policy.
"""

from __future__ import annotations

from waypost.formats.edi.acknowledgement.collect import Acknowledger, acknowledge
from waypost.formats.edi.acknowledgement.policy import Acknowledgement, Policy

__all__ = ["Acknowledgement", "Acknowledger", "Policy", "acknowledge"]
