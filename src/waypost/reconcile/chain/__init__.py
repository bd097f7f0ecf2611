"""Chains of business documents: what was ordered, confirmed, shipped, invoiced, paid; claimed, answered, posted."""
