"""Arguments beat variables, variables beat the platform's default."""

from pathlib import Path

import platformdirs
import pytest

from boldface.engine.settings import settings
from boldface.errors import BoldfaceError, MissingError


def test_defaults_are_the_platforms():
    """With an empty environment the cache is the user's, there is no data folder, and the network is allowed."""
    found = settings(env={})
    assert found.cache == platformdirs.user_cache_path("boldface", appauthor=False)
    assert found.data is None
    assert found.offline is False


def test_variables_are_read(tmp_path: Path):
    """Each setting has its variable."""
    found = settings(
        env={"BOLDFACE_CACHE": str(tmp_path / "new"), "BOLDFACE_DATA": str(tmp_path), "BOLDFACE_OFFLINE": "yes"}
    )
    assert (found.cache, found.data, found.offline) == (tmp_path / "new", tmp_path, True)


def test_arguments_beat_variables(tmp_path: Path):
    """A variable is not even judged when the argument is given."""
    env = {"BOLDFACE_CACHE": "/elsewhere", "BOLDFACE_DATA": "/nowhere", "BOLDFACE_OFFLINE": "perhaps"}
    found = settings(cache=tmp_path, data=str(tmp_path), offline=False, env=env)
    assert (found.cache, found.data, found.offline) == (tmp_path, tmp_path, False)


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Without ``env``, the variables of the process count, read at every call."""
    monkeypatch.setenv("BOLDFACE_CACHE", str(tmp_path / "a"))
    assert settings().cache == tmp_path / "a"
    monkeypatch.setenv("BOLDFACE_CACHE", str(tmp_path / "b"))
    assert settings().cache == tmp_path / "b"


@pytest.mark.parametrize(
    ("env", "offline"),
    [
        ({"HF_HUB_OFFLINE": "1"}, True),
        ({"HF_HUB_OFFLINE": "TRUE", "BOLDFACE_OFFLINE": ""}, True),
        ({"HF_HUB_OFFLINE": "1", "BOLDFACE_OFFLINE": "0"}, False),
        ({"HF_HUB_OFFLINE": "0", "BOLDFACE_OFFLINE": "on"}, True),
    ],
)
def test_the_hubs_own_switch_is_respected(env: dict[str, str], offline: bool):
    """The hub's switch counts unless ours is set; an empty one is unset."""
    assert settings(env=env).offline is offline


def test_a_home_folder_is_expanded():
    """A tilde means the home folder, and paths are absolute."""
    assert settings(cache="~/c", env={}).cache == Path.home() / "c"
    assert settings(cache="c", env={}).cache == Path.cwd() / "c"


def test_bad_values_are_refused(tmp_path: Path):
    """A word that is no switch, a data folder that is not there and a cache that is a file are errors with a hint."""
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(BoldfaceError, match=r"BOLDFACE_OFFLINE is 'perhaps'.*Set it to 1 or 0"):
        settings(env={"BOLDFACE_OFFLINE": "perhaps"})
    with pytest.raises(MissingError, match=r"does not exist.*BOLDFACE_DATA"):
        settings(env={"BOLDFACE_DATA": str(tmp_path / "none")})
    with pytest.raises(BoldfaceError, match=r"not a folder.*BOLDFACE_CACHE"):
        settings(cache=file, env={})
