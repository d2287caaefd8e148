"""`GET /docs`: the reference to try out, made from /openapi.json, with nothing fetched from the internet."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

# The package carries Swagger UI's files; its own way of serving them comes without the policy below.
ASSETS: Final = "fastapi_offline"
# Whatever the page's scripts would like to load: the browser only lets them talk to this service.
POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def add_reference(app: FastAPI) -> None:
    """Serve the page at /docs and its files under /docs/assets; the bare address of the service leads there."""

    @app.get("/", include_in_schema=False)
    async def start() -> RedirectResponse:
        return RedirectResponse("docs")

    @app.get("/docs", include_in_schema=False)
    async def reference() -> HTMLResponse:
        # Relative addresses, so that the page also works behind a proxy that puts the service under a path.
        page = get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url="docs/assets/swagger-ui-bundle.js",
            swagger_css_url="docs/assets/swagger-ui.css",
            swagger_favicon_url="docs/assets/favicon.png",
            swagger_ui_parameters={"validatorUrl": None},
        )
        page.headers["Content-Security-Policy"] = POLICY
        return page

    app.mount("/docs/assets", StaticFiles(directory=str(files(ASSETS) / "static")), name="docs-assets")
