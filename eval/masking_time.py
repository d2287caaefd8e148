"""How the time of masking grows with a text's length: `python -m eval.masking_time`.

The texts are the worst that we know of for one rule or another: an endless chain of numbers, of brackets, of addresses.
"""

from __future__ import annotations

import statistics
import time
from typing import Final

from api.personal_data import mask
from eval.program import run_program

UNITS: Final = (
    "Ring meg på 48 12 34 56, for pakka kom for seint. ",
    "1 2 3 4 ",
    "98 76 54 32 ",
    "1",
    "@a.",
    "NO93 8601 ",
    "(+",
)
"""What the texts repeat."""


def seconds_of(unit: str, length: int) -> float:
    """Processor seconds that masking `length` characters of repeated `unit` takes."""
    text = (unit * length)[:length]
    started = time.process_time()
    mask(text, language="nb")
    return time.process_time() - started


def growth(unit: str, short: int, long: int, rounds: int) -> tuple[float, float]:
    """Milliseconds for 1,000 characters of the short and of the long text: medians of `rounds`, measured in turn."""
    pairs = [(seconds_of(unit, short), seconds_of(unit, long)) for _ in range(rounds)]
    of_short, of_long = (statistics.median(column) for column in zip(*pairs, strict=True))
    return 1e6 * of_short / short, 1e6 * of_long / long


def masking_time(*, short: int = 4_000, long: int = 64_000, rounds: int = 5) -> None:
    """Print what 1,000 characters cost in a short and in a long text; alike where the time grows with the length."""
    print(f"{'repeated':<24}{short:>9,} characters{long:>9,} characters    ratio")
    for unit in UNITS:
        of_short, of_long = growth(unit, short, long, rounds)
        print(f"{unit[:20]!r:<24}{of_short:>12.2f} ms{of_long:>17.2f} ms{of_long / of_short:>13.2f}")


if __name__ == "__main__":
    run_program(masking_time)
