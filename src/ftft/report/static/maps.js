// A data map: its numbers as typed arrays, its ids and texts when they are asked for.
"use strict";
(function () {
  const STEPS = 65535;
  const opened = new Map();

  // key, heading, short heading, whether low values are the striking ones
  const STATISTICS = [
    ["confidence", "confidence", "conf.", true],
    ["variability", "variability", "var.", false],
    ["correctness", "correctness", "right", true],
    ["forgetting", "forgetting", "forg.", false],
    ["aum", "AUM (area under the margin)", "AUM", true],
    ["mean_loss", "mean loss", "loss", false],
    ["el2n", "EL2N", "EL2N", false],
    ["length", "tokens", "tokens", false],
  ].map(([key, name, short, ascending]) => ({ key, name, short, ascending }));

  class DataMap {
    constructor(about, dataset, arrays, shared) {
      Object.assign(this, { about, dataset, arrays });
      this.labels = shared.arrays.label;
      this.slices = dataset.columns.map((column, i) => ({ ...column, codes: shared.arrays[`slice${i}`] }));
      this.ids = shared.ids;
      this.texts = shared.texts;
      this.size = dataset.shown;
      // Imported maps lack some statistics, and maps of no run have no selection.
      this.statistics = STATISTICS.filter(({ key }) => !about.unknown.includes(key));
      this.hasSelection = about.selected > 0;
    }

    value(key, i) {
      const raw = this.arrays[key][i];
      if (key === "correctness") return raw / this.about.right;
      if (key === "forgetting" || key === "length") return raw;
      const [low, high] = this.about.scales[key];
      return low + ((high - low) * raw) / STEPS;
    }

    shown(key, i) {
      if (key === "correctness") return `${this.arrays[key][i]}/${this.about.right}`;
      if (key === "forgetting" || key === "length") return String(this.arrays[key][i]);
      return this.value(key, i).toFixed(3).replace("-", "−");
    }

    // Without groups, as of prompts and completions, all examples have one label, which says nothing.
    get hasLabels() { return this.dataset.labels.length > 1; }
    label(i) { return this.dataset.labels[this.labels[i]]; }
    region(i) { return this.dataset.regions[this.arrays.region[i]]; }
    isSelected(i) { return this.arrays.selected[i] === 1; }

    // Probabilities of the gold label at each recording point; empty where they were not kept.
    curve(i) {
      return this.about.points.map((_, point) => this.arrays.curves[point * this.size + i] / 255);
    }
  }

  function shared(dataset) {
    if (!opened.has(dataset.name)) {
      opened.set(dataset.name, (async () => ({
        arrays: await ftft.arrays(dataset.name, dataset.layout),
        ids: new ftft.Blocks(`${dataset.name}-ids`, dataset.idsPerBlock),
        texts: dataset.texts ? new ftft.Blocks(`${dataset.name}-texts`, dataset.rowsPerBlock) : null,
      }))());
    }
    return opened.get(dataset.name);
  }

  async function openMap(about, datasets) {
    const dataset = datasets[about.dataset];
    const [examples, numbers] = await Promise.all([shared(dataset), ftft.arrays(about.name, about.layout)]);
    return new DataMap(about, dataset, numbers, examples);
  }

  Object.assign(ftft, { openMap, STATISTICS });
})();
