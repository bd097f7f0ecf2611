"""Examines whole files of EDI: envelopes, counts, control numbers, and each message against its schema."""
