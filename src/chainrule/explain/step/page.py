"""An explanation as one self-contained HTML page: no script, no network, everything escaped."""

from __future__ import annotations

from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fbfbf9; --line: #d5d8dc; --mark: #0b5c8a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e6e8; --paper: #14171a; --line: #363c43; --mark: #7cc4ee; } }
body { margin: 2rem auto; max-width: 54rem; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; word-break: keep-all; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; color: var(--mark); border-top: 1px solid var(--line);
  padding-top: 1rem; }
.picture { overflow-x: auto; width: min(96vw, 80rem); margin: 0 calc((100% - min(96vw, 80rem)) / 2); }
pre { overflow-x: auto; font: 0.86rem/1.45 ui-monospace, "Noto Sans Mono CJK KR", monospace; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(text: str, title: str, language: str = "en", picture: str = "") -> str:
    """The text of an explanation as a page: its underlined headings become headings, the rest stays as aligned.

    Arguments: text: what explain or why say; title: of the page; language: "en" or "ko"; picture: SVG
    above the text.
    """
    sections: list[tuple[str, list[str]]] = [("", [])]
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if line and set(line) == {"─"}:
            continue
        if i + 1 < len(lines) and lines[i + 1] and set(lines[i + 1]) == {"─"}:
            sections.append((line, []))
        else:
            sections[-1][1].append(line)
    body = []
    for heading, result in sections:
        body += [f"<h2>{escape(heading)}</h2>"] if heading else []
        kept = "\n".join(result).strip("\n")
        body += [f"<pre>{escape(kept)}</pre>"] if kept else []
    return "\n".join(
        [
            f'<!doctype html>\n<html lang="{escape(language)}">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>",
            *([f'<div class="picture" tabindex="0">{picture}</div>'] if picture else []),
            *body,
            "</body>\n</html>",
        ]
    )
