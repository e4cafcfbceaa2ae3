"""Policies: which rules hold, with which parameters and severity."""
