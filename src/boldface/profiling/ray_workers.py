"""Trials over many workers, on this machine or on a Ray cluster; one that dies is replaced, and its trial run again."""

from __future__ import annotations

import os
import socket
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from types import TracebackType
from typing import Any, ClassVar, NamedTuple

import torch

from boldface.attention.geometry import transformer
from boldface.engine.model import Model
from boldface.errors import BoldfaceError, MissingError, ProfilingError
from boldface.profiling.local import Local
from boldface.profiling.trial import Reading, Trial
from boldface.profiling.worker_model import WorkerModel

ATTEMPTS = 3
"""How many workers may die of one trial, or one after the other while they load the model."""
STORE = 200_000_000
"""Bytes of Ray's object store on a cluster that is started here; trials and readings are small."""
PATIENCE = 5.0
"""Seconds in which a cluster's machine must answer."""
QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
USAGE = "RAY_USAGE_STATS_ENABLED"


class RayWorkers:
    """Carries out trials in processes of Ray, each with a copy of the model. Use as a context manager.

    A worker gets its next trial when it is done with the last one. Where a run is left before its end, by an error or
    because the budget is spent, the trials in flight are ended with their workers; the next run starts others.

    Args:
        model: The model, loaded here from where workers can load it too.
        count: How many workers.
        address: Of a running cluster, as ``ray.init`` takes it; None starts one on this machine, which ends with the
            workers, unless the program is connected to one already.
        threads: Threads of each worker.
        gpus: GPUs of each worker, or its part of one; None gives one each where the model is on a GPU here, else none.
        **options: More of the options that the model was loaded with, such as ``cache``.

    Attributes:
        count: How many workers.
        device: Where their copies are, ``cpu`` or ``cuda``.
        hands: What carries trials out on a worker's copy of the model.

    Raises:
        MissingError: Ray is not installed.
        ProfilingError: Workers could not load the model, or their number makes no sense.
    """

    hands: ClassVar[type[Any]] = Local

    def __init__(
        self,
        model: Model,
        *,
        count: int,
        address: str | None = None,
        threads: int = 1,
        gpus: float | None = None,
        **options: Any,
    ) -> None:
        if find_spec("ray") is None:
            raise MissingError("Many workers need Ray.", "Run: pip install 'boldface[ray]'")
        if count < 1 or threads < 1 or (gpus is not None and gpus < 0):
            raise ProfilingError(
                f"{count} workers of {threads} threads and {gpus or 0} GPUs make no sense.",
                "Ask for at least one worker and one thread.",
            )
        here = transformer(model.model).get_input_embeddings().weight.device.type
        self.count, self.address, self.threads = count, address, threads
        self.gpus = float(here == "cuda") if gpus is None else gpus
        self.device = "cuda" if self.gpus else "cpu"
        self.model = WorkerModel.of(model, device=self.device, options=options)
        self._open = self._connected = False
        self._idle: list[Any] = []
        self._duties: dict[Any, _Duty] = {}
        self._stillborn = self._runs = 0

    def __enter__(self) -> RayWorkers:
        self._connect()
        self._open = True
        try:
            self._check_room()
            self._hire()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, and the cluster or the connection if it was made here."""
        import ray

        for actor in [*self._idle, *(duty.actor for duty in self._duties.values())]:
            ray.kill(actor)
        self._idle, self._duties, self._open = [], {}, False
        if self._connected:
            ray.shutdown()
            self._connected = False

    def run(self, trials: Iterable[Trial]) -> Iterator[Reading]:
        """Yield the readings of all trials, each as soon as it is there.

        A trial is taken when a worker is idle, so later ones may be made up from the readings of earlier ones.

        Raises:
            ProfilingError: Workers died of one trial, or while they loaded the model, too often; or there are none.
            BoldfaceError: A trial cannot be carried out, or a worker cannot load the model.
        """
        if not self._open:
            raise ProfilingError("The workers are not there.", "Use RayWorkers in a with block.")
        source, again, deaths = iter(trials), deque[Trial](), Counter[str]()
        self._abandon()
        self._runs = this = self._runs + 1
        self._hire()
        try:
            while True:
                while self._idle and (trial := again.popleft() if again else next(source, None)) is not None:
                    self._begin(self._idle.pop(), trial)
                if self._idle and not any(duty.trial for duty in self._duties.values()):
                    return
                duty, outcome = self._next()
                if isinstance(outcome, BoldfaceError):
                    self._dismiss(duty)
                    raise outcome
                if isinstance(outcome, Exception):
                    self._bury(duty, outcome, deaths)
                    if duty.trial is not None:
                        again.append(duty.trial)
                    self._hire()
                    continue
                self._idle.append(duty.actor)
                if outcome is None:
                    self._stillborn = 0
                else:
                    yield outcome
        finally:
            if this == self._runs:  # else another run has begun, and what is in flight is its own
                self._abandon()

    def _connect(self) -> None:
        import ray

        if ray.is_initialized():
            if self.address is not None:
                raise ProfilingError(
                    "This program is connected to a Ray cluster already.", "Leave the address out to use that one."
                )
            return
        if self.address is not None:
            _join(self.address)
        else:
            _begin_cluster(self.count * self.threads)
        self._connected = True

    def _check_room(self) -> None:
        """Refuse what the cluster could never give: such workers would be waited for without end."""
        import ray

        there = ray.cluster_resources()
        for kind, each in (("CPU", float(self.threads)), ("GPU", self.gpus)):
            if (needed := each * self.count) > there.get(kind, 0.0):
                raise ProfilingError(
                    f"{self.count} workers need {needed:g} {kind}s, and the Ray cluster has {there.get(kind, 0.0):g}.",
                    "Ask for fewer workers, or for less for each.",
                )

    def _hire(self) -> None:
        """Start workers until there are as many as there should be; each loads the model."""
        import ray

        actor_class: Any = ray.remote(_Worker)
        for _ in range(self.count - len(self._idle) - len(self._duties)):
            actor = actor_class.options(num_cpus=self.threads, num_gpus=self.gpus).remote(
                self.model, self.threads, self.hands
            )
            self._duties[actor.load.remote()] = _Duty(actor, None)

    def _begin(self, actor: Any, trial: Trial) -> None:
        self._duties[actor.measure.remote(trial)] = _Duty(actor, trial)

    def _next(self) -> tuple[_Duty, Reading | Exception | None]:
        """Wait for a worker: its reading, None when it has loaded the model, an error, or how it was lost."""
        import ray
        from ray import exceptions

        (ready,), _ = ray.wait(list(self._duties), num_returns=1)
        duty = self._duties.pop(ready)
        try:
            return duty, ray.get(ready)
        except (
            exceptions.RayActorError,
            exceptions.WorkerCrashedError,
            exceptions.NodeDiedError,
            exceptions.OutOfMemoryError,
            exceptions.ObjectLostError,
        ) as lost:
            ray.kill(duty.actor)
            return duty, lost

    def _dismiss(self, duty: _Duty) -> None:
        """End a worker that cannot load the model; one whose trial is wrong can carry out others."""
        import ray

        if duty.trial is None:
            ray.kill(duty.actor)
        else:
            self._idle.append(duty.actor)

    def _bury(self, duty: _Duty, lost: Exception, deaths: Counter[str]) -> None:
        """Count the dead, and say when they are too many."""
        why = str(lost).strip().splitlines()[-1]
        if duty.trial is None:
            self._stillborn += 1
            if self._stillborn == ATTEMPTS:
                raise ProfilingError(
                    f"{ATTEMPTS} workers died one after the other while they loaded {self.model.name}: {why}",
                    "Fewer workers need less memory.",
                ) from lost
            return
        deaths[duty.trial.key] += 1
        if deaths[duty.trial.key] == ATTEMPTS:
            raise ProfilingError(
                f"{ATTEMPTS} workers died of trial {duty.trial.key} ({duty.trial.says}): {why}",
                "Fewer workers, or fewer lessons in a trial, need less memory.",
            ) from lost

    def _abandon(self) -> None:
        """End the trials that nobody waits for any more."""
        import ray

        for reference, duty in list(self._duties.items()):
            if duty.trial is not None:
                ray.kill(duty.actor)
                del self._duties[reference]


def _join(address: str) -> None:
    """Connect to a running cluster; Ray itself would try for minutes to reach a machine that does not answer."""
    import ray

    host, _, port = address.rpartition(":")
    try:
        if host and port.isdigit() and "/" not in host:
            socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()
        ray.init(address=address, **QUIET)
    except (OSError, ValueError) as error:
        raise ProfilingError(
            f"There is no Ray cluster at {address}: {error}",
            "Start one with ray start --head, or leave the address out.",
        ) from error


def _begin_cluster(cores: int) -> None:
    """Start a cluster on this machine, without a dashboard and without reports of its use."""
    import ray

    asked = os.environ.get(USAGE)
    os.environ[USAGE] = asked or "0"
    try:
        ray.init(address="local", num_cpus=cores, include_dashboard=False, object_store_memory=STORE, **QUIET)
    finally:
        if asked is None:
            del os.environ[USAGE]


class _Duty(NamedTuple):
    """What a worker is at: a trial, or None while it loads the model."""

    actor: Any
    trial: Trial | None


class _Worker:
    """One process with a copy of the model. Our own errors come back as values: Ray would wrap what is raised."""

    def __init__(self, description: WorkerModel, threads: int, hands: type[Any] = Local) -> None:
        torch.set_num_threads(threads)
        self.description, self.hands = description, hands

    def load(self) -> BoldfaceError | None:
        """Load the model."""
        try:
            model = self.description.load()
        except BoldfaceError as error:
            return error
        self.local = self.hands(model)
        return None

    def measure(self, trial: Trial) -> Reading | BoldfaceError:
        """Carry out a trial."""
        try:
            reading: Reading = next(self.local.run([trial]))
        except BoldfaceError as error:
            return error
        return reading
