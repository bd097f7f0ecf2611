"""Cases of a project's flows and maps: declared, run, matched, counted, recorded, generated."""
