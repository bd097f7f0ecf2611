"""Batches of messages on the pure side: decoded, taken through the steps, recorded; and what the steps may ask."""
