"""``boldface.careful`` of a request: its emphasis counts as far as the plain model finds the words worth reading.

What the policy protects is not doubted: if it were lowered, words of lesser sources could rise above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from boldface.engine.careful import careful
from boldface.engine.steer import lay_out
from boldface.server.bodies import Drawing
from boldface.server.hosting import Hosted
from boldface.server.reading import Reading
from boldface.server.service import Service


async def doubted(service: Service, hosted: Hosted, body: Drawing, readings: Sequence[Reading]) -> list[Reading]:
    """Return the prompts of a request with their emphasis at the strengths that it deserves, where that is asked for.

    Raises:
        QueueFullError: Too many wait for the model already.
        RouteError: The engine runs no such question, or the model's attention cannot be told exactly.
    """
    if body.boldface is None or not body.boldface.careful:
        return list(readings)
    return [await _doubted(service, hosted, reading) for reading in readings]


async def _doubted(service: Service, hosted: Hosted, reading: Reading) -> Reading:
    if reading.steering.is_null:
        return reading
    prepared = lay_out(hosted.model.model, hosted.model.tokenizer, [reading.prompt], [reading.steering])
    weighed = await service.call(hosted, partial(careful, prepared=prepared, kept=[reading.kept]))
    (prompt,), (steering,) = weighed.rows.prompts, weighed.steerings
    return replace(reading, prompt=prompt, steering=steering, wished=reading.steering.spans)
