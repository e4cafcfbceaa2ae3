"""Builders of the files that several groups of cases share."""
