// Filters by label, region, selection, correctness and slices.
"use strict";
(function () {
  const MOST_BOXES = 12;

  function fieldsOf(map) {
    const fields = [
      ...(map.hasLabels ? [{ key: "label", name: map.dataset.groupedBy, codes: map.labels, values: map.dataset.labels }] : []),
      { key: "region", name: "region", codes: map.arrays.region, values: map.dataset.regions },
      ...(map.hasSelection ? [{ key: "selected", name: "selection", codes: map.arrays.selected, values: ["not selected", "selected"] }] : []),
      {
        key: "correctness", name: "times right", codes: map.arrays.correctness,
        values: d3.range(map.about.right + 1).map((right) => `${right}/${map.about.right}`),
      },
    ];
    map.slices.forEach((slice, i) =>
      fields.push({ key: `slice${i}`, name: slice.name, codes: slice.codes, values: slice.values }));
    return fields;
  }

  class Filters {
    constructor(element, changed) {
      this.element = element;
      this.changed = changed;
      this.allowed = {};
    }

    // Fields of another map; what was chosen stays where it has the same values.
    show(map) {
      this.map = map;
      this.fields = fieldsOf(map);
      const kept = this.allowed;
      this.allowed = {};
      for (const field of this.fields) {
        const before = kept[field.key];
        this.allowed[field.key] = before?.length === field.values.length ? before : field.values.map(() => true);
      }
      this.render();
    }

    render() {
      const boxes = this.fields.map((field) =>
        field.values.length <= MOST_BOXES ? this.boxes(field) : this.choice(field));
      this.element.replaceChildren(...boxes);
    }

    fieldset(field) {
      const set = document.createElement("fieldset");
      const title = document.createElement("legend");
      title.textContent = field.name;
      set.append(title);
      set.dataset.field = field.key;
      return set;
    }

    boxes(field) {
      const set = this.fieldset(field);
      field.values.forEach((value, code) => {
        const label = document.createElement("label");
        const box = document.createElement("input");
        box.type = "checkbox";
        box.checked = this.allowed[field.key][code];
        box.addEventListener("change", () => {
          this.allowed[field.key][code] = box.checked;
          this.changed();
        });
        label.append(box, value);
        set.append(label);
      });
      return set;
    }

    choice(field) {
      const set = this.fieldset(field);
      const select = document.createElement("select");
      select.setAttribute("aria-label", field.name);
      select.append(new Option("all", ""), ...field.values.map((value, code) => new Option(value, code)));
      const allowed = this.allowed[field.key];
      if (!allowed.every(Boolean)) select.value = String(allowed.indexOf(true));
      select.addEventListener("change", () => {
        this.allowed[field.key] = field.values.map((_, code) => select.value === "" || code === Number(select.value));
        this.changed();
      });
      set.append(select);
      return set;
    }

    // Let all of a field pass, or only some of its values.
    only(key, codes = null) {
      this.allowed[key] = this.allowed[key].map((_, code) => codes === null || codes.includes(code));
    }

    reset() {
      for (const field of this.fields) this.only(field.key);
    }

    get active() {
      return this.fields.filter((field) => !this.allowed[field.key].every(Boolean)).map((field) => field.name);
    }

    // 1 for what passes, an entry an example.
    passing() {
      const passes = new Uint8Array(this.map.size).fill(1);
      for (const field of this.fields) {
        const allowed = this.allowed[field.key];
        if (allowed.every(Boolean)) continue;
        const table = Uint8Array.from(allowed, Number);
        for (let i = 0; i < passes.length; i++) passes[i] &= table[field.codes[i]];
      }
      return passes;
    }
  }

  ftft.Filters = Filters;
})();
