"""Reads a built site as a browser without a network would.

Both checks return sentences, one per fault, so that a test can show them all at once.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

# What a browser fetches without being asked, as against a link that a reader may follow.
FETCHED = {
    ("audio", "src"), ("embed", "src"), ("iframe", "src"), ("image", "href"), ("img", "src"),
    ("img", "srcset"), ("input", "src"), ("object", "data"), ("script", "src"), ("source", "src"),
    ("source", "srcset"), ("track", "src"), ("use", "href"), ("video", "poster"), ("video", "src"),
}  # fmt: skip
FETCHED_RELS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "preconnect",
                "dns-prefetch", "manifest", "apple-touch-icon"}  # fmt: skip
CSS_ADDRESS = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")


@dataclass
class Page(HTMLParser):
    """The links, fetches and anchors of one HTML file."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetches: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._in_style = False
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_style = tag == "style"
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.fetches += addresses_in_css(given.get("style", ""))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and set(given.get("rel", "").split()) & FETCHED_RELS:
            self.fetches.append(given.get("href", ""))
        self.fetches += [given[name] for name in given if (tag, name) in FETCHED]
        if "mermaid" in given.get("class", "").split():
            self.fetches.append("https://(the theme loads mermaid from a public address)")

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.fetches += addresses_in_css(data)


def addresses_in_css(text: str) -> list[str]:
    """Everything that a style sheet would fetch."""
    return [first or second for first, second in CSS_ADDRESS.findall(text)]


def outside_requests(site: Path) -> list[str]:
    """Whatever a page or style sheet would fetch from another machine."""
    faults = []
    for path in sorted(site.rglob("*.html")):
        faults += [f"{path.relative_to(site)}: {it}" for it in Page(path).fetches if is_outside(it)]
    for path in sorted(site.rglob("*.css")):
        addresses = addresses_in_css(path.read_text(encoding="utf-8"))
        faults += [f"{path.relative_to(site)}: {it}" for it in addresses if is_outside(it)]
    return faults


def is_outside(address: str) -> bool:
    """True for an address with a host in it (`data:` has none)."""
    return bool(urlsplit(address.strip()).netloc)


def broken_links(site: Path) -> list[str]:
    """Internal links and fetches whose file or anchor does not exist."""
    page_at = cache(Page)
    faults = []
    for path in sorted(site.rglob("*.html")):
        page = page_at(path)
        for address in inside(page.links + page.fetches):
            file, anchor = urldefrag(address)
            target = resolve(site, path, file)
            if not target.is_file():
                faults.append(f"{path.relative_to(site)}: {address} leads to no file")
            elif anchor and target.suffix == ".html" and anchor not in page_at(target).anchors:
                faults.append(f"{path.relative_to(site)}: {address} leads to no such anchor")
    return faults


def inside(addresses: list[str]) -> Iterator[str]:
    """Those that stay on the site."""
    for address in addresses:
        parts = urlsplit(address)
        if not parts.scheme and not parts.netloc:
            yield unquote(address)


def resolve(site: Path, page: Path, file: str) -> Path:
    """The file that a link on a page means."""
    file = file.partition("?")[0]
    if not file:
        return page
    target = site / file.lstrip("/") if file.startswith("/") else page.parent / file
    return target / "index.html" if target.is_dir() else target
