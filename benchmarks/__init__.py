"""Speed against peers: everything is timed in one run and checked against float64."""
