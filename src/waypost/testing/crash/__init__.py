"""The crash-state explorer: what the store makes of every disk that a stop could leave behind.

A workload runs once, and every operation it does on the disk is recorded, SQLite's too. Then, after each operation, the
disk is rebuilt as a stop at that moment may leave it: with all that was written (the process died), with only what was
synced (the power went), or with a random part of what was not synced, torn at 512 bytes. The store opens each of these
images, and must hold everything it had acknowledged, nothing in part, and derived state that equals a fold of its
journal.

``python -m waypost.testing.crash --images 200000``
"""
