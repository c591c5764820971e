"""An explanation as one HTML page: MathML and SVG, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from steepest.explanation.explanation import Explanation
from steepest.explanation.maths import Mathml
from steepest.explanation.story import Block, blocks
from steepest.explanation.svg import to_svg

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --soft: #5a6472;
  --line: #8a94a3; --value: #0b5cad; --slope: #b3400a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --paper: #16181c;
  --soft: #a3adba; --line: #6b7583; --value: #7db8f5; --slope: #f0a36b; } }
body { font: 17px/1.55 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font: 600 1.4rem/1.3 ui-monospace, monospace; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); }
ul { list-style: none; padding-left: 1rem; margin: .3rem 0; }
li { margin: .45rem 0; overflow: auto hidden; padding: .15rem 0; }
li span, p { color: var(--soft); }
math { font-size: 1.08em; }
.scroll { overflow: auto hidden; padding: .15rem 0; }
pre { font: 14px/1.45 ui-monospace, monospace; overflow-x: auto; }
svg text { font: 14px ui-monospace, monospace; fill: var(--ink); }
svg .value { fill: var(--value); } svg .slope { fill: var(--slope); }
svg rect { fill: var(--paper); stroke: var(--line); }
svg path { fill: none; stroke: var(--line); }
"""


def to_html(told: Explanation) -> str:
    """The explanation as a page that can be opened anywhere.

    Args:
        told: what is to be said.
    """
    body = "\n".join(_body(told))
    title = escape(f"{told.objective}, explained")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>"
    )


def _body(told: Explanation) -> Iterator[str]:
    listing = False
    for block in blocks(told, Mathml()):
        if listing != (block.kind == "item"):
            listing = not listing
            yield "<ul>" if listing else "</ul>"
        yield _written(told, block)
    if listing:
        yield "</ul>"


def _written(told: Explanation, block: Block) -> str:
    words = escape(block.words)
    match block.kind:
        case "title":
            return f"<h1>{words}</h1>"
        case "head":
            return f"<h2>{words}</h2>"
        case "formula":
            return f'<div class="scroll">{_math(block.formula, block=True)}</div>'
        case "item":
            said = f" <span>{words}</span>" if words else ""
            return f"<li>{_math(block.formula)}{said}</li>"
        case "graph" if told.network:
            return f"<pre>{escape(chr(10).join(told.graph.lines()))}</pre>"
        case "graph":
            told_in_words = escape("\n".join(told.graph.lines()))
            return (
                f'<div class="scroll">{to_svg(told.graph)}</div>\n'
                "<p>In each box: what is made, "
                "its value (forwards), the derivative of f by it (backwards). On an "
                "edge: the slope of what is made by what it is made of.</p>\n"
                f"<pre>{told_in_words}</pre>"
            )
    return f"<p>{words}</p>"


def _math(formula: str, *, block: bool = False) -> str:
    display = ' display="block"' if block else ""
    space = "http://www.w3.org/1998/Math/MathML"
    return f'<math xmlns="{space}"{display}><mrow>{formula}</mrow></math>'
