// Colours that colour-blind people can tell apart (Okabe and Ito), each with a shape of its own.
"use strict";
(function () {
  const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "wye", "ring"];
  const MOST = SHAPES.length;

  const PATHS = {
    circle: d3.symbolCircle, square: d3.symbolSquare, triangle: d3.symbolTriangle,
    diamond: d3.symbolDiamond, cross: d3.symbolCross, wye: d3.symbolWye, ring: d3.symbolCircle,
  };

  function cssColour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function rgb(colour) {
    const { r, g, b } = d3.rgb(colour);
    return [r, g, b];
  }

  function icon(colour, shape, size = 12) {
    const svg = d3.create("svg").attr("width", size).attr("height", size)
      .attr("viewBox", "-7 -7 14 14").attr("aria-hidden", "true");
    const path = svg.append("path").attr("d", d3.symbol(PATHS[shape], shape === "circle" ? 110 : 90)());
    if (shape === "ring") path.attr("fill", "none").attr("stroke", colour).attr("stroke-width", 2.5);
    else path.attr("fill", colour);
    return svg.node();
  }

  function counted(codes, size) {
    const counts = new Array(size).fill(0);
    for (let i = 0; i < codes.length; i++) counts[codes[i]]++;
    return counts;
  }

  // Groups by name; beyond the colours there are, the smaller groups share one.
  function grouped(codes, names) {
    const counts = counted(codes, names.length);
    const largest = names.map((_, i) => i).sort((a, b) => counts[b] - counts[a]);
    const own = names.length <= MOST ? names.map((_, i) => i) : largest.slice(0, MOST - 1).sort((a, b) => a - b);
    const place = new Uint8Array(names.length).fill(own.length);
    own.forEach((code, i) => { place[code] = i; });
    const entries = own.map((code, i) => ({ name: names[code], colour: cssColour(`--c${i}`), shape: SHAPES[i], count: counts[code] }));
    if (names.length > own.length) {
      const count = d3.sum(names, (_, i) => (own.includes(i) ? 0 : counts[i]));
      entries.push({ name: `${names.length - own.length} others`, colour: cssColour("--rest"), shape: "ring", count });
    }
    return { codes: replaced(codes, place), entries };
  }

  function replaced(codes, table) {
    const result = new Uint8Array(codes.length);
    for (let i = 0; i < codes.length; i++) result[i] = table[codes[i]];
    return result;
  }

  // From never right (orange) to always right (blue).
  function byCorrectness(map) {
    const steps = map.about.right;
    const shown = Math.min(steps, 20);
    const scale = d3.piecewise(d3.interpolateLab, [cssColour("--c3"), cssColour("--rest"), cssColour("--c0")]);
    const codes = replaced(map.arrays.correctness, d3.range(256).map((right) => Math.round((right / steps) * shown)));
    const counts = counted(codes, shown + 1);
    const entries = counts.map((count, i) => ({
      name: shown === steps ? `${i}/${steps} right` : `${Math.round((100 * i) / shown)}% right`,
      colour: scale(i / shown), count,
      shape: i === 0 ? "triangle" : i === shown ? "circle" : "diamond",
    }));
    return { codes, entries };
  }

  function colourings(map) {
    const all = [
      { key: "correctness", name: "correctness", make: () => byCorrectness(map) },
      ...(map.hasLabels ? [{ key: "label", name: map.dataset.groupedBy, make: () => grouped(map.labels, map.dataset.labels) }] : []),
      { key: "region", name: "region", make: () => grouped(map.arrays.region, map.dataset.regions) },
    ];
    if (map.hasSelection) {
      all.push({ key: "selected", name: "selection", make: () => grouped(map.arrays.selected, ["not selected", "selected"]) });
    }
    map.slices.forEach((slice, i) =>
      all.push({ key: `slice${i}`, name: slice.name, make: () => grouped(slice.codes, slice.values) }));
    return all;
  }

  Object.assign(ftft, { SHAPES, PATHS, cssColour, rgb, icon, colourings });
})();
