"""A fault that this machine cannot make."""


class Unavailable(Exception):
    """The scenario is skipped, and says why."""
