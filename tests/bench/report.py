"""From samples to a table that can be read."""

import statistics

# (case, metric): what it is called, unit, which is better, and berth's targets (design.md, section 6): how many times
# better than each peer (a floor's 0.5: at most twice the floor), and "at most", for berth alone.
METRICS = {
    ("run", "bridge"): ("run --rm true, bridge", "s", {"docker": 15, "podman": 10, "nspawn": 1.5, "floor": 0.5}, None),
    ("run-none", "none"): ("run --rm true, none", "s", {"docker": 15, "podman": 10, "nspawn": 1.5, "floor": 0.5}, None),
    ("exec", "true"): ("exec true", "s", {"docker": 10, "podman": 10}, None),
    ("life", "create"): ("create", "s", {}, None),
    ("life", "start"): ("start", "s", {}, None),
    ("life", "stop"): ("stop -t0", "s", {}, None),
    ("life", "rm"): ("rm", "s", {}, None),
    ("many", "start"): ("start all, 8 at a time", "s", {}, None),
    ("many", "rate"): ("  a second", "rate", {}, None),
    ("many", "memory-idle"): ("memory, no container", "B", {}, None),
    ("many", "memory-all"): ("memory, with all", "B", {"docker": 10}, None),
    ("many", "memory-manager"): ("  of that the manager", "B", {"docker": 10}, 10 * 1024 * 1024),
    ("many", "memory-each"): ("  beside each container", "B", {}, 400 * 1024),
    ("many", "list"): ("list, with all", "s", {"docker": 5}, None),
    ("many", "restart"): ("restart of the manager", "s", {}, 0.2),
    ("many", "restart-left"): ("  containers that survive", "n", {}, None),
    ("list", "all"): ("list -a, many stopped", "s", {"docker": 5}, None),
    ("pull", "pull"): ("pull and unpack", "s", {"docker": 2, "podman": 2}, None),
    ("push", "pulled"): ("push of what was pulled", "s", {"docker": 2, "podman": 2}, None),
    ("push", "loaded"): ("push of what was loaded", "s", {"docker": 2, "podman": 2}, None),
    ("log", "time"): ("log lines, until the end", "s", {}, None),
    ("log", "kept-logs"): ("  lines kept, by its logs", "n", {}, None),
    ("log", "kept-journal"): ("  lines kept, in the journal", "n", {}, None),
}
PEERS = ("berth", "docker", "podman", "nspawn", "floor")


def show(value, unit):
    if unit == "s":
        return f"{value:.2f} s" if value >= 10 else f"{value * 1000:.0f} ms" if value >= 0.1 else f"{value * 1000:.1f} ms"
    if unit == "B":
        return f"{value / 1048576:.1f} MiB" if value >= 1048576 else f"{value / 1024:.0f} KiB"
    return f"{value:.1f}" if unit == "rate" else f"{value:.0f}"


def median(samples):
    return statistics.median(samples) if samples else None


def summarize(samples):
    """{case: {metric: {peer: {"median", "minimum", "maximum", "samples", "ratio", "target", "reached"}}}}"""
    summary = {}
    for (case, metric), by_peer in samples.items():
        _title, _unit, targets, at_most = METRICS[case, metric]
        ours = median(by_peer.get("berth"))
        entry = summary.setdefault(case, {}).setdefault(metric, {})
        for peer, values in by_peer.items():
            one = entry[peer] = {"median": median(values), "minimum": min(values), "maximum": max(values),
                                 "samples": values}
            if peer == "berth" and at_most is not None:
                one.update(target=at_most, reached=ours <= at_most)
            elif peer != "berth" and ours:
                one["ratio"] = one["median"] / ours
                if peer in targets:
                    one.update(target=targets[peer], reached=one["ratio"] >= targets[peer])
    return summary


def cell(entry, unit):
    if not entry:
        return "–"
    text = show(entry["median"], unit)
    if "ratio" in entry and unit != "n" and unit != "rate":
        text += f" {entry['ratio']:.3g}×"
    if "reached" in entry:
        text += " ✓" if entry["reached"] else " ✗"
    return text


def table(summary, failures):
    rows = [("", *PEERS)]
    for (case, metric), (title, unit, _targets, _at_most) in METRICS.items():
        entry = summary.get(case, {}).get(metric)
        if entry:
            rows.append((title, *(cell(entry.get(peer), unit) for peer in PEERS)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = (text.rjust(width) for text, width in zip(row[1:], widths[1:]))
        lines.append("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())
    lines += ["", "Medians. N×: the peer's figure in terms of berth's; ✓ and ✗: against the target, where there is one:"]
    for (case, metric), (title, unit, targets, at_most) in METRICS.items():
        for peer, entry in summary.get(case, {}).get(metric, {}).items():
            if entry.get("reached") is False:
                wanted = f"at most {show(at_most, unit)}" if peer == "berth" else f"{targets[peer]:g}× of {peer}'s"
                actual = show(entry["median"], unit) if peer == "berth" else f"{entry['ratio']:.3g}×"
                lines.append(f"  missed: {title.strip()}: {actual} instead of {wanted}")
    lines += [f"  failed: {peer}: {what}: {why}" for peer, what, why in failures]
    return "\n".join(lines)
