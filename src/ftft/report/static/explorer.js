// The map, its legend, its filters and its table, kept together.
"use strict";
(function () {
  const byId = (id) => document.getElementById(id);
  const many = (count) => count.toLocaleString("en");
  // What a spreadsheet takes for a formula at the start of a cell, in full width too.
  const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;

  // A cell of a CSV: inert in a spreadsheet, quoted where it has to be.
  function cell(value) {
    const text = FORMULA.test(value) && Number.isNaN(Number(value)) ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  class Explorer {
    constructor(data) {
      this.data = data;
      this.plane = new ftft.Plane(byId("plane"), {
        hovered: (i, x, y) => this.hover(i, x, y),
        picked: (i) => this.pick(i),
        chosen: (rows, added) => this.choose(rows, added),
        drawn: () => { byId("drawing").textContent = ""; },
      });
      this.filters = new ftft.Filters(document.querySelector("#filters .fields"), () => this.filtered());
      this.listing = new ftft.Listing(document.querySelector(".listing"), {
        sorted: (key, ascending) => this.sort(key, ascending),
        pointed: (i) => this.plane.ring(i),
        changed: () => this.tell(),
        searching: (share) => this.note(share === null ? "" : `Searching… ${Math.round(share * 100)}%`),
      });
      this.controls();
    }

    controls() {
      const data = this.data;
      const runs = new Set(data.maps.map((map) => map.run));
      const which = byId("which");
      data.maps.forEach((map, i) => {
        const whose = map.method === "ftft" ? "reference" : "main model (DM)";
        const named = `${runs.size > 1 ? `${map.run}, ` : ""}${whose}, seed ${map.seed}`;
        which.append(new Option(map.method === "given" ? map.run : named, i));
      });
      which.addEventListener("change", () => this.open(Number(which.value)));
      byId("colour").addEventListener("change", () => this.recolour());
      byId("sort").addEventListener("change", () => {
        const chosen = ftft.STATISTICS.find((one) => one.key === byId("sort").value);
        this.sort(chosen.key, chosen.ascending);
      });
      byId("direction").addEventListener("click", () => this.sort(this.listing.key, !this.listing.ascending));
      byId("pan").addEventListener("click", () => this.lassoing(false));
      byId("lasso").addEventListener("click", () => this.lassoing(true));
      byId("closer").addEventListener("click", () => this.plane.zoom(1.6));
      byId("farther").addEventListener("click", () => this.plane.zoom(1 / 1.6));
      byId("whole").addEventListener("click", () => this.plane.whole());
      byId("fit").addEventListener("click", () => this.plane.fit());
      byId("take").addEventListener("click", () => this.choose(this.listing.sorted, false));
      byId("drop").addEventListener("click", () => this.choose([], false));
      byId("before").addEventListener("click", () => this.listing.turnTo(this.listing.page - 1));
      byId("after").addEventListener("click", () => this.listing.turnTo(this.listing.page + 1));
      byId("copy").addEventListener("click", () => this.copy());
      byId("download").addEventListener("click", () => this.download());
      let typing;
      byId("search").addEventListener("input", (event) => {
        clearTimeout(typing);
        typing = setTimeout(() => { this.listing.query = event.target.value.trim(); this.listing.refresh(); }, 180);
      });
      for (const button of document.querySelectorAll("[data-preset]")) {
        button.addEventListener("click", () => this.preset(button.dataset.preset));
      }
      document.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && byId("explorer").contains(event.target) && this.chosenCount) this.choose([], false);
      });
    }

    async open(number) {
      byId("drawing").textContent = "Drawing…";
      const same = this.map && this.map.about.dataset === this.data.maps[number].dataset;
      const map = await ftft.openMap(this.data.maps[number], this.data.datasets);
      this.map = map;
      if (!same) { this.chosen = new Uint8Array(map.size); this.chosenCount = 0; }
      const colour = byId("colour"), before = colour.value || "correctness";
      this.colourings = ftft.colourings(map);
      colour.replaceChildren(...this.colourings.map((one) => new Option(one.name, one.key)));
      colour.value = this.colourings.some((one) => one.key === before) ? before : "correctness";
      this.filters.show(map);
      this.listing.show(map);
      byId("sort").replaceChildren(...map.statistics.map(({ key, name }) => new Option(name, key)));
      document.querySelector("[data-preset=selected]").hidden = !map.hasSelection;
      document.querySelector("[data-preset=errors]").textContent =
        map.dataset.groupedBy === "label" ? "likeliest label errors" : "likeliest wrong answers";
      byId("sort").value = this.listing.key;
      const { dataset } = map;
      byId("sample").textContent = dataset.shown < dataset.total
        ? `A sample of ${many(dataset.shown)} of ${many(dataset.total)} examples, in proportion by ${dataset.labels.length > 1 ? `${dataset.groupedBy} and region` : "region"}. `
        : `${many(dataset.total)} examples. `;
      if (dataset.textNote) byId("sample").textContent += `${dataset.textNote} `;
      this.plane.show(map);
      this.recolour();
      await this.filtered();
    }

    recolour() {
      this.coloured = this.colourings.find((one) => one.key === byId("colour").value).make();
      this.plane.colour(this.coloured);
      byId("legend").replaceChildren(...this.coloured.entries.map((entry) => {
        const item = document.createElement("li");
        item.append(ftft.icon(entry.colour, entry.shape), `${entry.name} `, ftft.element("small", many(entry.count)));
        return item;
      }));
    }

    async filtered() {
      this.passes = this.filters.passing();
      const active = this.filters.active;
      byId("filtered").textContent = active.length ? `(on: ${active.join(", ")})` : "";
      await this.marked();
    }

    // Tell map and table what is hidden, what is selected, and what is neither.
    async marked() {
      const states = new Uint8Array(this.map.size);
      const rows = new Uint32Array(this.map.size);
      let count = 0;
      for (let i = 0; i < states.length; i++) {
        if (!this.passes[i]) continue;
        const faint = this.chosenCount && !this.chosen[i];
        states[i] = faint ? 1 : 2;
        if (!faint) rows[count++] = i;
      }
      this.plane.mark(states);
      await this.listing.list(rows.subarray(0, count), this.chosen);
    }

    choose(rows, added) {
      if (!added) this.chosen.fill(0);
      for (const i of rows) this.chosen[i] = 1;
      this.chosenCount = d3.sum(this.chosen);
      return this.marked();
    }

    sort(key, ascending) {
      Object.assign(this.listing, { key, ascending });
      byId("sort").value = key;
      this.listing.headings();
      return this.listing.refresh();
    }

    async preset(name) {
      this.filters.reset();
      this.chosen.fill(0);
      this.chosenCount = 0;
      byId("search").value = this.listing.query = "";
      const [key, ascending, colour] = {
        selected: ["variability", false, "selected"], errors: [this.map.about.unknown.includes("aum") ? "confidence" : "aum", true, "correctness"],
        ambiguous: ["variability", false, "region"], hard: ["confidence", true, "region"], all: ["variability", false, "correctness"],
      }[name];
      if (name === "selected") this.filters.only("selected", [1]);
      if (name === "ambiguous") this.filters.only("region", [this.map.dataset.regions.indexOf("ambiguous")]);
      if (name === "hard") this.filters.only("region", [this.map.dataset.regions.indexOf("hard-to-learn")]);
      this.filters.render();
      byId("colour").value = colour;
      Object.assign(this.listing, { key, ascending });
      byId("sort").value = key;
      this.listing.headings();
      this.recolour();
      await this.filtered();
    }

    lassoing(on) {
      this.plane.lassoing = on;
      byId("plane").classList.toggle("lasso", on);
      byId("pan").setAttribute("aria-pressed", String(!on));
      byId("lasso").setAttribute("aria-pressed", String(on));
    }

    async hover(i, x, y) {
      const tip = byId("tip");
      this.hovered = i;
      this.plane.ring(i);
      if (i < 0) { tip.hidden = true; return; }
      const id = await this.map.ids.one(i);
      if (this.hovered !== i) return;
      const { map } = this;
      tip.replaceChildren(
        ftft.element("b", id),
        ftft.element("span", [...(map.hasLabels ? [map.label(i)] : []), map.region(i), ...(map.isSelected(i) ? ["selected"] : [])].join(", ")),
        ftft.element("span", `confidence ${map.shown("confidence", i)}, variability ${map.shown("variability", i)}, right ${map.shown("correctness", i)}`),
      );
      tip.hidden = false;
      const left = x + tip.offsetWidth + 24 > this.plane.element.clientWidth ? x - tip.offsetWidth - 14 : x + 14;
      tip.style.left = `${Math.max(0, left)}px`;
      tip.style.top = `${Math.max(0, y - tip.offsetHeight - 10)}px`;
    }

    async pick(i) {
      if (i < 0) return;
      this.plane.ring(i);
      if (!(await this.listing.find(i))) this.note("That example is not in the table: the search or the selection leaves it out.");
    }

    tell() {
      const { listing } = this;
      const found = listing.sorted.length;
      const of = this.chosenCount ? `of ${many(listing.rows.length)} selected` : `of ${many(this.map.size)}`;
      byId("count").textContent = `${many(found)} ${found === 1 ? "example" : "examples"} ${found === (this.chosenCount ? listing.rows.length : this.map.size) ? (this.chosenCount ? "selected" : "") : of}`.trim();
      byId("place").textContent = `page ${many(listing.page + 1)} of ${many(listing.pages)}`;
      byId("before").disabled = listing.page === 0;
      byId("after").disabled = listing.page + 1 >= listing.pages;
      byId("drop").disabled = !this.chosenCount;
      byId("direction").textContent = listing.ascending ? "↑" : "↓";
      byId("direction").setAttribute("aria-label", listing.ascending ? "Ascending; make it descending" : "Descending; make it ascending");
      byId("copy").textContent = `Copy ${many(found)} ids`;
      byId("copy").disabled = byId("download").disabled = !found;
    }

    note(text) { byId("notice").textContent = text; }

    async copy() {
      const text = (await this.map.ids.many(this.listing.sorted)).join("\n");
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        const area = document.createElement("textarea");
        area.value = text;
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
      }
      this.note(`${many(this.listing.sorted.length)} ids copied, one a line.`);
    }

    async download() {
      const { map, listing } = this;
      const ids = await map.ids.many(listing.sorted);
      const names = map.statistics.map((one) => one.key);
      const lines = [["example_id", "label", "region", "selected", ...names].join()];
      listing.sorted.forEach((i, place) => {
        const numbers = names.map((key) => String(Number(map.value(key, i).toPrecision(5))));
        lines.push([ids[place], map.label(i), map.region(i), map.isSelected(i), ...numbers].map(cell).join());
      });
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv" }));
      link.download = "examples.csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      this.note(`${many(ids.length)} examples written to ${link.download}.`);
    }
  }

  ftft.Explorer = Explorer;
})();
