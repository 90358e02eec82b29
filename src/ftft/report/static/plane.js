// The plane of the map: axes, moving, zooming, hovering and the lasso.
"use strict";
(function () {
  const LEFT = 46, TOP = 6, RIGHT = 6, BOTTOM = 40;
  const STEPS = 65535;
  const CELLS = 128;
  const NEAR = 14; // pixels
  const FRAME = 30; // milliseconds that drawing may take while the map is moved

  // Points by cell of a grid, to find the nearest one.
  function grid(x, y) {
    const starts = new Uint32Array(CELLS * CELLS + 1);
    const shift = 16 - Math.log2(CELLS);
    const cell = (i) => (y[i] >> shift) * CELLS + (x[i] >> shift);
    for (let i = 0; i < x.length; i++) starts[cell(i) + 1]++;
    for (let c = 0; c < CELLS * CELLS; c++) starts[c + 1] += starts[c];
    const next = starts.slice(), order = new Uint32Array(x.length);
    for (let i = 0; i < x.length; i++) order[next[cell(i)]++] = i;
    return { starts, order, shift };
  }

  // Whether a point is in a polygon: a line to its left crosses the border an odd number of times.
  function contains(xs, ys, x, y) {
    let inside = false;
    for (let i = 0, before = xs.length - 1; i < xs.length; before = i++) {
      if (ys[i] > y !== ys[before] > y && x < ((xs[before] - xs[i]) * (y - ys[i])) / (ys[before] - ys[i]) + xs[i]) inside = !inside;
    }
    return inside;
  }

  class Plane {
    // listeners: hovered(i or -1, x, y), picked(i or -1), chosen(rows, added)
    constructor(element, listeners) {
      this.element = element;
      this.listeners = listeners;
      this.svg = d3.select(element.querySelector("svg"));
      this.lassoing = false;
      this.pointers = new Map();
      this.way = new URLSearchParams(location.hash.slice(1)).get("draw");
      this.connect(element.querySelector("canvas"));
      this.listen();
      new ResizeObserver(() => this.resize()).observe(element);
    }

    connect(given) {
      const { canvas, drawing } = ftft.createDrawing(given, this.way);
      Object.assign(this, { canvas, drawing, took: 0 });
      canvas.addEventListener("webglcontextlost", () => {
        this.way = "pixels";
        this.connect(canvas);
        this.drawing.load(this.x, this.y);
        this.colour(this.coloured);
        this.mark(this.states);
        this.resize();
      });
    }

    show(map) {
      this.map = map;
      this.x = map.arrays.variability;
      this.y = map.arrays.confidence;
      this.high = { x: map.about.scales.variability[1], y: 1 };
      this.cells = null;
      this.drawing.load(this.x, this.y);
      this.whole();
    }

    colour(coloured) {
      this.coloured = coloured;
      const shapes = coloured.entries.map((entry) => ftft.SHAPES.indexOf(entry.shape));
      this.drawing.colour(coloured.codes, coloured.entries.map((entry) => ftft.rgb(entry.colour)), shapes);
      this.later();
    }

    mark(states) {
      this.states = states;
      this.drawing.mark(states);
      this.later();
    }

    whole() {
      const edge = STEPS * 0.025;
      this.view = { x0: -edge, x1: STEPS + edge, y0: -edge, y1: STEPS + edge };
      this.later();
    }

    // The shown points alone: a map may be a speck in the plane.
    fit() {
      const shown = d3.range(this.map.size).filter((i) => this.states[i] !== 0);
      if (!shown.length) return;
      const around = (values) => {
        const [low, high] = d3.extent(shown, (i) => values[i]), edge = Math.max((high - low) * 0.04, STEPS / 500);
        return [low - edge, high + edge];
      };
      const [x0, x1] = around(this.x), [y0, y1] = around(this.y);
      this.view = { x0, x1, y0, y1 };
      this.later();
    }

    resize() {
      const { width, height } = this.element.getBoundingClientRect();
      if (!width || !height) return;
      this.width = Math.max(40, width - LEFT - RIGHT);
      this.height = Math.max(40, height - TOP - BOTTOM);
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      this.ratio = ratio;
      this.canvas.width = Math.round(this.width * ratio);
      this.canvas.height = Math.round(this.height * ratio);
      this.canvas.style.width = `${this.width}px`;
      this.canvas.style.height = `${this.height}px`;
      this.later();
    }

    // Draw in the next frame: a part while it moves, where all would take too long; all afterwards.
    later(moving = false) {
      clearTimeout(this.settling);
      if (moving) this.settling = setTimeout(() => { this.moving = false; this.later(); }, 140);
      this.moving = moving || (this.moving && this.frame !== null);
      this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); });
    }

    // The share of the points that keeps up with the movement: by what drawing took, and by how
    // far frames were apart.
    pace(now) {
      const apart = now - this.drewAt;
      if (!this.moving) return 1;
      if (this.share === 1) this.share = Math.min(1, FRAME / this.took);
      else if (apart > 1.6 * FRAME && apart < 500) this.share *= 0.7;
      else if (apart < FRAME) this.share = Math.min(1, this.share * 1.1);
      return Math.max(0.02, this.share);
    }

    draw() {
      if (!this.width || !this.states || !this.coloured) return;
      const start = performance.now();
      const total = this.map.size;
      this.share = this.pace(start);
      const zoom = STEPS / (this.view.x1 - this.view.x0);
      const size = d3.scaleLog().domain([1e3, 4e5]).range([7, 2.2]).clamp(true)(total);
      this.drawing.draw({
        ...this.view,
        size: Math.min(11, size * Math.max(1, Math.sqrt(zoom))) * this.ratio,
        alpha: d3.scaleLog().domain([1e3, 4e5]).range([0.85, 0.5]).clamp(true)(total),
        faint: 0.12,
      }, Math.max(1, Math.floor(total * this.share)));
      this.drewAt = performance.now();
      if (this.share === 1) this.took = this.drewAt - start;
      this.axes();
      this.listeners.drawn();
    }

    toScreen(i) {
      const { x0, x1, y0, y1 } = this.view;
      return [LEFT + ((this.x[i] - x0) / (x1 - x0)) * this.width, TOP + (1 - (this.y[i] - y0) / (y1 - y0)) * this.height];
    }

    fromScreen(x, y) {
      const { x0, x1, y0, y1 } = this.view;
      return [x0 + ((x - LEFT) / this.width) * (x1 - x0), y0 + (1 - (y - TOP) / this.height) * (y1 - y0)];
    }

    axes() {
      const { x0, x1, y0, y1 } = this.view;
      const x = d3.scaleLinear([x0, x1].map((v) => (v / STEPS) * this.high.x), [LEFT, LEFT + this.width]);
      const y = d3.scaleLinear([y0, y1].map((v) => v / STEPS), [TOP + this.height, TOP]);
      const bottom = TOP + this.height, right = LEFT + this.width;
      const marks = this.svg.selectAll("g.axes").data([0]).join("g").attr("class", "axes");
      marks.selectAll("*").remove();
      marks.append("rect").attr("class", "frame").attr("x", LEFT).attr("y", TOP).attr("width", this.width).attr("height", this.height);
      for (const tick of x.ticks(Math.max(3, this.width / 90))) {
        marks.append("text").attr("class", "axis").attr("x", x(tick)).attr("y", bottom + 15).attr("text-anchor", "middle").text(x.tickFormat(6)(tick));
        marks.append("path").attr("class", "frame").attr("d", `M${x(tick)},${bottom}v4`);
      }
      for (const tick of y.ticks(Math.max(3, this.height / 70))) {
        marks.append("text").attr("class", "axis").attr("x", LEFT - 8).attr("y", y(tick)).attr("dy", ".35em").attr("text-anchor", "end").text(y.tickFormat(6)(tick));
        marks.append("path").attr("class", "frame").attr("d", `M${LEFT},${y(tick)}h-4`);
      }
      marks.append("text").attr("class", "name").attr("x", right).attr("y", bottom + 33).attr("text-anchor", "end").text("variability →");
      marks.append("text").attr("class", "name").attr("transform", `translate(11,${TOP}) rotate(-90)`).attr("text-anchor", "end").text("confidence →");
      const ring = this.svg.selectAll("circle.ring").data(this.ringed >= 0 ? [this.toScreen(this.ringed)] : []);
      ring.join("circle").attr("class", "ring").attr("r", 8).attr("cx", (p) => p[0]).attr("cy", (p) => p[1]);
    }

    ring(i) {
      this.ringed = i;
      if (this.view && this.width) this.axes();
    }

    nearest(px, py) {
      this.cells ??= grid(this.x, this.y);
      const { starts, order, shift } = this.cells;
      const clamp = (v) => Math.max(0, Math.min(CELLS - 1, Math.floor(v) >> shift));
      const [left, top] = this.fromScreen(px - NEAR, py - NEAR), [right, bottom] = this.fromScreen(px + NEAR, py + NEAR);
      let best = -1, least = NEAR * NEAR;
      for (let row = clamp(bottom); row <= clamp(top); row++) {
        for (let place = starts[row * CELLS + clamp(left)]; place < starts[row * CELLS + clamp(right) + 1]; place++) {
          const i = order[place];
          if (this.states[i] === 0) continue;
          const [x, y] = this.toScreen(i);
          const apart = (x - px) ** 2 + (y - py) ** 2;
          if (apart < least) { least = apart; best = i; }
        }
      }
      return best;
    }

    // Shown points inside a polygon of screen coordinates.
    inside(polygon) {
      const corners = polygon.map(([x, y]) => this.fromScreen(x, y));
      const [left, right] = d3.extent(corners, (c) => c[0]), [bottom, top] = d3.extent(corners, (c) => c[1]);
      const xs = Float64Array.from(corners, (c) => c[0]), ys = Float64Array.from(corners, (c) => c[1]);
      const found = new Uint32Array(this.map.size);
      let count = 0;
      for (let i = 0; i < this.map.size; i++) {
        const x = this.x[i], y = this.y[i];
        if (this.states[i] === 0 || x < left || x > right || y < bottom || y > top) continue;
        if (contains(xs, ys, x, y)) found[count++] = i;
      }
      return found.subarray(0, count);
    }

    zoom(factor, px = LEFT + this.width / 2, py = TOP + this.height / 2) {
      const [x, y] = this.fromScreen(px, py);
      const { x0, x1, y0, y1 } = this.view;
      const span = (x1 - x0) / factor;
      if (span < STEPS / 5000 || span > STEPS * 4) return;
      this.view = { x0: x - (x - x0) / factor, x1: x + (x1 - x) / factor, y0: y - (y - y0) / factor, y1: y + (y1 - y) / factor };
      this.later(true);
    }

    move(dx, dy) {
      const { x0, x1, y0, y1 } = this.view;
      const right = (-dx / this.width) * (x1 - x0), up = (dy / this.height) * (y1 - y0);
      this.view = { x0: x0 + right, x1: x1 + right, y0: y0 + up, y1: y1 + up };
      this.later(true);
    }

    listen() {
      const element = this.element;
      const place = (event) => { const box = element.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
      element.addEventListener("wheel", (event) => {
        event.preventDefault();
        this.zoom(2 ** (-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), ...place(event));
      }, { passive: false });
      element.addEventListener("dblclick", () => this.whole());
      element.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        element.setPointerCapture(event.pointerId);
        this.pointers.set(event.pointerId, place(event));
        this.went = 0;
        this.path = (this.lassoing || event.shiftKey) && this.pointers.size === 1 ? [place(event)] : null;
        this.listeners.hovered(-1);
      });
      element.addEventListener("pointermove", (event) => {
        const now = place(event), before = this.pointers.get(event.pointerId);
        if (!before) { if (event.pointerType === "mouse") this.listeners.hovered(this.map ? this.nearest(...now) : -1, ...now); return; }
        this.went += Math.hypot(now[0] - before[0], now[1] - before[1]);
        if (this.pointers.size === 2) this.pinch(event.pointerId, now);
        else if (this.path) { this.path.push(now); this.outline(); }
        else { element.classList.add("moving"); this.move(now[0] - before[0], now[1] - before[1]); }
        this.pointers.set(event.pointerId, now);
      });
      const ended = (event) => {
        if (!this.pointers.delete(event.pointerId)) return;
        element.classList.remove("moving");
        const path = this.path;
        this.path = null;
        this.outline();
        if (this.went < 4) this.listeners.picked(this.nearest(...place(event)));
        else if (path && path.length > 2) this.listeners.chosen(this.inside(path), event.ctrlKey || event.metaKey);
      };
      element.addEventListener("pointerup", ended);
      element.addEventListener("pointercancel", ended);
      element.addEventListener("pointerleave", () => this.listeners.hovered(-1));
      element.addEventListener("keydown", (event) => {
        const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        if (moves[event.key]) this.move(...moves[event.key]);
        else if (event.key === "+" || event.key === "=") this.zoom(1.5);
        else if (event.key === "-") this.zoom(1 / 1.5);
        else if (event.key === "0") this.whole();
        else return;
        event.preventDefault();
      });
    }

    pinch(id, now) {
      const other = [...this.pointers].find(([key]) => key !== id)[1], before = this.pointers.get(id);
      const apart = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
      this.path = null;
      this.zoom(apart(now) / Math.max(1, apart(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      this.move((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    }

    outline() {
      const shown = this.path ? [`M${this.path.map((p) => p.join()).join("L")}Z`] : [];
      this.svg.selectAll("path.lasso").data(shown).join("path").attr("class", "lasso").attr("d", (d) => d);
    }
  }

  ftft.Plane = Plane;
})();
