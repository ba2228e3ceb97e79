# SPDX-License-Identifier: MIT
"""report: the table. A line says what was measured, never more: a row that failed shows why, a floor that was missed is marked."""

import datetime
import json
import os
import platform
import statistics

MARKS = {"aim": "aim met", "floor": "floor met", "miss": "MISSED"}


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def number(x):
    if x >= 1000:
        return f"{x:,.0f}"
    return f"{x:.2f}" if x < 10 else f"{x:.1f}"


def rates(values):
    return number(statistics.median(values)) + " /s"


def verdict(value, floor, aim, less):
    """less: the smaller the better."""
    if less:
        return "aim" if value < aim else "floor" if value < floor else "miss"
    return "aim" if value >= aim else "floor" if value >= floor else "miss"


def ratio_row(key, work, against, ours, theirs, floor, aim, unit, hop=None):
    """Ratios are of one round: both stood on the same machine within the same minute."""
    ratio = spread([a / b for a, b in zip(ours, theirs)])
    shown = " / ".join(f"{ratio[k]:.2f}" for k in ("min", "median", "max"))
    alone = f"{rates(hop)} ({statistics.median(a / h for a, h in zip(ours, hop)):.2f})" if hop else "-"
    return {"key": key, "work": work, "against": against, "ours": ours, "theirs": theirs, "hop": hop, "ratio": ratio, "floor": floor, "aim": aim,
            "verdict": verdict(ratio["median"], floor, aim, False),
            "cells": [rates(ours), rates(theirs), shown, f"{floor:g}{unit}", f"{aim:g}{unit}", alone]}


def value_row(key, work, value, shown, floor, aim, unit, detail):
    return {"key": key, "work": work, "against": "-", "value": value, "detail": detail, "floor": floor, "aim": aim,
            "verdict": verdict(value, floor, aim, True), "cells": [shown, "-", "-", f"under {floor:g} {unit}", f"under {aim:g} {unit}", "-"]}


def failed_row(key, work, against, why):
    return {"key": key, "work": work, "against": against, "verdict": "failed", "why": why, "cells": ["not measured", "-", "-", "-", "-", "-"]}


HEAD = ["work", "against", "taskgate", "the other", "ratio min / median / max", "floor", "aim", "hop alone (ours / hop)", ""]


def lines(rows):
    return [[r["work"], r["against"], *r["cells"], MARKS.get(r["verdict"], "FAILED")] for r in rows]


def text(rows):
    table = [HEAD, *lines(rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEAD))]
    out = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in table]
    out.insert(1, "  ".join("-" * w for w in widths))
    out += [f"{r['work']}: {r['why']}" for r in rows if r["verdict"] == "failed"]
    return "\n".join(out)


def markdown(rows):
    out = ["| " + " | ".join(HEAD[:-1] + ["result"]) + " |", "|" + "---|" * len(HEAD)]
    return "\n".join(out + ["| " + " | ".join(row) + " |" for row in lines(rows)])


def machine():
    model = ""
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as f:
        memory = round(int(f.readline().split()[1]) / 1048576)
    return {"cores": os.cpu_count(), "model": model, "memory_gb": memory, "kernel": platform.release()}


def save(path, rows, options, versions, notes):
    at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    result = {"at": at, "machine": machine(), "options": options, "versions": versions, "notes": notes, "rows": rows}
    with open(path + ".new", "w") as f:
        json.dump(result, f, indent=1)
    os.replace(path + ".new", path)
