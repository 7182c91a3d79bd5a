// Draws the last 15 minutes of a pool. What is drawn comes from /api/v1/pools/{pool}/history, which keeps a second per
// point; the page asks for what is new every two seconds, and for nothing while nobody looks.
(() => {
  "use strict";
  const card = document.getElementById("charts-of");
  if (!card || !window.uPlot) return;
  const span = 900;
  const grid = card.querySelector(".chart-grid");
  const said = card.querySelector(".chart-note");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = (v) => (v === null || v === undefined ? "–" : v >= 100 ? Math.round(v).toLocaleString("en") : String(Math.round(v * 10) / 10));
  const line = (label, column, stroke, more) => ({ label, column, stroke, ...more });

  // Each panel has lines; those of a column that is nothing throughout are left out.
  const panels = [
    { title: "Requests per second", lines: [line("requests", "requests", "--accent"), line("errors", "errors", "--bad-fill")] },
    { title: "In flight, of capacity", lines: [line("in flight", "in_flight", "--accent"), line("capacity", "capacity", "--muted", { dash: [6, 4], optional: true })] },
    { title: "Latency, milliseconds", lines: [line("p50", "p50_ms", "--good-fill"), line("p95", "p95_ms", "--warn-fill"), line("p99", "p99_ms", "--bad-fill")] },
    { title: "Replicas", lines: [line("ready", "ready", "--good-fill"), line("wanted", "desired", "--muted", { dash: [6, 4] }), line("starting", "starting", "--info"), line("warm", "warm", "--warn-fill", { optional: true })], step: true },
    { title: "Waiting for a backend", lines: [line("waiting", "queued", "--accent"), line("held per second", "held", "--warn-fill")] },
  ];
  const columns = [...new Set(panels.flatMap((p) => p.lines.map((l) => l.column)))];
  const data = { time: [], decisions: [] };
  columns.forEach((c) => (data[c] = []));
  const plots = [];

  // Decisions are marks on all panels; their words are in the list below the charts.
  const marks = (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.lineWidth = 1;
    for (const d of data.decisions) {
      const x = Math.round(u.valToPos(d.time / 1000, "x", true)) + 0.5;
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = ctx.fillStyle = colour(d.action === "scale-out" ? "--info" : d.action === "scale-in" ? "--muted" : "--warn-fill");
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.globalAlpha = 0.45;
      ctx.stroke();
      ctx.globalAlpha = 1;
      ctx.beginPath();
      ctx.arc(x, bbox.top + 3, 3, 0, 7);
      ctx.fill();
    }
    ctx.restore();
  };

  // The decision nearest to the cursor is told above the charts.
  const nearest = (u) => {
    const at = u.cursor.left >= 0 ? u.posToVal(u.cursor.left, "x") * 1000 : NaN;
    let best = null;
    for (const d of data.decisions) if (Math.abs(d.time - at) < 8000 && (!best || Math.abs(d.time - at) < Math.abs(best.time - at))) best = d;
    said.textContent = best ? `${new Date(best.time).toISOString().slice(11, 19)} UTC: ${best.from} → ${best.to}: ${best.reason}` : said.dataset.hint;
  };

  const make = (panel) => {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = panel.title;
    figure.append(caption);
    grid.append(figure);
    const lines = panel.lines.filter((l) => !l.optional || data[l.column].some((v) => v > 0));
    const u = new uPlot({
      width: Math.max(figure.clientWidth, 200),
      height: 150,
      cursor: { sync: { key: "pool" }, points: { size: 6 }, drag: { x: false, y: false } },
      scales: { x: { time: true }, y: { range: (u, min, max) => [0, max > 0 ? max * 1.1 : 1] } },
      axes: [
        { stroke: () => colour("--muted"), grid: { show: false }, ticks: { show: false }, size: 24, font: "11px system-ui, sans-serif", values: (u, all, i, space, step) => all.map((s) => new Date(s * 1000).toISOString().slice(11, step < 60 ? 19 : 16)) },
        { stroke: () => colour("--muted"), grid: { stroke: () => colour("--line-soft"), width: 1 }, ticks: { show: false }, size: 46, font: "11px system-ui, sans-serif", values: (u, all) => all.map(number) },
      ],
      series: [
        { label: "UTC", value: (u, s) => (s === null ? "" : new Date(s * 1000).toISOString().slice(11, 19)) },
        ...lines.map((l) => ({ label: l.label, stroke: () => colour(l.stroke), width: 1.5, dash: l.dash, points: { show: false }, spanGaps: false, paths: panel.step ? uPlot.paths.stepped({ align: 1 }) : undefined, value: (u, v) => number(v) })),
      ],
      hooks: { draw: [marks], setCursor: [nearest] },
    }, [[], ...lines.map(() => [])], figure);
    plots.push({ u, lines, figure });
  };

  const draw = () => {
    if (plots.length === 0) panels.forEach(make);
    const x = data.time.map((t) => t / 1000);
    for (const p of plots) {
      p.u.setData([x, ...p.lines.map((l) => data[l.column])]);
      // Without a cursor the newest is told.
      if (!(p.u.cursor.left >= 0)) p.u.setLegend({ idx: x.length - 1 });
      const last = p.lines.map((l) => `${l.label} ${number(data[l.column].at(-1))}`).join(", ");
      p.figure.setAttribute("aria-label", `${p.figure.firstChild.textContent}: now ${last}`);
    }
  };

  const take = (fresh) => {
    data.time.push(...fresh.time);
    columns.forEach((c) => data[c].push(...fresh[c]));
    data.decisions.push(...fresh.decisions);
    const extra = data.time.length - span;
    if (extra > 0) {
      data.time.splice(0, extra);
      columns.forEach((c) => data[c].splice(0, extra));
      data.decisions = data.decisions.filter((d) => d.time >= data.time[0]);
    }
  };

  let asking = false;
  const ask = async () => {
    if (asking || document.hidden) return;
    asking = true;
    try {
      const since = data.time.at(-1);
      const answer = await fetch(card.dataset.history + (since ? `?since=${since}` : ""));
      if (!answer.ok) return;
      const fresh = await answer.json();
      if (fresh.time.length === 0) return;
      take(fresh);
      draw();
      card.classList.add("is-drawn");
    } catch {
      // The page says that nothing answers; this asks again.
    } finally {
      asking = false;
    }
  };

  said.textContent = said.dataset.hint;
  new ResizeObserver(() => plots.forEach((p) => p.u.setSize({ width: Math.max(p.figure.clientWidth, 200), height: 150 }))).observe(grid);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach((p) => p.u.redraw()));
  document.addEventListener("visibilitychange", ask);
  setInterval(ask, 2000);
  ask();
})();
