"""Options of commands on several subjects: said once, so that they are called and explained alike."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line, as over REST.")]
TimeZone = Annotated[str, typer.Option("--time-zone", help="Where days begin.")]
