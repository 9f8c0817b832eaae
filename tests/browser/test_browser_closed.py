"""Nothing leaves a page, and nothing runs in it that its names or others would slip in."""

from looking import HOSTILE, every_step, hostile, shop

from clearprop import graph
from clearprop.page.views import views_of


def test_hostile_names_do_not_run(browser, pages):
    steps = len(views_of(graph(hostile())).views[0].data["steps"])
    seen = browser.visit(
        pages(hostile),
        *every_step(steps),
        ("eval", "[...document.querySelectorAll('svg g[tabindex]')].forEach((g) => g.focus())"),
        ("hover", '[data-id="x0"]'),
        ("click", "#show"),
        ("eval", "window.hacked ?? null"),
        ("eval", "getComputedStyle(document.body).display"),
        ("eval", "document.querySelectorAll('#stage script, #said script, #said img').length"),
    ).results
    assert seen[-3:] == [None, "block", 0]
    assert HOSTILE[0] in seen[steps - 1]["said"]


def test_the_policy_stops_what_would_be_slipped_in(browser, pages):
    """Even where a script or an image came into the page, it would not run or be fetched."""
    slip = """(() => {
      const script = document.createElement('script');
      script.textContent = 'window.hacked = 1';
      const image = document.createElement('img');
      image.src = 'https://example.invalid/x.png';
      document.body.append(script, image);
      return fetch('https://example.invalid/').then(() => 'sent', () => 'refused');
    })()"""
    seen = browser.visit(
        pages(shop),
        *(("eval", slip), ("wait", 200), ("eval", "window.hacked ?? null")),
        quiet=False,
    )
    assert seen.results == ["refused", None]
    assert seen.errors == []
    assert len([line for line in seen.console if "Content Security Policy" in line]) >= 3
