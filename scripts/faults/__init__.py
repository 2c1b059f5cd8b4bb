"""Faults that a run must survive, each a list of cases: a few for the tests, all for torture."""
