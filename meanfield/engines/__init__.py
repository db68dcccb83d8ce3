"""Sums over neurons and data on all cores: one interface, several exact methods."""
