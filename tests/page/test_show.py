"""What a server tells of files: their news, and their page; to this machine alone."""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.client import HTTPConnection

import numpy as np
import pytest

import meanfield as mf
from meanfield.cli import run as command
from meanfield.errors import FileError, InvalidInputError
from meanfield.page import server as serving
from meanfield.page.server import serve, server
from meanfield.page.show import Show
from meanfield.storage import HDF5Store
from solver_cases import CASES

TIMES = np.linspace(0.0, 1.0, 6)


class _Tomorrow(datetime):
    @classmethod
    def now(cls, zone=None):
        return super().now(zone) + timedelta(days=1)


@pytest.fixture
def path(tmp_path):
    CASES["particle-flow-euler"].run(TIMES, store=tmp_path / "run.h5")
    return tmp_path / "run.h5"


@pytest.fixture
def listening(path):
    with server(Show([path]), 0) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.02,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@contextmanager
def unfinished(path, frames):
    """A file that a run has open, with the first frames of six."""
    made = CASES["particle-flow-euler"].run(TIMES)
    store = HDF5Store(path)
    store.create(made._header)

    def write(first, last):
        for index in range(first, last):
            scalars = {"risk": made.risk[index], "energy": made.energy[index]}
            store.write_frame(index, TIMES[index], made._source.values(index), scalars)

    write(0, frames)
    try:
        yield write
    finally:
        store.close()


def get(listening, path, host=None, method="GET"):
    port = listening.server_address[1]
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, headers={"Host": host or f"127.0.0.1:{port}"})
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer, content


def test_the_server_gives_the_page_its_news_and_its_story(listening):
    answer, text = get(listening, "/")
    assert answer.status == 200 and text.startswith("<!doctype html>")
    assert "connect-src 'self'" in text
    assert answer.getheader("X-Frame-Options") == "DENY"
    _, news = get(listening, "/news")
    version = json.loads(news).pop("version")
    assert version.startswith("6-complete-")
    assert json.loads(news) == {"version": version, "running": False, "texts": ["complete"]}
    _, told = get(listening, "/story", host="localhost:1")
    assert json.loads(told)["version"] == version
    assert json.loads(told)["runs"][0]["times"] == TIMES.tolist()


@pytest.mark.parametrize(
    ("address", "host", "method", "status"),
    [
        ("/run.h5", None, "GET", 404),
        ("/../run.h5", None, "GET", 404),
        ("/", "evil.example", "GET", 403),
        ("/story", "127.0.0.1.evil.example", "GET", 403),
        ("/", None, "POST", 501),
    ],
)
def test_nothing_else_is_answered(listening, address, host, method, status):
    assert get(listening, address, host, method)[0].status == status


def test_only_this_machine_is_served(listening):
    assert listening.server_address[0] == "127.0.0.1"


def test_a_taken_port_is_one_sentence(listening, path):
    port = listening.server_address[1]
    with pytest.raises(InvalidInputError, match=rf"port {port} is in use; choose another one with"):
        server(Show([path]), port)


@pytest.mark.parametrize("port", [-1, 65536, 1.5])
def test_ports_are_numbers_of_sixteen_bits(path, port):
    with pytest.raises(InvalidInputError, match="port must be"):
        server(Show([path]), port)


def test_stories_of_a_growing_run_keep_their_axes_and_their_work(tmp_path):
    path = tmp_path / "run.h5"
    with unfinished(path, 4) as write:
        show = Show([path])
        assert show.goes_on and not show.is_empty
        news = show.news()
        assert news["version"].startswith("4-running-") and news["running"]
        assert news["texts"][0].startswith("running: 4 of 6 frames, t = 0.6 of 1, risk ")
        before = json.loads(show.story())
        known = dict(show._memory.outputs[0])
        write(4, 6)
        after = json.loads(show.story())
    assert [len(told["runs"][0]["times"]) for told in (before, after)] == [4, 6]
    labels = [told["runs"][0]["cloud"]["labels"] for told in (before, after)]
    assert labels[0] == labels[1]
    kept = show._memory.outputs[0]
    assert all(kept[frame] is values for frame, values in known.items())


def test_a_file_of_another_run_is_told_anew(path, monkeypatch):
    show = Show([path])
    before = json.loads(show.story())
    monkeypatch.setattr("meanfield.layout.datetime", _Tomorrow)
    case = CASES["particle-flow-euler"]
    moved = mf.ParticleMeasure(case.start.positions + 0.1)
    times = {"t_end": TIMES[-1], "save_at": TIMES}
    mf.simulate(case.problem, moved, case.solver, seed=7, store=path, force=True, **times)
    after = json.loads(show.story())
    assert after == json.loads(Show([path]).story()) | {"took": after["took"]}
    assert after["version"] != before["version"]


def test_readers_that_go_away_are_no_news(listening, capfd):
    for _ in range(3):
        with socket.create_connection(listening.server_address[:2]) as reader:
            now = struct.pack("ii", 1, 0)
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
            reader.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert get(listening, "/news")[0].status == 200
    assert capfd.readouterr().err == ""


def test_a_run_that_cannot_be_shown_any_more_is_an_answer(listening, monkeypatch, capfd):
    def unreadable(self):
        raise FileError("run.h5 is damaged")

    monkeypatch.setattr(Show, "story", unreadable)
    answer, text = get(listening, "/story")
    assert answer.status == 503 and "run.h5 is damaged" in text
    assert capfd.readouterr().err == ""


def test_a_run_without_frames_is_waited_for_while_it_goes_on(tmp_path):
    path = tmp_path / "run.h5"
    with unfinished(path, 0):
        show = Show([path])
        assert show.is_empty and show.goes_on
        assert json.loads(show.story())["runs"] == []
        assert show.news()["version"] == ""
    with pytest.raises(InvalidInputError, match="the run has no frames, so there is nothing"):
        serve([path], port=0, browser=False)


def test_a_file_that_goes_leaves_what_was_shown(path):
    show = Show([path])
    told = show.story()
    path.unlink()
    assert show.news()["texts"] == ["a file is gone"]
    assert show.story() == told
    with pytest.raises(FileError, match="there is no file"):
        Show([path])


def test_an_interrupt_ends_it_quietly(path, monkeypatch, capsys):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(serving.ThreadingHTTPServer, "serve_forever", interrupted)
    monkeypatch.setattr(serving.webbrowser, "open", lambda address: False)
    assert command(["view", str(path), "--port", "0"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    first, second = told.out.splitlines()
    assert first.startswith("http://127.0.0.1:") and first.endswith("/ until Ctrl-C")
    assert second == "no browser was found here: open that address in one"


def test_no_browser_opens_none(path, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(serving.ThreadingHTTPServer, "serve_forever", lambda self: None)
    monkeypatch.setattr(serving.webbrowser, "open", opened.append)
    assert command(["view", str(path), "--port", "0", "--no-browser", "--quiet"]) == 0
    assert opened == [] and capsys.readouterr().out == ""


def test_several_runs_are_one_page(path, tmp_path):
    other = tmp_path / "other.h5"
    other.write_bytes(path.read_bytes())
    page = tmp_path / "both.html"
    assert command(["animate", str(path), str(other), "--out", str(page), "--quiet"]) == 0
    assert "<title>run, other – meanfield</title>" in page.read_text(encoding="utf-8")


def test_a_browser_that_leaves_in_the_midst_of_an_answer_is_no_error(
    listening, monkeypatch, capsys
):
    gone, over = threading.Event(), threading.Event()
    close = listening.shutdown_request

    def page(show):
        gone.wait(10.0)
        return "x" * 10**7

    def shutdown_request(request):
        close(request)
        over.set()

    monkeypatch.setattr(Show, "page", page)
    monkeypatch.setattr(listening, "shutdown_request", shutdown_request)
    browser = socket.create_connection(listening.server_address)
    browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    browser.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    browser.close()
    gone.set()
    assert over.wait(10.0)
    assert capsys.readouterr().err == ""
