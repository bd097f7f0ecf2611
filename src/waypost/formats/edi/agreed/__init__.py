"""Interchanges under the agreements of a project: whose they are, how they are read, how they are written."""
