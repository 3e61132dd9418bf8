"""The command line. Commands and what the terminal shows live here, and nothing else; nobody imports this package."""

from __future__ import annotations


def main() -> int:
    """The program ``distlab``; returns its exit code."""
    from distlab.cli.program import run

    return run()
