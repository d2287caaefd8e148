"""Exports of survey platforms: from a file as the platform writes it to comments as `stemme` reads them."""
