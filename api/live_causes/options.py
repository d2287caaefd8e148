"""Arguments and options of commands on causes of the store."""

from __future__ import annotations

from typing import Annotated

import typer

Topic = Annotated[str, typer.Argument(metavar="TOPIC", help="The cause's topic, such as t-3f2a9c01d7be.")]
