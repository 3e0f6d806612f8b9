"""One module a printed page; each has `page() -> str`."""
