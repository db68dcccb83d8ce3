"""Panels, figures and movies; `meanfield.plot` and `meanfield.animate` are their public names."""
