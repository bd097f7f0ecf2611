"""Turns what people already have, directories and schemas of other products, into schema files of our own format."""
