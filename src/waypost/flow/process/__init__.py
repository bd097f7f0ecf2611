"""The processes of a running system, and how they are asked and steered; a system at rest."""
