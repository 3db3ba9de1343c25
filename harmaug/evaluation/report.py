"""A report as one HTML file: pictures and style are inside it, and nothing needs a script."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

from PIL import Image
from torch import Tensor

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;background:#ececec;margin:2em auto;
 max-width:1500px;padding:0 1em}
h1{font-size:1.7em;margin-bottom:.2em}h2{margin-top:2em}
p,li{max-width:75em}
table{border-collapse:collapse;margin:1em 0;background:#f7f7f7}
th,td{padding:.3em .8em;border:1px solid #ccc;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
.wide{overflow-x:auto}
.row{display:flex;flex-wrap:wrap;gap:8px;margin:.4em 0 1.2em}
figure{margin:0;flex:none;width:158px}figure img{display:block;width:100%}
figcaption{font-size:12px;color:#444;overflow-wrap:anywhere}
.charts{display:flex;flex-wrap:wrap;gap:20px}
.chart{background:#f7f7f7;padding:8px;width:460px}.chart svg text{font:12px system-ui,sans-serif}
.legend{margin:0 8px;font-size:13px}.legend span{margin-right:1.2em;white-space:nowrap}
.legend i{display:inline-block;width:12px;height:12px;margin-right:5px}
small{color:#555}
"""
_SIDE = 192  # pixels of a picture, a little more than shown


def document(title: str, parts: Sequence[str]) -> str:
    """The whole file."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def definitions(terms: Sequence[tuple[str, str]]) -> str:
    """What the words of a table mean."""
    return "<ul>" + "".join(f"<li><b>{escape(a)}</b>: {escape(b)}</li>" for a, b in terms) + "</ul>"


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table; the first row is its head and the first column names the rows."""
    head, *body = (_table_row(row, "td" if number else "th") for number, row in enumerate(rows))
    return (
        f'<div class="wide"><table><thead>{head}</thead><tbody>{"".join(body)}</tbody>'
        "</table></div>"
    )


def _table_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def gallery(title: str, pictures: Sequence[tuple[str, Tensor]]) -> str:
    """Pictures in a row; captions and (3, H, W) or (1, H, W) in [0, 1], or uint8."""
    figures = "".join(
        f'<figure><img alt="" src="{data_uri(image)}"><figcaption>{escape(caption)}</figcaption>'
        "</figure>"
        for caption, image in pictures
    )
    return f'<div><small>{escape(title)}</small><div class="row">{figures}</div></div>'


def charts(parts: Sequence[str]) -> str:
    return f'<div class="charts">{"".join(parts)}</div>'


def data_uri(image: Tensor) -> str:
    """A small JPEG of a picture, for an ``src`` attribute."""
    if image.is_floating_point():
        image = image.detach().clamp(0, 1).mul(255).round().byte()
    pixels = image.expand(3, -1, -1).permute(1, 2, 0).cpu().numpy()
    picture = Image.fromarray(pixels)
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
