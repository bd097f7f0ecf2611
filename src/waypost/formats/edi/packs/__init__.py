"""Schemas that come with Waypost: facts of the standards in our own words, each with its provenance."""
