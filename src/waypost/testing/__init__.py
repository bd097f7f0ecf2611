"""Shipped test kits and simulators of outside systems."""
