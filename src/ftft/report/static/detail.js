// One example in full: texts, every statistic, and its probability over the epochs.
"use strict";
(function () {
  function curve(map, i) {
    const points = map.about.points.map((epoch, place) => ({ epoch, probability: map.curve(i)[place], left: place < map.about.burnIn }));
    return Plot.plot({
      width: 300, height: 160, marginLeft: 40, marginBottom: 34, marginTop: 28,
      style: { background: "none", fontSize: "11px" },
      x: { label: "epoch", ticks: points.length <= 8 ? points.map((p) => p.epoch) : 6, tickFormat: "~g" },
      y: { domain: [0, 1], label: "probability of the right answer", ticks: 3 },
      marks: [
        Plot.ruleY([0, 1], { stroke: "var(--line)" }),
        Plot.line(points, { x: "epoch", y: "probability", stroke: "var(--c0)" }),
        Plot.dot(points, { x: "epoch", y: "probability", r: 3, fill: (p) => (p.left ? "var(--paper)" : "var(--c0)"), stroke: "var(--c0)" }),
      ],
    });
  }

  ftft.detail = (map, i, id, texts) => {
    const whole = document.createElement("div");
    whole.append(...texts.filter(Boolean).map((text) => ftft.element("p", text, "full")));
    const list = document.createElement("dl");
    const facts = [
      ["id", id], ...(map.hasLabels ? [[map.dataset.groupedBy, map.label(i)]] : []), ["region", map.region(i)],
      ...(map.hasSelection ? [["selected", map.isSelected(i) ? "yes" : "no"]] : []),
      ...map.slices.map((slice) => [slice.name, slice.values[slice.codes[i]]]),
      ...map.statistics.map((one) => [one.name, map.shown(one.key, i)]),
    ];
    for (const [name, value] of facts) {
      const pair = document.createElement("div");
      pair.append(ftft.element("dt", name), ftft.element("dd", value));
      list.append(pair);
    }
    whole.append(list);
    if (map.about.points.length) {
      whole.append(curve(map, i));
      if (map.about.burnIn) whole.append(ftft.element("p", "Open dots: left out of the statistics (burn-in).", "remarks"));
    }
    return whole;
  };
})();
