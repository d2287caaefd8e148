"""A service over a store, and a key that may do everything, for the tests of what /openapi.json says of it."""

from __future__ import annotations

from tempfile import TemporaryDirectory

from api.access.keys import create_key
from api.access.scopes import Scope
from api.app import create_app
from api.settings import Settings
from api.store.database import Store
from tests.api.rest_stub import StubTagger

FOLDER = TemporaryDirectory(prefix="stemme-openapi-")
STORE = Store.open(f"sqlite:///{FOLDER.name}/store.db")
KEY = {"Authorization": f"Bearer {create_key(STORE, scopes=tuple(Scope), name='', expires_at=None, by='test')}"}
APP = create_app(Settings(), StubTagger(), store=STORE)
