"""A kill ledger: a real system of real processes is killed again and again while messages flow, and both ends are kept
in books of their own, which must agree afterwards.

``python -m waypost.testing.ledger --messages 100000 --workers 2 --kill-every 1`` prints what came out.
"""
