# SPDX-License-Identifier: MIT
"""Figures as pictures (PNG), by gnuplot."""

import subprocess

import figures

COLUMNS = {"envelope": ("envelope", "#1b7837"), "crypt-inline": ("dm-crypt inline", "#9970ab"),
           "crypt-same-cpu": ("dm-crypt same cpu", "#c2a5cf"), "crypt": ("dm-crypt default", "#762a83")}
TERMINAL = "png size {w},{h} truecolor"

SCRIPT = """
set terminal {terminal}
set output '{output}'
set multiplot layout 1,{panels} title "{title}"
set style data histogram
set style histogram clustered gap 1.5
set style fill solid 0.9 noborder
set boxwidth 0.9
set grid ytics lc rgb '#dddddd'
set border 3 lc rgb '#888888'
set tics nomirror
set yrange [0:{top}]
set xtics rotate by -30
set bmargin 6
set key top right reverse Left samplen 1
"""


def label(load):
    """Short enough for an axis."""
    op, _, block, depth = load.split("-")
    return f"{op} {block}" + (f" x{depth}" if block == "4k" else "")


def data(name, values, loads):
    """A block of data for gnuplot: one line per load, one column per target."""
    lines = [f"${name} << end"]
    for load in loads:
        sectors = int(load.split("-")[2].removesuffix("k")) // 4
        cells = (f"{figures.overhead(values, load, column) / sectors:.1f}" for column in COLUMNS)
        lines.append(f"\"{label(load)}\" " + " ".join(cells))
    return "\n".join(lines + ["end"])


def overhead(seen, title, path):
    """Plot what each target takes above the floor, per 4 KiB of data."""
    series = sorted(seen, key=lambda name: [int(part) for part in name.split(".")])
    loads = list(seen[series[0]]["figures"])
    top = max(figures.overhead(seen[name]["figures"], load, column) / (int(load.split("-")[2].removesuffix("k")) // 4)
              for name in series for load in loads for column in COLUMNS)
    blocks, panels = [], []
    for number, name in enumerate(series):
        blocks.append(data(f"panel{number}", seen[name]["figures"], loads))
        bars = ", ".join(f"$panel{number} using {column + 2}{':xtic(1)' if column == 0 else ''} "
                         f"title '{text if number == 0 else ''}' lc rgb '{color}'"
                         for column, (text, color) in enumerate(COLUMNS.values()))
        panels.append(f"set title 'Linux {name}'\n{'unset key' if number else ''}\nplot {bars}")
    path.parent.mkdir(parents=True, exist_ok=True)
    script = SCRIPT.format(terminal=TERMINAL.format(w=max(640, 420 * len(series)), h=480), output=path,
                           panels=len(series), title=title, top=top * 1.3)
    text = "\n".join([*blocks, script, *panels, "unset multiplot\n"])
    subprocess.run(["gnuplot"], input=text, text=True, check=True)
