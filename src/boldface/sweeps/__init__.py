"""Sweeps: what more obedience costs, measured point by point; the front of it, and the point to work at."""
