"""PHI-safe redaction: EDI files with plausible values in place of real ones, structure and balances as they were."""
