"""Many workers: the readings of one, whoever dies on the way."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest
import torch

import boldface
from boldface.errors import HeadError, MissingError, ProfilingError
from boldface.profiles.heads import HeadGains
from boldface.profiling import ray_workers
from boldface.profiling.laboratory import Budget, BudgetSpent, Laboratory
from boldface.profiling.lesson import Lesson
from boldface.profiling.local import Local
from boldface.profiling.ray_workers import ATTEMPTS, RayWorkers
from boldface.profiling.trial import Trial
from boldface.records.store import Store, read

ray = pytest.importorskip("ray", reason="ray is of the ray extra")
pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]

DRIVER = """
import pickle, sys
from pathlib import Path

import boldface
from boldface.profiling.laboratory import Laboratory
from boldface.profiling.ray_workers import RayWorkers
from boldface.records.store import Store

model, trials, path, *address = sys.argv[1:]
several = RayWorkers(boldface.load(model), count=2, address=address[0] if address else None)
with Store(Path(path), {}) as store, several as workers:
    Laboratory(store, workers).run(pickle.loads(Path(trials).read_bytes()), "all")
"""
PATIENCE = 240
"""Seconds."""


@dataclass(frozen=True)
class Held(Lesson):
    """A lesson that leaves its worker's process id in a folder, and waits there for a file named ``go``."""

    folder: str = ""

    @property
    def tokens(self) -> int:
        """As ever, but late."""
        (Path(self.folder) / str(os.getpid())).touch()
        while not (Path(self.folder) / "go").exists():
            time.sleep(0.01)
        return super().tokens


@dataclass(frozen=True)
class Deadly(Lesson):
    """A lesson that kills its worker, and leaves its process id in a folder."""

    folder: str = ""

    @property
    def tokens(self) -> int:
        """Never known."""
        (Path(self.folder) / str(os.getpid())).touch()
        os.kill(os.getpid(), signal.SIGKILL)
        return 0


def like(lesson: Lesson, kind: type[Lesson], folder: Path) -> Lesson:
    """The same lesson as a dangerous one."""
    return kind(**{field.name: getattr(lesson, field.name) for field in fields(Lesson)}, folder=str(folder))


def begun(folder: Path) -> list[int]:
    """Processes in which a dangerous lesson was begun."""
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]


def wait_for(condition) -> None:
    """Wait until it holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def alive(process: int) -> bool:
    """Whether a process runs."""
    try:
        return "(zombie)" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def timeless(reading):
    """All of a reading but its time."""
    return replace(reading, seconds=0.0)


@pytest.fixture(scope="module")
def cluster():
    """A cluster that the program itself has started; workers find these lessons in no module of theirs."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False, object_store_memory=10**8)
    yield
    ray.shutdown()
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def model(tiny_folder):
    """The tiny model, from its folder, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield boldface.load(str(tiny_folder))
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def workers(cluster, model):
    """Two workers."""
    with RayWorkers(model, count=2) as workers:
        yield workers


@pytest.fixture(scope="session")
def trials(teach):
    """Eight trials."""
    few = (teach(1), teach(4, role="other"), teach(2, lead=6))
    return [Trial(few, HeadGains({(1, head % 4): 0.5 + head}), 1.5) for head in range(8)]


@pytest.fixture
def folder(tmp_path):
    """Where dangerous lessons leave their traces."""
    path = tmp_path / "traces"
    path.mkdir()
    return path


def test_a_reading_does_not_depend_on_who_made_it(workers, model, trials):
    """Digit by digit those of this process, whatever is measured."""
    asked = [replace(trial, measure=measure) for trial in trials[:3] for measure in ("likelihood", "gradient")]
    here = {reading.key: timeless(reading) for reading in Local(model).run(asked)}
    there = [timeless(reading) for reading in workers.run(asked)]
    assert len(there) == len(here)
    assert {reading.key: reading for reading in there} == here


def test_answers_are_alike_too(workers, model, teach):
    """Written and scored in another process."""
    lesson = teach(2, task="counterfact")
    lesson = replace(lesson, example=replace(lesson.example, info={"kind": "efficacy"}))
    trial = Trial((lesson,), HeadGains({(0, 1): 1.0}), 1.5, "answers")
    (here,), (there,) = Local(model).run([trial]), workers.run([trial])
    assert here.scores["efficacy_magnitude"] != (None,)
    assert timeless(there) == timeless(here)


def test_who_is_done_gets_the_next_trial(workers, trials, folder):
    """While one worker is held up the other does all the rest, and its readings are there at once."""
    held = replace(trials[0], lessons=(like(trials[0].lessons[0], Held, folder),))
    readings = workers.run([held, *trials[1:]])
    first = [next(readings).key for _ in trials[1:]]
    assert first == [trial.key for trial in trials[1:]]
    wait_for(lambda: begun(folder))
    (folder / "go").touch()
    assert [reading.key for reading in readings] == [held.key]
    assert len(begun(folder)) == 1


def test_a_worker_that_is_killed_is_replaced_and_its_trial_run_again(workers, model, trials, folder, tmp_path):
    """SIGKILL to a real process in the midst of a trial: all trials are answered, each once in the file."""
    held = replace(trials[2], lessons=(*trials[2].lessons, like(trials[2].lessons[0], Held, folder)))
    asked = [*trials[:2], held, *trials[3:]]

    def kill() -> None:
        wait_for(lambda: begun(folder))
        (process,) = begun(folder)
        os.kill(process, signal.SIGSTOP)  # so that it does not see that the next one may go
        (folder / "go").touch()
        os.kill(process, signal.SIGKILL)

    class Stopped(Store):
        def append(self, records) -> None:
            super().append(records)
            if len(self.records) == 3 and not killer.is_alive():
                killer.start()
                killer.join()

    killer = threading.Thread(target=kill)
    with Stopped(tmp_path / "trials.jsonl", {}) as store:
        readings = Laboratory(store, workers).run(asked, "all")
    plain = replace(held, lessons=(*trials[2].lessons, trials[2].lessons[0]))
    expected = {reading.key: reading.scores for reading in Local(model).run([*trials[:2], plain, *trials[3:]])}
    assert len(begun(folder)) == 2
    assert [reading.key for reading in readings] == [trial.key for trial in asked]
    assert [reading.scores for reading in readings] == list(expected.values())
    lines = read(tmp_path / "trials.jsonl")[1]
    assert sorted(line["key"] for line in lines) == sorted(trial.key for trial in asked)


def test_a_trial_that_kills_every_worker_is_given_up(workers, trials, folder):
    """After three, by its name, with what to do; the others go on with new workers."""
    deadly = replace(trials[0], lessons=(like(trials[0].lessons[0], Deadly, folder),))
    with pytest.raises(ProfilingError, match=f"workers died of trial {deadly.key} .likelihood of 1 lessons of json"):
        list(workers.run([deadly]))
    assert len(begun(folder)) == ATTEMPTS == 3
    assert {reading.key for reading in workers.run(trials)} == {trial.key for trial in trials}


def test_an_error_of_a_trial_is_told_and_not_tried_again(workers, trials, folder):
    """As it would be told without workers, hint and all; then they are there for other trials."""
    (folder / "go").touch()
    lesson = like(trials[0].lessons[0], Held, folder)
    wrong = replace(trials[0], lessons=(lesson,), gains=HeadGains({(7, 0): 1.0}))
    with pytest.raises(HeadError, match="layer 7 cannot be steered") as told:
        list(workers.run([wrong]))
    assert type(told.value) is HeadError
    assert told.value.hint == "Steerable layers: 0-1."
    assert len(begun(folder)) == 1
    assert len(list(workers.run(trials[:2]))) == 2
    wait_for(lambda: ray.available_resources().get("CPU") == 2)


def test_nothing_runs_on_when_the_budget_is_spent(workers, trials, folder, tmp_path):
    """The trial in flight ends with its worker; a later run has as many workers as before."""
    held = replace(trials[0], lessons=(like(trials[0].lessons[0], Held, folder),))
    with Store(tmp_path / "trials.jsonl", {}) as store:
        with pytest.raises(BudgetSpent):
            Laboratory(store, workers, Budget(trials=3)).run([held, *trials[1:]], "all")
        wait_for(lambda: begun(folder) and not alive(begun(folder)[0]))
        assert len(store.records) == 3
        (folder / "go").touch()
        assert len(Laboratory(store, workers).run([held, *trials[1:]], "all")) == 8
        assert len(store.records) == 8


def test_a_run_that_was_left_open_is_over(workers, trials, tmp_path):
    """The next one gets its own readings and no others, and is not disturbed when the first is closed at last."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    first, second = (replace(trials[0], lessons=(like(trials[0].lessons[0], Held, folder),)) for folder in folders)
    left = workers.run([first, *trials[1:4]])
    next(left)
    readings = workers.run([second, *trials[4:]])
    found = [next(readings).key]
    left.close()
    (folders[1] / "go").touch()
    found += [reading.key for reading in readings]
    assert sorted(found) == sorted([second.key, *(trial.key for trial in trials[4:])])
    wait_for(lambda: begun(folders[0]) and not any(map(alive, begun(folders[0]))))


def test_another_model_is_refused_and_the_cluster_left_alone(workers, model, trials, tiny_folder, tmp_path):
    """A worker that finds other weights under the same name gives no reading."""
    copy = shutil.copytree(tiny_folder, tmp_path / "copy")
    mine = boldface.load(str(copy))
    other = boldface.load(str(copy))
    with torch.no_grad():
        other.model.lm_head.weight.mul_(1.01)
    other.model.save_pretrained(copy)
    with (
        pytest.raises(ProfilingError, match="not the model that is loaded here: fingerprint") as told,
        RayWorkers(mine, count=1) as few,
    ):
        list(few.run(trials[:1]))
    assert ray.is_initialized()
    wait_for(lambda: ray.available_resources().get("CPU") == 2)
    assert told.traceback  # which would keep a worker that was forgotten
    assert len(list(workers.run(trials[:1]))) == 1


def test_workers_that_die_while_they_load_are_given_up(cluster, model, trials, monkeypatch):
    """Three in a row, and no more are started."""

    class Stillborn(ray_workers._Worker):
        def load(self):
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(ray_workers, "_Worker", Stillborn)
    with (
        pytest.raises(ProfilingError, match="3 workers died one after the other while they loaded"),
        RayWorkers(model, count=1) as few,
    ):
        list(few.run(trials[:1]))


@pytest.mark.slow
def test_a_killed_driver_loses_what_was_in_flight(cluster, tiny_folder, trials, tmp_path):
    """SIGKILL to the program midway: its cluster ends, what was read is kept, and the next run repeats none of it."""
    folders = [tmp_path / f"traces-{place}" for place in range(len(trials))]
    for place, folder in enumerate(folders):
        folder.mkdir()
        if place != 3:
            (folder / "go").touch()
    asked = [
        replace(trial, lessons=(*trial.lessons[1:], like(trial.lessons[0], Held, folder)))
        for trial, folder in zip(trials, folders, strict=True)
    ]
    wire, path = tmp_path / "trials.pickle", tmp_path / "trials.jsonl"
    wire.write_bytes(ray.cloudpickle.dumps(asked))
    command = [sys.executable, "-c", DRIVER, str(tiny_folder), str(wire), str(path)]

    driver = subprocess.Popen(command)
    try:
        wait_for(lambda: begun(folders[3]) and len(read(path)[1]) >= 3)
    finally:
        driver.kill()
        driver.wait()
    wait_for(lambda: not alive(begun(folders[3])[0]))
    kept = path.read_bytes()
    done = {line["key"] for line in read(path)[1]}
    (folders[3] / "go").touch()

    subprocess.run(command, check=True, timeout=PATIENCE)
    assert path.read_bytes().startswith(kept)
    assert sorted(line["key"] for line in read(path)[1]) == sorted(trial.key for trial in asked)
    times = {trial.key: len(begun(folder)) for trial, folder in zip(asked, folders, strict=True)}
    assert all(times[key] == 1 for key in done)
    assert times[asked[3].key] == 2
    assert sum(times.values()) <= len(asked) + 2


@pytest.mark.slow
def test_workers_join_a_cluster_by_its_address(cluster, workers, tiny_folder, trials, tmp_path):
    """Another program's: it has what it had when they are gone."""
    wire, path = tmp_path / "trials.pickle", tmp_path / "trials.jsonl"
    wire.write_bytes(pickle.dumps(trials))
    address = ray.get_runtime_context().gcs_address
    subprocess.run(
        [sys.executable, "-c", DRIVER, str(tiny_folder), str(wire), str(path), address], check=True, timeout=PATIENCE
    )
    assert sorted(line["key"] for line in read(path)[1]) == sorted(trial.key for trial in trials)
    assert len(list(workers.run(trials))) == len(trials)
    wait_for(lambda: ray.available_resources().get("CPU") == 2)


def test_more_than_the_cluster_has_is_refused(cluster, model):
    """Such workers would be waited for without end."""
    with pytest.raises(ProfilingError, match="6 workers need 6 CPUs, and the Ray cluster has 4"):
        RayWorkers(model, count=6).__enter__()
    with pytest.raises(ProfilingError, match="1 workers need 1 GPUs, and the Ray cluster has 0"):
        RayWorkers(model, count=1, gpus=1).__enter__()


def test_a_second_cluster_is_refused(cluster, model):
    """A program has one connection."""
    with pytest.raises(ProfilingError, match="connected to a Ray cluster already"):
        RayWorkers(model, count=1, address="127.0.0.1:1").__enter__()


def test_outside_of_the_block_there_are_no_workers(cluster, model, trials):
    """Neither before nor after; Ray would start a cluster of its own liking."""
    few = RayWorkers(model, count=1)
    with pytest.raises(ProfilingError, match="not there"):
        next(few.run(trials))
    with few:
        pass
    with pytest.raises(ProfilingError, match="not there"):
        next(few.run(trials))


def test_a_worker_has_the_threads_that_were_asked_for(model):
    """Whatever its process has by itself."""
    before = torch.get_num_threads()
    try:
        ray_workers._Worker(RayWorkers(model, count=1).model, before + 1)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:6379", "nonsense", "127.0.0.1:99999"])
def test_a_cluster_that_is_not_there_is_told_at_once(model, monkeypatch, address):
    """Ray would try for minutes."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    began = time.monotonic()
    with pytest.raises(ProfilingError, match=f"no Ray cluster at {address}"):
        RayWorkers(model, count=1, address=address).__enter__()
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 1, "threads": 0}, {"count": 1, "gpus": -1}])
def test_numbers_that_make_no_sense_are_refused(model, wrong):
    """Before anything is started."""
    with pytest.raises(ProfilingError, match="make no sense"):
        RayWorkers(model, **wrong)


def test_without_ray_the_extra_is_named(model, monkeypatch):
    """What to install."""
    monkeypatch.setattr(ray_workers, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match="need Ray") as missing:
        RayWorkers(model, count=2)
    assert "boldface[ray]" in missing.value.hint
