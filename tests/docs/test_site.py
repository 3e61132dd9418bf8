"""The documentation builds without a warning, holds together, and needs no network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.docs.site import broken_links, outside_requests

ROOT = Path(__file__).resolve().parents[2]
STOCK = f"INHERIT: {ROOT}/mkdocs.yml\ntheme:\n  name: mkdocs\n"


def build(folder: Path, *options: str) -> Path:
    """Build the site into a folder, strictly."""
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", folder, *options],
        check=True,
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "DISTLAB_EXHIBITS": "2"},
    )
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("site"))


def test_every_page_is_built(site: Path) -> None:
    pages = {page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")}
    assert pages
    assert {page for page in pages if not (site / page.with_suffix(".html")).is_file()} == set()


def test_no_link_is_broken(site: Path) -> None:
    assert broken_links(site) == []


def test_nothing_is_fetched_from_outside(site: Path) -> None:
    assert outside_requests(site) == []


def test_the_site_can_be_searched(site: Path) -> None:
    assert "distlab" in (site / "search" / "search_index.json").read_text()


def test_it_is_searched_where_it_lies_on_disk(site: Path, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1300, "height": 800})
    page.goto((site / "index.html").as_uri())
    page.click("input[name=query]")
    page.keyboard.type("leader epoch")
    page.wait_for_selector(".md-search-result__item")
    found = page.locator(".md-search-result__link").evaluate_all("all => all.map((a) => a.href)")
    page.close()
    assert any("labs/lab2.html" in address for address in found)
    assert all(address.startswith("file:") for address in found)


def test_the_pages_do_without_the_theme(tmp_path: Path) -> None:
    """Material nears its end of life: the same pages must build with the stock theme."""
    for name in ("docs", "src", "tools"):
        (tmp_path / name).symlink_to(ROOT / name)
    config = tmp_path / "mkdocs.yml"
    config.write_text(STOCK)
    stock = build(tmp_path / "site", "-f", str(config))
    assert (stock / "index.html").is_file()


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">x</a>', "index.html: gone.html leads to no file"),
        ('<a href="#gone">x</a>', "index.html: #gone leads to no such anchor"),
        ('<a href="b.html#gone">x</a>', "index.html: b.html#gone leads to no such anchor"),
        ('<img src="gone.svg">', "index.html: gone.svg leads to no file"),
    ],
)
def test_a_broken_link_is_found(tmp_path: Path, body: str, fault: str) -> None:
    (tmp_path / "b.html").write_text('<h1 id="here">b</h1>')
    (tmp_path / "index.html").write_text(f'<a href="b.html#here">good</a>{body}')
    assert broken_links(tmp_path) == [fault]


@pytest.mark.parametrize(
    "body",
    [
        '<script src="https://host.example/a.js"></script>',
        '<link rel="stylesheet" href="//host.example/a.css">',
        '<img src="http://host.example/a.png">',
        '<link rel="preconnect" href="https://host.example">',
        "<style>@font-face { src: url('https://host.example/a.woff2') }</style>",
        '<p style="background: url(https://host.example/a.png)">x</p>',
        '<pre class="mermaid"><code>graph TD</code></pre>',
    ],
)
def test_a_fetch_from_outside_is_found(tmp_path: Path, body: str) -> None:
    (tmp_path / "index.html").write_text(f'<a href="https://host.example">a link is fine</a>{body}')
    assert len(outside_requests(tmp_path)) == 1


def test_a_fetch_from_a_style_sheet_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text(
        '@import "https://host.example/b.css"; p { background: url(x) }'
    )
    assert outside_requests(tmp_path) == ["a.css: https://host.example/b.css"]
