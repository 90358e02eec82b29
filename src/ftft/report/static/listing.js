// The table of examples beside the map: sorted, searched, page by page.
"use strict";
(function () {
  const ROWS = 50;
  const COLUMNS = ["confidence", "variability", "correctness", "aum"];
  const BATCH = 16; // blocks searched before the page gets to breathe

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  // The probability of the right answer over the epochs, as a small curve.
  function spark(values) {
    const svg = d3.create("svg").attr("class", "spark").attr("viewBox", "0 0 64 24")
      .attr("preserveAspectRatio", "none").attr("role", "img")
      .attr("aria-label", `probability of the right answer: ${values.map((v) => v.toFixed(2)).join(", ")}`);
    svg.append("line").attr("x2", 64).attr("y1", 12).attr("y2", 12);
    const x = d3.scaleLinear([0, Math.max(1, values.length - 1)], [1, 63]), y = d3.scaleLinear([0, 1], [23, 1]);
    svg.append("path").attr("d", d3.line((_, i) => x(i), y)(values));
    return svg.node();
  }

  class Listing {
    // listeners: sorted(key, ascending), opened(i or -1), changed()
    constructor(root, listeners) {
      this.root = root;
      this.listeners = listeners;
      this.head = root.querySelector("thead");
      this.body = root.querySelector("tbody");
      this.key = "variability";
      this.ascending = false;
      this.page = 0;
      this.query = "";
      this.turn = 0;
    }

    show(map) {
      this.map = map;
      this.open = -1;
      this.columns = COLUMNS.filter((key) => map.statistics.some((one) => one.key === key));
      if (!map.statistics.some((one) => one.key === this.key)) Object.assign(this, { key: "variability", ascending: false });
      this.headings();
    }

    headings() {
      const row = document.createElement("tr");
      row.append(element("th", "example"), element("th", this.map.hasLabels ? this.map.dataset.groupedBy : "region"));
      for (const key of this.columns) {
        const statistic = ftft.STATISTICS.find((one) => one.key === key);
        const cell = element("th", undefined, "n");
        const button = element("button", statistic.short);
        button.type = "button";
        button.title = `Sort by ${statistic.name}`;
        button.addEventListener("click", () =>
          this.listeners.sorted(key, this.key === key ? !this.ascending : statistic.ascending));
        cell.append(button);
        if (this.key === key) {
          cell.setAttribute("aria-sort", this.ascending ? "ascending" : "descending");
          button.append(this.ascending ? " ↑" : " ↓");
        }
        row.append(cell);
      }
      if (this.map.about.points.length) row.append(element("th", "epochs"));
      for (const cell of row.children) cell.scope = "col";
      this.head.replaceChildren(row);
    }

    // Show these examples; chosen says which of them the reader selected.
    async list(rows, chosen) {
      this.rows = rows;
      this.chosen = chosen;
      await this.refresh();
    }

    async refresh(page = 0) {
      const turn = ++this.turn;
      const found = this.query ? await this.searched(turn) : this.rows;
      if (turn !== this.turn) return;
      this.sorted = this.inOrder(found);
      await this.turnTo(page);
    }

    // Every statistic is a whole number below 65,536: counting sorts 400,000 in a few milliseconds.
    inOrder(rows) {
      const values = this.map.arrays[this.key], last = 65535;
      const place = this.ascending ? (i) => values[i] : (i) => last - values[i];
      const starts = new Uint32Array(last + 2);
      for (const i of rows) starts[place(i) + 1]++;
      for (let value = 0; value <= last; value++) starts[value + 1] += starts[value];
      const sorted = new Uint32Array(rows.length);
      for (const i of rows) sorted[starts[place(i)]++] = i;
      return sorted;
    }

    // The rows whose id or texts hold the query, whatever the case.
    async searched(turn) {
      const wanted = this.query.toLowerCase();
      const hits = new Uint8Array(this.map.size);
      const asked = new Uint8Array(this.map.size);
      for (const i of this.rows) asked[i] = 1;
      for (const source of [this.map.ids, this.map.texts].filter(Boolean)) {
        const blocks = Math.ceil(this.map.size / source.size);
        for (let number = 0; number < blocks; number++) {
          const start = number * source.size;
          const end = Math.min(start + source.size, this.map.size);
          if (!asked.subarray(start, end).some(Boolean)) continue;
          if (number % BATCH === 0) {
            this.listeners.searching(number / blocks);
            await new Promise((ready) => setTimeout(ready));
            if (turn !== this.turn) return [];
          }
          const values = await source.block(number);
          for (let i = start; i < end; i++) {
            if (asked[i] && !hits[i] && [values[i - start]].flat().some((text) => text.toLowerCase().includes(wanted))) hits[i] = 1;
          }
        }
      }
      this.listeners.searching(null);
      return this.rows.filter((i) => hits[i]);
    }

    get pages() { return Math.max(1, Math.ceil(this.sorted.length / ROWS)); }

    async turnTo(page) {
      this.page = Math.max(0, Math.min(page, this.pages - 1));
      const turn = ++this.turn;
      const rows = [...this.sorted.subarray(this.page * ROWS, (this.page + 1) * ROWS)];
      const ids = await this.map.ids.many(rows);
      const texts = this.map.texts ? await this.map.texts.many(rows) : rows.map(() => []);
      if (turn !== this.turn) return;
      const lines = rows.flatMap((i, place) => this.lines(i, ids[place], texts[place]));
      if (!lines.length) {
        const cell = element("td", "No example fits the filters, the selection and the search.", "nothing");
        cell.colSpan = 9;
        const line = document.createElement("tr");
        line.append(cell);
        lines.push(line);
      }
      this.body.replaceChildren(...lines);
      this.root.querySelector(".scroll").scrollTop = 0;
      this.listeners.changed();
    }

    // An example's figures, and below them its texts, which so have the width of the table.
    lines(i, id, texts) {
      const line = document.createElement("tr");
      line.dataset.row = i;
      if (this.chosen[i]) line.className = "chosen";
      const first = element("td", undefined, "text");
      const button = element("button", id);
      button.type = "button";
      button.setAttribute("aria-expanded", "false");
      first.append(button);
      const about = [this.map.region(i), ...(this.map.isSelected(i) ? ["selected"] : [])];
      const label = element("td", this.map.hasLabels ? this.map.label(i) : about.shift(), "label");
      if (about.length) label.append(element("small", about.join(", ")));
      line.append(first, label, ...this.columns.map((key) => element("td", this.map.shown(key, i), "n")));
      if (this.map.about.points.length) {
        const cell = document.createElement("td");
        cell.append(spark(this.map.curve(i)));
        line.append(cell);
      }
      const both = [line], shown = texts.filter(Boolean);
      if (shown.length) {
        const below = element("tr", undefined, `texts ${line.className}`);
        const cell = element("td", undefined, "text"), box = element("div");
        cell.colSpan = line.children.length;
        box.append(...shown.map((text) => element("p", text)));
        cell.append(box);
        below.append(cell);
        both.push(below);
      }
      button.addEventListener("click", () => this.toggle(button, both.at(-1), i, id, texts));
      for (const one of both) {
        one.addEventListener("pointerenter", () => this.listeners.pointed(i));
        one.addEventListener("focusin", () => this.listeners.pointed(i));
      }
      return both;
    }

    toggle(button, line, i, id, texts) {
      const opened = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!opened));
      if (opened) { line.nextSibling.remove(); return; }
      const cell = document.createElement("td");
      cell.colSpan = this.head.firstChild.children.length;
      cell.append(ftft.detail(this.map, i, id, texts));
      const more = element("tr", undefined, "opened");
      more.append(cell);
      line.after(more);
    }

    // Open the example that was picked on the map, turning to its page.
    async find(i) {
      const place = this.sorted.indexOf(i);
      if (place < 0) return false;
      await this.turnTo(Math.floor(place / ROWS));
      const line = this.body.querySelector(`tr[data-row="${i}"]`);
      if (!line) return false;
      line.querySelector("button").click();
      line.scrollIntoView({ block: "nearest" });
      return true;
    }
  }

  Object.assign(ftft, { Listing, element });
})();
