"""One module a peer: each runs in its own process and answers the harness over a pipe."""
