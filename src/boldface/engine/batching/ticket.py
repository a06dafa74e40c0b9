"""What whoever submitted a request holds in hand."""

from __future__ import annotations

from collections.abc import Callable


class Ticket:
    """A request on its way.

    Args:
        wake: Called when it is cancelled.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self.is_cancelled = False

    def cancel(self) -> None:
        """Give the answer up: its place is free at the next step. May be called from any thread, and twice."""
        self.is_cancelled = True
        self._wake()
