"""Names of columns: unique ones, and ones that leave the record's own names free."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Names as they are; an empty one is called after its place, one that was there already gets a number.

    >>> unique(["id", "text", "", "text"])
    ('id', 'text', 'column_3', 'text_2')
    """
    taken = set(names)
    found: list[str] = []
    for place, name in enumerate(names, start=1):
        wanted = name or f"column_{place}"
        found.append(wanted if name and name not in found else free(wanted, taken))
        taken.add(found[-1])
    return tuple(found)


def free(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or the first of `wanted_2`, `wanted_3`, … that is not taken."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name


def kept(name: str, fields: Collection[str]) -> str:
    """The name under which a column passes through beside the record's `fields`.

    A name that is a field's, with any number of `input_` before it, gets one more: no two columns can meet, and no
    row's names depend on another row.

    >>> kept("department", {"model"}), kept("model", {"model"}), kept("input_model", {"model"})
    ('department', 'input_model', 'input_input_model')
    """
    bare = name
    while bare.startswith("input_") and bare not in fields:
        bare = bare.removeprefix("input_")
    return f"input_{name}" if bare in fields else name
