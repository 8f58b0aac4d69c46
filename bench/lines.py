"""Figures over time, as SVG that needs nothing else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 400, 240
LEFT, TOP, RIGHT, BOTTOM = 56, 30, 14, 40
COLOURS = ("#c0392b", "#1f618d", "#7fb3d5")
STEPS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Carry points as ``(time, figure)``, in the order of time."""

    name: str
    points: tuple[tuple[float, float], ...]


def page(axis: str, plots: Sequence[tuple[str, Sequence[Line]]]) -> str:
    """Return plots side by side, each with its title, all over the same time."""
    width = WIDTH * len(plots)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11" role="img">',
        f'<rect width="{width}" height="{HEIGHT}" fill="white"/>',
    ]
    for place, (title, drawn) in enumerate(plots):
        lines.append(f'<g transform="translate({place * WIDTH} 0)">')
        lines += _plot(title, axis, drawn)
        lines.append("</g>")
    return "\n".join([*lines, "</svg>"]) + "\n"


def _plot(title: str, axis: str, lines: Sequence[Line]) -> Iterator[str]:
    points = [point for line in lines for point in line.points]
    last = max((x for x, _ in points), default=0.0) or 1.0
    high = max((y for _, y in points), default=0.0) * 1.1 or 1.0

    def across(x: float) -> float:
        return LEFT + x / last * (WIDTH - LEFT - RIGHT)

    def down(y: float) -> float:
        return HEIGHT - BOTTOM - y / high * (HEIGHT - TOP - BOTTOM)

    yield f'<text x="{LEFT}" y="18" font-weight="bold">{escape(title)}</text>'
    for step in range(STEPS + 1):
        y, x = high * step / STEPS, last * step / STEPS
        yield f'<path d="M{LEFT} {down(y):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{down(y) + 4:.1f}" text-anchor="end">{y:.4g}</text>'
        yield (
            f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
            f"{x:.3g}</text>"
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(axis)}</text>'
    for line, colour in zip(lines, COLOURS, strict=False):
        path = "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in line.points)
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        x, y = line.points[-1]
        yield (
            f'<text x="{across(x):.1f}" y="{down(y) - 5:.1f}" text-anchor="end" '
            f'fill="{colour}">{escape(line.name)}</text>'
        )
