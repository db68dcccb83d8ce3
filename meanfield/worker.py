"""A process that does tasks of a study: ``python -m meanfield.worker FOLDER``.

Numbers of tasks come on standard input, one a line; a line of JSON answers each. It ends
at once when its input does: when the process that started it is no more.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import NoReturn

from meanfield.study_folder import run_task

__all__ = ["main"]


def main(folder: str | Path) -> NoReturn:
    """Do tasks as long as there are any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent alone answers an interrupt
    warnings.simplefilter("ignore")  # the parent prepared the same limit, and gave them
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever is printed must not be taken for an answer
    numbers: SimpleQueue[int] = SimpleQueue()
    Thread(target=_listen, args=(numbers,), daemon=True).start()
    while True:
        print(json.dumps(run_task(str(folder), numbers.get())), file=answers, flush=True)


def _listen(numbers: SimpleQueue[int]) -> NoReturn:
    for line in sys.stdin:
        numbers.put(int(line))
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
