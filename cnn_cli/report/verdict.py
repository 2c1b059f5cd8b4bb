"""What came of a demand on a report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """One demand, met or missed."""

    key: str
    """require.accuracy: the same whatever the threshold, so that its history can be followed"""
    setting: str
    """as it is typed: require.accuracy=0.9"""
    found: str
    is_met: bool
    told: str
    """all of it in one line"""
