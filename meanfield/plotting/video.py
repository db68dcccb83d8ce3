"""Movies by ffmpeg: mp4 and webm."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import matplotlib as mpl

from meanfield.errors import FileError

__all__ = ["CODECS", "HOLD_END", "HOLD_START", "find_ffmpeg", "write_video"]

#: Seconds for which the first and the last picture stand still.
HOLD_START, HOLD_END = 0.5, 1.5
_PATIENCE = 600.0  # seconds in which ffmpeg must have encoded what it has got

#: Settings of ffmpeg by suffix: H.264 plays everywhere, VP9 in every browser.
CODECS = {
    ".mp4": ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-movflags", "+faststart"],
    ".webm": ["-c:v", "libvpx-vp9", "-crf", "24", "-b:v", "0", "-deadline", "realtime",
              "-cpu-used", "6", "-row-mt", "1"],
}  # fmt: skip


def find_ffmpeg() -> str | None:
    """Path of ffmpeg: matplotlib's setting, the search path, or imageio-ffmpeg's; or None."""
    found = shutil.which(str(mpl.rcParams["animation.ffmpeg_path"])) or shutil.which("ffmpeg")
    if found is not None:
        return found
    try:
        return str(import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


def write_video(ffmpeg: str, path: Path, pictures: Iterable[Any], fps: int) -> None:
    """Hand pictures to ffmpeg one by one, and let it write a movie.

    Parameters
    ----------
    ffmpeg : str
        Path of the program.
    path : Path
        Its suffix, ``.mp4`` or ``.webm``, says how it is encoded.
    pictures : iterable of (height, width, 4) arrays of bytes
        At least one.
    fps : int

    Raises
    ------
    FileError
        If ffmpeg cannot write it.
    """
    with TemporaryFile() as told:
        process, failed = None, ""
        try:
            for picture in pictures:
                if process is None:
                    process = _started(ffmpeg, path, picture.shape, fps, told)
                assert process.stdin is not None
                process.stdin.write(picture.data)
        except BrokenPipeError:
            failed = "it ended early"
        except OSError as error:
            failed = str(error)
        finally:
            if process is not None:
                _end(process)
        if process is not None and process.returncode:
            failed = _first_line(told) or failed or "it gave no reason"
    if failed:
        raise FileError(f"ffmpeg could not write the movie ({failed}); a .gif needs no ffmpeg")


def _started(
    ffmpeg: str, path: Path, shape: tuple[int, ...], fps: int, told: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Ffmpeg waiting for pictures; one row or column is cut off where their number is odd."""
    filters = [
        "crop=trunc(iw/2)*2:trunc(ih/2)*2",
        "scale=out_color_matrix=bt709:out_range=tv",
        f"tpad=start_mode=clone:start_duration={HOLD_START}"
        f":stop_mode=clone:stop_duration={HOLD_END}",
    ]
    colours = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    command = [ffmpeg, "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgba"]
    command += ["-s", f"{shape[1]}x{shape[0]}", "-r", str(fps), "-i", "-"]
    command += ["-vf", ",".join(filters), "-pix_fmt", "yuv420p", *colours]
    command += [*CODECS[path.suffix.lower()], str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=told)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let it finish what it has got; leave no process and no open pipe behind."""
    with suppress(OSError):
        assert process.stdin is not None
        process.stdin.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _first_line(told: IO[bytes]) -> str:
    told.seek(0)
    lines = told.read().decode("utf-8", "replace").strip().splitlines()
    return lines[0].strip() if lines else ""
