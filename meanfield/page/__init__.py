"""The interactive page of runs: one html file, or served while they go on."""
