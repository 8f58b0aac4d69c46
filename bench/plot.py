"""Curves on two logarithmic axes, as SVG that needs nothing else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 400, 300
LEFT, TOP, RIGHT, BOTTOM = 62, 34, 16, 46
COLOURS = ("#c0392b", "#7fb3d5", "#1f618d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Carry points as ``(x, microseconds)``, all above zero."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Carry curves that share their axes."""

    title: str
    axis: str
    curves: tuple[Curve, ...]


def page(plots: Sequence[Plot]) -> str:
    """Return plots side by side."""
    width = WIDTH * len(plots)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11" role="img">',
        f'<rect width="{width}" height="{HEIGHT}" fill="white"/>',
    ]
    for place, plot in enumerate(plots):
        lines.append(f'<g transform="translate({place * WIDTH} 0)">')
        lines += _drawn(plot)
        lines.append("</g>")
    return "\n".join([*lines, "</svg>"]) + "\n"


def _drawn(plot: Plot) -> Iterator[str]:
    points = [point for curve in plot.curves for point in curve.points]
    xs, ys = [log10(x) for x, _ in points], [log10(y) for _, y in points]
    low, high = floor(min(ys)), ceil(max(ys))
    first, last = min(xs), max(xs)

    def across(x: float) -> float:
        return LEFT + (log10(x) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def down(y: float) -> float:
        return HEIGHT - BOTTOM - (log10(y) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    yield f'<text x="{LEFT}" y="16" font-weight="bold">{escape(plot.title)}</text>'
    yield f'<text x="{LEFT}" y="29" fill="#555">time per event</text>'
    for power in range(low, high + 1):
        y = down(10.0**power)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_time(power)}</text>'
    for power in range(ceil(first), floor(last) + 1):
        x = across(10.0**power)
        yield f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#eee"/>'
        yield (
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
            f"{10**power:,}</text>"
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{escape(plot.axis)}</text>'
    for curve, colour in zip(plot.curves, COLOURS, strict=False):
        path = "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in curve.points)
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for x, y in curve.points:
            yield f'<circle cx="{across(x):.1f}" cy="{down(y):.1f}" r="3" fill="{colour}"/>'
        x, y = curve.points[-1]
        yield (
            f'<text x="{across(x) - 4:.1f}" y="{down(y) - 7:.1f}" text-anchor="end" '
            f'fill="{colour}">{escape(curve.name)}</text>'
        )


def _time(power: int) -> str:
    """Return ten to a power of microseconds in words."""
    unit, scale = ("s", 6) if power >= 6 else ("ms", 3) if power >= 3 else ("µs", 0)
    return f"{10.0 ** (power - scale):g} {unit}"
