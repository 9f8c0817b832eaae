import os
import stat
import threading

import pytest

from clearprop.errors import FileFormatError, OutputError
from clearprop.files import atomic_write, open_file, read_bytes, shown


def test_it_writes_and_replaces(tmp_path):
    path = tmp_path / "a.bin"
    atomic_write(path, b"one")
    atomic_write(str(path), b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_the_old_file_survives_any_failure(tmp_path, monkeypatch, step, failure):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(*_):
        raise failure

    monkeypatch.setattr(os, step, fail)
    expected = OutputError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        atomic_write(path, b"new")
    if expected is OutputError:
        assert "a.bin cannot be written: No space left" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_folder_that_is_missing_or_is_none(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for folder in ("missing", "file"):
        with pytest.raises(OutputError, match="choose a folder"):
            atomic_write(tmp_path / folder / "a.bin", b"new")
    with pytest.raises(OutputError):
        atomic_write(tmp_path, b"the path is a folder itself")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        atomic_write(tmp_path / "a.bin", b"new")


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions and links")
def test_permissions_and_links_are_kept(tmp_path):
    path, link = tmp_path / "a.bin", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    atomic_write(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    atomic_write(pipe, b"one", b"two")
    reader.join()
    assert got == [b"onetwo"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]
    with pytest.raises(FileFormatError, match="it is a pipe or a device"):
        open_file(pipe, "picture", "a picture")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_device_that_is_full_is_named():
    with pytest.raises(OutputError, match="/dev/full cannot be written: No space left"):
        atomic_write("/dev/full", b"x")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_names_that_no_file_can_have_and_files_that_are_too_large(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        atomic_write("a\0b", b"")
    with pytest.raises(FileFormatError, match="cannot be read as settings"):
        read_bytes("a\0b", "settings", "settings")
    with pytest.raises(FileFormatError, match="it is a folder"):
        read_bytes(tmp_path, "settings", "settings")
    (tmp_path / "large").write_bytes(b"12345")
    with pytest.raises(FileFormatError, match="it has 5 bytes, and at most 4 are read"):
        read_bytes(tmp_path / "large", "settings", "settings", most=4)


def test_what_would_steer_a_terminal_is_spelt_out():
    assert shown("plain, 数字, é, 🙂\n") == "plain, 数字, é, 🙂\n"
    assert shown("a\x1b[2J\x9b\u202e\ud800\r\u2028") == (r"a\x1b[2J\x9b\u202e\ud800\r\u2028")
