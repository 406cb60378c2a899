"""What does the comparison look like? The page docs/performance.md and the figure of cost against size.

Command: ``make bench``, or ``python -m experiments.bench.page`` to write them again from outputs/bench/bench.json. Figures:
docs/figures/cost.png. What stands in the page below the mark `BY_HAND` is kept as it is.
"""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments.bench.cases import FOLLOWERS, MEAN_DEGREE, MOST, SEEDS
from experiments.bench.peers import contract
from experiments.bench.rows import CONTAGIONS, EXPOSURES, LEFT_OUT, NIGHT, OPEN, OURS, PARTS, POSTING, SIR, THROTTLED
from experiments.bench.table import LEVEL, Data, by_posts, by_size, growth, limits_table, make_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BY_HAND = "<!-- by hand: `make bench` keeps what follows -->"
EMPTY = """

## What was tried and rejected

Nothing is recorded yet.
"""
TITLES = {EXPOSURES: "Exposures", SIR: "Susceptible, infected, recovered", POSTING: "Posting"}


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits and separated thousands; "-": there is none."""
    if math.isnan(value):
        return "-"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    places = digits - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(places, 0)}f}"


def markdown(lines: list[list[str]]) -> str:
    """A table, its first line the heads; all columns but the first and those of words are set to the right."""
    head, *body = lines
    words = [
        all(not any(c.isdigit() for c in line[i]) or " " in line[i].strip() for line in body) for i in range(len(head))
    ]
    rule = ["---" if i == 0 or words[i] else "---:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *body])


def cpu_of(row: Any) -> str:
    if math.isnan(row.cpu_seconds):
        return "-"
    span = f" [{number(row.cpu_seconds_low)}, {number(row.cpu_seconds_high)}]" if row.rounds > 1 else ""
    return number(row.cpu_seconds) + span


def night_part(table: pd.DataFrame) -> str:
    lines = [["engine", "people", "night", "person-events", "build, s", "run, CPU-s", "person-events per CPU-s",
              "bytes per person", "peak, MB", "times slower", "note"]]  # fmt: skip
    for row in table[table["part"] == NIGHT].itertuples():
        lines.append([
            row.engine, f"{row.people:,}", "open" if row.options == " ".join(OPEN) else "throttled", number(row.changes),
            number(row.build_seconds), cpu_of(row), number(row.changes_per_cpu_second), number(row.bytes_per_person),
            number(row.peak_memory_bytes / 1e6), number(row.times_slower), row.note,
        ])  # fmt: skip
    return markdown(lines)


def contagion_part(table: pd.DataFrame, part: str) -> str:
    lines = [["engine", "version", "people", table.loc[table["part"] == part, "unit"].iloc[0], "build, s", "run, CPU-s",
              "per CPU-s", "we are faster", "bytes per person", "outcome", "how it says it"]]  # fmt: skip
    for row in table[table["part"] == part].itertuples():
        is_ours = row.engine == OURS
        lines.append([
            row.engine, row.version or ("this" if is_ours else "-"), f"{row.people:,}", number(row.changes),
            number(row.build_seconds), cpu_of(row), number(row.changes_per_cpu_second),
            "" if is_ours else f"{number(row.times_slower)} times" if row.times_slower > 0 else "-",
            number(row.bytes_per_person), row.agreement, row.note or "by configuration",
        ])  # fmt: skip
    return markdown(lines)


def summary(table: pd.DataFrame) -> str:
    """The ratios of this run in sentences: our rate over that of each peer."""
    told = []
    for part in CONTAGIONS:
        rows = table[(table["part"] == part) & table["times_slower"].notna()]
        if not len(rows):
            told.append(f"- {TITLES[part]}: no peer was measured.")
            continue
        common = rows["people"].mode().max()  # most peers finish it; the others have a smaller one
        rows = rows[(rows["people"] == common) | ~rows["engine"].isin(rows.loc[rows["people"] == common, "engine"])]
        each = ", ".join(
            f"{number(row.times_slower)} times {row.engine}" + f" ({row.people:,} people)" * bool(row.people != common)
            for row in rows.sort_values("times_slower").itertuples()
        )
        told.append(f"- {TITLES[part]}, {common:,} people, {rows['unit'].iloc[0]} per CPU-second: {each}.")
    return "\n".join(told)


def growth_part(table: pd.DataFrame) -> str:
    sizes, posts = by_size(table), by_posts(table)
    told = []
    if len(sizes) > 1:
        fit = growth(sizes["people"].tolist(), sizes["cpu_seconds"].tolist())
        low, high = sizes["people"].iloc[[0, -1]]
        told.append(
            f"From {low:,} to {high:,} people the CPU time of a throttled night grows as people to the power of {fit}."
        )
        told.append("\n![CPU time against people, with the fitted power law](figures/cost.png)")
    if len(posts) > 1:
        from scipy.stats import linregress

        line = linregress(posts["posts"], posts["cpu_seconds"])
        lines = [["factor on posts", "tweets", "person-events", "run, CPU-s", "microseconds per tweet"]]
        for row in posts.itertuples():
            factor = row.options.split("posts=")[1]
            micro = number(row.cpu_seconds / row.posts * 1e6)
            lines.append([factor, number(row.posts), number(row.changes), cpu_of(row), micro])
        told.append(
            f"\nWith {posts['people'].iloc[0]:,} people and other numbers of posts CPU time is "
            f"{line.intercept:.3f} s (standard error {line.intercept_stderr:.3f}) and {1e6 * line.slope:.2f} microseconds "
            f"({1e6 * line.stderr:.2f}) a tweet:\n"
        )
        told.append(markdown(lines))
    return "\n".join(told) or "Only one size was measured."


def left_out_part(table: pd.DataFrame) -> str:
    """The night without one part of it; what is missing in time and events is what that part costs."""
    rows = table[(table["part"] == LEFT_OUT) & table["cpu_seconds"].notna()].set_index("options")
    named = {name: " ".join((*THROTTLED, *options)) for name, options in PARTS.items()}
    if named["nothing"] not in rows.index:
        return "Not measured."
    people = float(rows["people"].iloc[0])
    events, times = rows["changes"] / people, rows["cpu_seconds"] / people * 1e9
    all_events, all_time = events[named["nothing"]], times[named["nothing"]]
    lines = [
        ["left out", "person-events per person", "ns per person", "fewer events", "less time", "ns per event left out"]
    ]
    for name, options in named.items():
        if options in rows.index:
            fewer, less = all_events - events[options], all_time - times[options]
            line = [f"{fewer / all_events:.1%}", f"{less / all_time:.1%}", number(less / fewer) if fewer > 0 else "-"]
            lines.append(
                [name, number(events[options]), number(times[options]), *(line if name != "nothing" else [""] * 3)]
            )
    return markdown(lines)


def limits_part(table: pd.DataFrame) -> str:
    lines = [["millions a second, by the CPU time of the slower thread", *table.columns]]
    lines += [[str(name), *(number(v) for v in row)] for name, row in zip(table.index, table.to_numpy(), strict=True)]
    return markdown(lines)


def page(data: Data, told: dict[str, Any]) -> str:
    """The generated part of the page."""
    table, limits = make_table(data), limits_table(data)
    loads = ", ".join(f"{load:g}" for load in told["loads"])
    cut = f"; rehearsal with small sizes ({told['command']})" if told.get("quick") else ""
    return (Path(__file__).with_name("performance.md.in").read_text(encoding="utf-8")).format(
        **{name: told[name] for name in ("command", "date", "machine", "versions", "rounds", "limit")},
        cut=cut,
        commit=told["commit"] or "unknown",
        loads=loads,
        degree=MEAN_DEGREE,
        most=MOST,
        seeds=SEEDS,
        followers=FOLLOWERS,
        false_alarms=1 / LEVEL,
        look=contract.LOOK_MINUTES,
        infected=contract.INFECTED_MINUTES,
        transmissibility=contract.TRANSMISSIBILITY,
        posts=contract.POSTS_PER_DAY,
        attention=contract.ATTENTION,
        **{f"{part}_title": TITLES[part] for part in CONTAGIONS},
        **{part: contagion_part(table, part) for part in CONTAGIONS},
        summary=summary(table),
        night=night_part(table),
        growth=growth_part(table),
        left_out=left_out_part(table),
        posts_people=int(table.loc[table["part"] == LEFT_OUT, "people"].max())
        if (table["part"] == LEFT_OUT).any()
        else 0,
        limits=limits_part(limits),
    )


def console(data: Data) -> str:
    """The same table for the terminal."""
    table = make_table(data)
    lines = [["part", "engine", "people", "options", "changes", "build s", "CPU s", "per CPU-s", "bytes/person", "x slower",
              "outcome or reason"]]  # fmt: skip
    for row in table.itertuples():
        lines.append([
            row.part, row.engine, f"{row.people:,}", row.options, number(row.changes), number(row.build_seconds),
            number(row.cpu_seconds), number(row.changes_per_cpu_second), number(row.bytes_per_person),
            number(row.times_slower), row.agreement or ("" if row.rounds else row.note),
        ])  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def draw(table: pd.DataFrame) -> Figure:
    """CPU time against people on logarithmic axes, with the fitted line."""
    from matplotlib.figure import Figure

    from sim.study.figures.style import readable, styled

    @styled
    def drawn() -> Figure:
        nights = by_size(table)
        people, cpu = nights["people"].to_numpy(float), nights["cpu_seconds"].to_numpy(float)
        figure = Figure(figsize=(4.2, 3.0), layout="constrained")
        ax = figure.add_subplot()
        bars = [cpu - nights["cpu_seconds_low"], nights["cpu_seconds_high"] - cpu]
        ax.errorbar(
            people, cpu, yerr=bars, fmt="o", color="#0072B2", capsize=2, label="medians; whiskers: lowest, highest"
        )
        if len(people) > 1:
            fit = growth(people.tolist(), cpu.tolist())
            error = "" if math.isnan(fit.error) else f" ± {fit.error:.3f}"
            ax.plot(people, fit.factor * people**fit.exponent, color="0.4", linewidth=0.9, zorder=1,
                    label=f"power law, exponent {fit.exponent:.3f}{error} (s.e.)")  # fmt: skip
        ax.set_xscale("log")
        ax.set_yscale("log")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(lambda value, _: readable(value))
        ax.set_xlabel("simulated people")
        ax.set_ylabel("CPU time of a throttled night (s)")
        ax.legend(loc="upper left")
        ax.grid(color="0.93", linewidth=0.5)
        ax.set_axisbelow(True)
        return figure

    return drawn()


def machine() -> str:
    """The machine in words, without its name."""
    model, memory = "", 0
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = os.cpu_count()
    model = model or platform.processor() or platform.machine()
    return f"{cores} core{'s' if cores != 1 else ''} ({model}), {memory / 1e9:.0f} GB of memory, {platform.system()}"


def circumstances(told: dict[str, Any]) -> dict[str, Any]:
    """When, where and with what it was measured."""
    import datetime

    from sim.study.writing import git_commit

    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "simpy"))
    return told | {
        "command": "make bench" + (f' ARGS="{told["arguments"]}"' if told.get("arguments") else ""),
        "date": datetime.date.today().isoformat(), "machine": machine(), "commit": git_commit(),
        "versions": f"Python {platform.python_version()}, {versions}",
    }  # fmt: skip


def kept(path: Path) -> str:
    """What a person wrote below the mark of a page that is there; else empty sections."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return text.split(BY_HAND, 1)[1] if BY_HAND in text else EMPTY


def write(folder: Path, data: Data, told: dict[str, Any], docs: Path | None) -> str:
    """Write table and measurements to the folder and, unless docs is None, page and figure there; return the text table."""
    from sim.study.whole import write_whole
    from sim.study.writing import write_table

    told = circumstances(told) if "machine" not in told else told
    with write_whole(folder / "bench.json") as temporary:
        temporary.write_text(json.dumps({"told": told, "rows": list(data)}, indent=1), encoding="utf-8")
    write_table(folder / "bench.parquet", make_table(data))
    place = folder if docs is None else docs
    path = place / "performance.md"
    with write_whole(path) as temporary:
        temporary.write_text(f"{page(data, told)}\n{BY_HAND}{kept(path)}", encoding="utf-8")
    with write_whole(place / "figures" / "cost.png") as temporary:
        draw(make_table(data)).savefig(temporary, dpi=200, metadata={"Software": None})
    files = [folder / "bench.parquet", folder / "bench.json", path if docs is None else "docs/performance.md"]
    return f"{console(data)}\n\n{', '.join(map(str, files))}"


if __name__ == "__main__":
    from experiments.bench.measuring import FOLDER, ROOT

    read = json.loads((FOLDER / "bench.json").read_text(encoding="utf-8"))
    print(write(FOLDER, read["rows"], read["told"], ROOT / "docs"))
    sys.exit(0)
