"""Who sits in which slot: the requests of vLLM's two model runners, each in the order in which its runner knows them.

Runner V1 names the requests of every step; who is named is seated, and who is named no more loses the slot. A preempted
request gets another one when it comes back: its row follows from the request alone. Runner V2 gives every request a
state index for as long as it runs, and the rows of a step are known on the device only: there slots go by state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from boldface.steering.plan import Steering
from boldface.vllm.gpu.rows import PLAIN, Rows, send


class ByName:
    """Slots of runner V1.

    Args:
        rows: The tables.
        slots: How many they have, the plain one left out: the most requests that a step may have.
    """

    def __init__(self, rows: Rows, slots: int) -> None:
        self._rows = rows
        self._free = list(range(slots, PLAIN, -1))
        self._seats: dict[tuple[str, int], int] = {}

    def step(self, requests: Sequence[tuple[str, int]], steering_of: Callable[[str], Steering | None]) -> None:
        """Seat the requests of the next step.

        Args:
            requests: Name and prompt tokens of every row; a session that goes on has a longer prompt by the same name.
            steering_of: Says how a request is steered; asked once, when it is seated.
        """
        gone = self._seats.keys() - set(requests)
        for request in gone:
            slot = self._seats.pop(request)
            if slot != PLAIN:
                self._free.append(slot)
        for request in requests:
            if request not in self._seats:
                self._seats[request] = self._seat(*request, steering_of)
        self._rows.show([self._seats[request] for request in requests])

    def _seat(self, name: str, prompt: int, steering_of: Callable[[str], Steering | None]) -> int:
        steering = steering_of(name)
        row = None if steering is None else self._rows.lay_out(steering, prompt)
        if row is None:
            return PLAIN
        slot = self._free.pop()
        self._rows.write(slot, row)
        return slot


class ByState:
    """Slots of runner V2.

    Args:
        rows: The tables, with a slot for every state and the plain one.
        states: State indices that there are.
    """

    def __init__(self, rows: Rows, states: int) -> None:
        self._rows = rows
        self._slots = torch.zeros(states, dtype=torch.int32)
        self._on_device = torch.zeros(states, dtype=torch.int32, device=rows.slot_of_row.device)

    def join(self, state: int, steering: Steering | None, prompt: int) -> None:
        """Write the row of a request that gets a state index; whoever had it before is gone."""
        row = None if steering is None else self._rows.lay_out(steering, prompt)
        if row is not None:
            self._rows.write(state + 1, row)
        self._slots[state] = PLAIN if row is None else state + 1

    def send(self) -> None:
        """Send what :meth:`join` said to the device; once for all that joined together."""
        send(self._slots.clone(), self._on_device)

    def step(self, states: Tensor) -> None:
        """Show the rows of the next step: (rows,) state indices, on the device."""
        self._rows.show_states(self._on_device, states)
