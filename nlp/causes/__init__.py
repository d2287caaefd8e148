"""The statistics of root causes: what each costs, since when, where, with what it goes, and whether an action helped.

Every module answers one question about arrays and knows nothing of files, stores or clustering. `describe` asks them
all. They need SciPy and ruptures: `pip install 'stemme[topics]'`.
"""

from nlp.errors import require

for _library in ("scipy", "ruptures"):
    require(_library, extra="topics")
