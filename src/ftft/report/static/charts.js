// The charts, drawn with Observable Plot.
"use strict";
(function () {
  const percent = (share) => `${(share * 100).toFixed(0)}%`;
  const LOOK = { background: "none", fontSize: "12px", overflow: "visible" };
  // Colour and shape of a method are the same in every chart.

  function style(methods) {
    return {
      color: { domain: methods, range: ftft.charts.looks.map(([colour]) => `var(${colour})`) },
      symbol: { domain: methods, range: ftft.charts.looks.map(([, symbol]) => symbol) },
    };
  }

  function legend(methods) {
    const list = document.createElement("p");
    list.className = "key";
    for (const method of methods) {
      list.append(swatch(method, ftft.charts.methods), ` ${method}\u2003`);
    }
    return list;
  }

  function swatch(method, methods) {
    const [colour, symbol] = ftft.charts.looks[methods.indexOf(method)];
    const kind = d3[`symbol${symbol[0].toUpperCase()}${symbol.slice(1)}`];
    const svg = d3.create("svg").attr("width", 14).attr("height", 14).attr("viewBox", "-7 -7 14 14").attr("aria-hidden", "true");
    svg.append("path").attr("d", d3.symbol(kind, 80)()).attr("fill", `var(${colour})`);
    return svg.node();
  }

  // What no other mean beats in both cost and score.
  function frontier(means) {
    let best = -Infinity;
    return [...means].sort((a, b) => a.cost - b.cost || b.score - a.score)
      .filter((one) => (one.score > best ? ((best = one.score), true) : false));
  }

  // Of more runs than these, names would cover each other: numbers stand beside the marks, and a
  // list below has their names and shows one or some of them alone.
  const MOST_NAMED = 4;
  const RUN_COLOURS = 8;
  const alone = new Set();

  function runLook(i) {
    return { colour: `var(--c${i % RUN_COLOURS})`, hollow: Math.floor(i / RUN_COLOURS) % 2 === 1 };
  }

  function runList(runs, redraw) {
    const list = document.createElement("p");
    list.className = "key runs";
    list.setAttribute("role", "group");
    list.setAttribute("aria-label", "Show single runs");
    runs.forEach((run, i) => {
      const { colour, hollow } = runLook(i);
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(alone.has(run)));
      const svg = d3.create("svg").attr("width", 14).attr("height", 14).attr("viewBox", "-8 -8 16 16").attr("aria-hidden", "true");
      svg.append("path").attr("d", d3.symbol(d3.symbolStar, 80)()).attr("fill", hollow ? "none" : colour).attr("stroke", colour).attr("stroke-width", 1.5);
      button.append(svg.node(), ` ${i + 1} ${run}`);
      button.addEventListener("click", () => {
        if (!alone.delete(run)) alone.add(run);
        redraw(i);
      });
      list.append(button);
    });
    return list;
  }

  function pareto(width, { costAndScores: every, methods, runs, metric }) {
    const several = runs.length > 1, many = runs.length > MOST_NAMED;
    const isShown = (one) => !alone.size || alone.has(one.run);
    const found = { ...every, means: every.means.filter(isShown), seeds: every.seeds.filter(isShown) };
    const own = (one) => many && one.method === "FTFT";
    const look = (one) => runLook(runs.indexOf(one.run));
    const what = found.ood.every(Boolean) ? "OOD" : found.ood.some(Boolean) ? "OOD (else ID)" : "ID";
    const caption = (one) => `${several ? `${one.run}\n` : ""}${one.method}${one.seed !== undefined ? `\nseed ${one.seed}` : one.count > 1 ? `\nmean of ${one.count}` : ""}\n${what} ${(one.score * 100).toFixed(1)}%\ncost ${percent(one.cost)} of ERM's`;
    const score = (one) => one.score * 100;
    const name = (one) => (own(one) ? String(runs.indexOf(one.run) + 1) : several && !many ? `${one.method} · ${one.run}` : one.method);
    const others = (all) => all.filter((one) => !own(one)), ftfts = (all) => all.filter(own);
    const tinted = { stroke: (one) => look(one).colour };
    const chart = Plot.plot({
      width, height: Math.max(300, Math.min(400, width * 0.72)), marginLeft: 46, marginBottom: 42, marginRight: 24, marginTop: 28,
      style: LOOK, ...style(methods),
      x: { label: "cost against ERM, in FLOPs →", tickFormat: percent, zero: true, nice: true, ticks: Math.max(3, width / 90) },
      y: { label: `↑ ${what} ${metric}, %`, nice: true, ticks: 6 },
      ariaLabel: `Cost against ${what} score of all methods and seeds`,
      marks: [
        Plot.gridY({ stroke: "var(--line)", strokeOpacity: 0.7 }),
        Plot.ruleX([1], { stroke: "var(--line)", strokeWidth: 1.5 }),
        Plot.line(frontier(found.means), { className: "frontier", x: "cost", y: score, stroke: "var(--soft)", strokeDasharray: "5,4" }),
        Plot.ruleX(others(found.means).filter((one) => one.low !== null), { x: "cost", y1: (one) => one.low * 100, y2: (one) => one.high * 100, stroke: "method", clip: true }),
        Plot.dot(others(found.seeds), { x: "cost", y: score, symbol: "method", stroke: "method", r: 3, strokeOpacity: 0.7 }),
        Plot.dot(others(found.means), { x: "cost", y: score, symbol: "method", fill: "method", r: 7, stroke: "var(--paper)" }),
        // Colours of runs are no methods, so that their scale does not count.
        Plot.ruleX(ftfts(found.means).filter((one) => one.low !== null), { x: "cost", y1: (one) => one.low * 100, y2: (one) => one.high * 100, stroke: { value: tinted.stroke, scale: null }, clip: true }),
        Plot.dot(ftfts(found.seeds), { x: "cost", y: score, symbol: "method", stroke: { value: tinted.stroke, scale: null }, r: 3, strokeOpacity: 0.7 }),
        Plot.dot(ftfts(found.means), { x: "cost", y: score, symbol: "method", fill: { value: (one) => (look(one).hollow ? "var(--paper)" : look(one).colour), scale: null }, r: 7, stroke: { value: tinted.stroke, scale: null }, strokeWidth: 1.5 }),
        Plot.tip([...found.means, ...found.seeds], Plot.pointer({ x: "cost", y: score, title: caption, fill: "var(--paper)", stroke: "var(--line)" })),
      ],
    });
    const x = chart.scale("x"), y = chart.scale("y");
    const marks = found.means.map((one) => ({ name: name(one), x: x.apply(one.cost), y: y.apply(score(one)) }));
    // What several runs share is named once.
    const named = marks.filter((mark, i) => marks.findIndex((one) => one.name === mark.name && Math.hypot(one.x - mark.x, one.y - mark.y) < 12) === i);
    writeNames(d3.select(chart), many ? named : marks, [y.range[1] - 16, width - 2, y.range[0], x.range[0] + 2]);
    if (!many) return chart;
    const box = document.createElement("div");
    box.append(chart, runList(runs, (i) => {
      const element = box.parentElement;
      element.drawnAt = null;
      draw(element);
      element.querySelectorAll(".runs button")[i].focus();
    }));
    return box;
  }

  // Where a name may stand: on either side of its mark, ever farther above and below.
  const PLACES = [-9, 17, -27, 35, -45, 53, -63, 71, -81, 89].flatMap((dy) => [[11, dy], [-11, dy]]);

  function overlap(one, other) {
    const wide = Math.min(one[1], other[1]) - Math.max(one[3], other[3]), tall = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
    return wide > 0 && tall > 0 ? wide * tall : 0;
  }

  // Write the names so that none covers another or a mark, as far as there is room; boxes are top,
  // right, bottom, left. A name that is away from its mark gets a line to it.
  function writeNames(svg, marks, frame) {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const taken = marks.map(({ x, y }) => [y - 8, x + 8, y + 8, x - 8]);
    const group = svg.append("g").attr("class", "names").attr("pointer-events", "none");
    for (const mark of marks) {
      const long = pen.measureText(mark.name).width;
      const places = PLACES.map(([dx, dy], i) => {
        const left = mark.x + dx - (dx < 0 ? long : 0), base = mark.y + dy;
        const box = [base - 11, left + long, base + 4, left];
        // Names that only touch read as one.
        const clear = [box[0] - 2, box[1] + 3, box[2] + 2, box[3] - 3];
        const out = Math.max(0, frame[0] - box[0]) + Math.max(0, box[1] - frame[1]) + Math.max(0, box[2] - frame[2]) + Math.max(0, frame[3] - box[3]);
        return { box, dx, dy, cost: d3.sum(taken, (other) => overlap(clear, other)) + 60 * out + i };
      });
      const best = places[d3.minIndex(places, (place) => place.cost)];
      taken.push(best.box);
      const end = best.dx < 0 ? "end" : "start";
      if (Math.abs(best.dy) > 20) group.append("line").attr("x1", mark.x).attr("y1", mark.y).attr("x2", mark.x + best.dx).attr("y2", mark.y + best.dy - (best.dy > 0 ? 10 : 0)).attr("stroke", "var(--faint)");
      group.append("text").attr("x", mark.x + best.dx).attr("y", mark.y + best.dy).attr("text-anchor", end).attr("fill", "currentColor").attr("stroke", "var(--paper)").attr("stroke-width", 3).attr("paint-order", "stroke").text(mark.name);
    }
  }

  function learning(width, { learning: all, methods, metric }, run) {
    const rows = all[run];
    if (!rows.length) return ftft.element("p", "No development scores were kept.");
    const sets = [...new Set(rows.map((row) => row.sets))];
    const drawn = sets.map((name) => Plot.plot({
      width: Math.floor(width < 700 ? width : (width - 32) / Math.max(2, sets.length)), height: 300,
      marginLeft: 46, marginBottom: 42, marginTop: 28, style: LOOK, ...style(methods),
      x: { label: "cost so far against ERM, in FLOPs →", tickFormat: percent, zero: true, ticks: 5 },
      y: { label: `↑ ${name} development ${metric}, %`, nice: true, ticks: 6 },
      ariaLabel: `${name} development score over cost`,
      marks: [
        Plot.gridY({ stroke: "var(--line)", strokeOpacity: 0.7 }),
        Plot.line(rows.filter((row) => row.sets === name), { x: "cost", y: (row) => row.score * 100, stroke: "method", z: (row) => `${row.method}${row.seed}`, strokeOpacity: 0.85 }),
        Plot.dot(rows.filter((row) => row.sets === name), { x: "cost", y: (row) => row.score * 100, symbol: "method", fill: "method", r: 2.4 }),
        Plot.dot(rows.filter((row) => row.sets === name && row.kept), { x: "cost", y: (row) => row.score * 100, stroke: "method", r: 6.5, strokeWidth: 1.5 }),
        Plot.tip(rows.filter((row) => row.sets === name), Plot.pointer({ x: "cost", y: (row) => row.score * 100, title: (row) => `${row.method}, seed ${row.seed}\nstep ${row.step.toLocaleString("en")}\n${(row.score * 100).toFixed(1)}% at ${percent(row.cost)} of ERM's cost`, fill: "var(--paper)", stroke: "var(--line)" })),
      ],
    }));
    const box = document.createElement("div");
    const line = document.createElement("div");
    line.style.cssText = "display:flex;flex-wrap:wrap;gap:32px";
    line.append(...drawn);
    box.append(legend([...new Set(rows.map((row) => row.method))]), line);
    return box;
  }

  function cost(width, { costParts: all, methods }, run) {
    const rows = all[run];
    const own = methods.filter((method) => rows.some((row) => row.method === method));
    const parts = ["reference", "main", "evaluation"], colours = ["var(--c1)", "var(--c0)", "var(--rest)"];
    const key = document.createElement("p");
    key.className = "key";
    parts.forEach((part, i) => {
      const svg = d3.create("svg").attr("width", 24).attr("height", 10).attr("aria-hidden", "true");
      svg.append("rect").attr("width", 24).attr("height", 10).attr("fill", colours[i]);
      key.append(svg.node(), ` ${part === "main" ? "main model" : part}\u2003`);
    });
    const box = document.createElement("div");
    const line = document.createElement("div");
    line.style.cssText = "display:flex;flex-wrap:wrap;gap:32px";
    const each = Math.floor(width < 700 ? width : (width - 32) / 2);
    for (const [unit, title] of [["flops", "FLOPs"], ["seconds", "seconds"]]) {
      const of = rows.filter((row) => row.unit === unit);
      const totals = d3.rollups(of, (ones) => d3.sum(ones, (one) => one.share), (one) => one.method).map(([method, share]) => ({ method, share }));
      line.append(Plot.plot({
        width: each, height: 60 + own.length * 34, marginLeft: 130, marginRight: 44, marginBottom: 40, marginTop: 10, style: LOOK,
        color: { domain: parts, range: colours },
        x: { label: `${title} against ERM →`, tickFormat: percent, ticks: Math.max(2, Math.floor((each - 174) / 60)), domain: [0, Math.max(1, d3.max(totals, (one) => one.share)) * 1.02] }, y: { domain: own, label: null, tickSize: 0 },
        ariaLabel: `Cost in ${title} by part`,
        marks: [
          Plot.gridX({ stroke: "var(--line)", strokeOpacity: 0.7 }),
          Plot.barX(of, { x: "share", y: "method", fill: "part", order: parts, insetTop: 3, insetBottom: 3 }),
          Plot.ruleX([1], { stroke: "var(--faint)", strokeDasharray: "2,3" }),
          Plot.text(totals, { x: "share", y: "method", text: (one) => percent(one.share), dx: 6, textAnchor: "start" }),
          Plot.tip(of, Plot.pointer(Plot.stackX({ x: "share", y: "method", z: "part", order: parts, title: (one) => `${one.method}\n${one.part} ${(one.share * 100).toFixed(1)}% of ERM's ${title}`, fill: "var(--paper)", stroke: "var(--line)" }))),
        ],
      }));
    }
    box.append(key, line);
    return box;
  }

  const MOST_SLICES = 60;

  function slices(width, { slices: all, methods, metric }, run) {
    const rows = all[run].slice(0, MOST_SLICES);
    const name = (row) => `${row.value || "(none)"}  ${row.examples.toLocaleString("en")}`;
    const flat = rows.flatMap((row) => Object.entries(row.scores).map(([method, score]) => ({ row: `${row.set}\u0000${row.column}\u0000${name(row)}`, set: row.set, column: row.column, label: name(row), method, score: score * 100 })));
    const groups = d3.groups(flat, (one) => `${one.set}: ${one.column}`);
    const box = document.createElement("div");
    box.append(legend(methods.filter((method) => flat.some((one) => one.method === method))));
    for (const [title, ones] of groups) {
      const labels = [...new Set(ones.map((one) => one.label))];
      const longest = d3.max(labels, (label) => label.length);
      box.append(ftft.element("h4", title));
      box.append(Plot.plot({
        width: Math.min(width, 900), height: 50 + labels.length * 26, marginLeft: Math.min(width * 0.42, 16 + longest * 7), marginBottom: 38, marginTop: 4, style: LOOK, ...style(methods),
        x: { label: `${metric}, % →`, nice: true, grid: false }, y: { domain: labels, label: null, tickSize: 0, tickFormat: (label) => (label.length > 40 ? `${label.slice(0, 39)}…` : label) },
        ariaLabel: `Scores by ${title}`,
        marks: [
          Plot.gridX({ stroke: "var(--line)", strokeOpacity: 0.7 }),
          Plot.ruleY(ones, Plot.groupY({ x1: "min", x2: "max" }, { y: "label", x1: "score", x2: "score", stroke: "var(--line)" })),
          Plot.dot(ones, { x: "score", y: "label", symbol: "method", fill: "method", r: 4.5 }),
          Plot.tip(ones, Plot.pointer({ x: "score", y: "label", title: (one) => `${one.method}\n${one.score.toFixed(1)}%`, fill: "var(--paper)", stroke: "var(--line)" })),
        ],
      }));
    }
    return box;
  }

  const KINDS = { pareto, learning, cost, slices };

  function draw(element) {
    const width = Math.floor(element.getBoundingClientRect().width);
    if (!width || element.drawnAt === width) return;
    element.drawnAt = width;
    element.replaceChildren(KINDS[element.dataset.chart](width, ftft.charts, Number(element.dataset.run)));
  }

  Object.assign(ftft, { draw, swatch });
})();
