# SPDX-License-Identifier: Apache-2.0
"""The results as a table (Markdown), as data (JSON) and as a plot (SVG, written by hand)."""

import html
import json
import math

HEAD = ["figure", "Mokapot", "Linux", "ratio", "in CPU-s", "bar", "", "Linux, no ERMS", "ratio", "in CPU-s", ""]


def number(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}" if value < 100 else f"{value:.1f}"


def verdict(ratio, result, may_be_absolute):
    if result["least_ratio"] is not None:
        return "-" if ratio is None else "pass" if ratio >= result["least_ratio"] else "MISS"
    if result["ratio_bar"] is not None:
        return "-" if ratio is None else "pass" if ratio <= result["ratio_bar"] else "MISS"
    if result["absolute_bar"] is not None and may_be_absolute:
        return ("-" if result["mokapot"] is None
                else "pass" if result["mokapot"] <= result["absolute_bar"] else "MISS")
    return ""


def cells(result):
    def ratio(other, kind=""):
        mine, theirs = result.get(f"mokapot{kind}"), result.get(f"{other}{kind}")
        return mine / theirs if mine is not None and theirs else None

    def with_unit(value):
        return number(value) + (f" {result['unit']}" if value is not None else "")

    bar = ""
    if result["ratio_bar"] is not None:
        bar = f"<= {result['ratio_bar']:.2f}"
    if result["least_ratio"] is not None:
        bar = f">= {result['least_ratio']:.2f}"
    if result["absolute_bar"] is not None:
        bar = f"<= {result['absolute_bar']:g} {result['unit']}"
    plain, tuned = ratio("linux"), ratio("linux-no-erms")
    return [result["title"], with_unit(result["mokapot"]), with_unit(result.get("linux")), number(plain),
            number(ratio("linux", " cpu")), bar, verdict(plain, result, True), with_unit(result.get("linux-no-erms")),
            number(tuned), number(ratio("linux-no-erms", " cpu")), verdict(tuned, result, False)]


def table(results):
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(cells(result)) + " |" for result in results]
    return "\n".join(lines) + "\n"


def without_table(results):
    """What a feature is worth, where Mokapot was run without it as well; empty where it was not."""
    features = sorted({key for result in results for key in result if key.startswith("without-") and not key.endswith(" cpu")})
    lines = []
    for feature in features:
        lines += ["", f"| figure | Mokapot | {feature.replace('-', ' ', 1)} | with over without | in CPU-s |", "|---|---|---|---|---|"]
        for result in results:
            mine, other = result["mokapot"], result.get(feature)
            cpu, others_cpu = result.get("mokapot cpu"), result.get(f"{feature} cpu")
            if mine is not None and other:
                lines.append(f"| {result['title']} | {number(mine)} {result['unit']} | {number(other)} {result['unit']} | "
                             f"{number(mine / other)} | {number(cpu / others_cpu if cpu and others_cpu else None)} |")
    return "\n".join(lines) + "\n" if lines else ""


def is_rate(result):
    return result["unit"].endswith("/s")


def plot(results):
    """A bar for each ratio on a logarithmic scale, and a tick where it has to end at the latest. Where more is
    better it is Linux over Mokapot."""
    shown = []
    for result in results:
        row = [(name, result[name] / result["mokapot"] if is_rate(result) else result["mokapot"] / result[name])
               for name in ("linux", "linux-no-erms") if result["mokapot"] and result.get(name)]
        if row:
            shown.append((result, row))
    left, width, line, top = 470, 420, 34, 60
    low, high = 0.03, 3.0

    def x(ratio):
        share = math.log(min(max(ratio, low), high) / low) / math.log(high / low)
        return left + width * share

    height = top + line * len(shown) + 20
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 70}" height="{height}" '
           'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
           '<text x="10" y="20" font-size="14">Mokapot over the Linux guest (rates: Linux over Mokapot; less is better; logarithmic)</text>',
           '<text x="10" y="40" fill="#555">upper bar: Linux as it is; lower bar: Linux told not to use '
           'ERMS; black tick: the bar to meet</text>']
    for ratio in (0.05, 0.1, 0.2, 0.5, 1, 2):
        out.append(f'<line x1="{x(ratio):.1f}" x2="{x(ratio):.1f}" y1="{top - 8}" y2="{height - 10}" '
                   f'stroke="{"#888" if ratio == 1 else "#ddd"}"/><text x="{x(ratio):.1f}" y="{top - 10}" '
                   f'text-anchor="middle" fill="#555">{ratio:g}</text>')
    for index, (result, row) in enumerate(shown):
        y = top + line * index
        out.append(f'<text x="{left - 8}" y="{y + 18}" text-anchor="end">{html.escape(result["title"][:68])}</text>')
        bar = 1 / result["least_ratio"] if result["least_ratio"] is not None else result["ratio_bar"]
        for offset, (name, ratio) in enumerate(row):
            colour = "#999" if bar is None else "#2a7" if ratio <= bar else "#c43"
            out.append(f'<rect x="{left}" y="{y + 3 + 13 * offset}" width="{max(x(ratio) - left, 1):.1f}" height="11" '
                       f'fill="{colour}"/><text x="{x(ratio) + 4:.1f}" y="{y + 13 + 13 * offset}">{number(ratio)}</text>')
        if bar is not None:
            out.append(f'<line x1="{x(bar):.1f}" x2="{x(bar):.1f}" y1="{y}" y2="{y + 30}" stroke="black" stroke-width="2"/>')
    return "\n".join(out + ["</svg>"]) + "\n"


def write(out, results, notes, samples):
    text = "# Mokapot beside a Linux guest\n\n" + "\n".join(f"- {note}" for note in notes) + "\n\n" + table(results) + without_table(results)
    (out / "results.md").write_text(text)
    (out / "results.json").write_text(json.dumps({"notes": notes, "results": results, "samples": samples}, indent=1))
    (out / "results.svg").write_text(plot(results))
    return text
