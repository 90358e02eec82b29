// What the page holds: JSON, and blocks of compressed data that are decoded when they are asked for.
"use strict";
window.ftft = {};
(function () {
  function json(id) {
    return JSON.parse(document.getElementById(id).textContent);
  }

  function bytes(name) {
    const text = document.getElementById(`block-${name}`).textContent;
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const decoded = atob(text);
    const result = new Uint8Array(decoded.length);
    for (let i = 0; i < decoded.length; i++) result[i] = decoded.charCodeAt(i);
    return result;
  }

  async function unpacked(name) {
    const stream = new Blob([bytes(name)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }

  // Arrays by name; `layout` lists name, type and length of each, in order.
  async function arrays(name, layout) {
    const buffer = await unpacked(name);
    const found = {};
    let at = 0;
    for (const [key, type, length] of layout) {
      const Type = type === "u2" ? Uint16Array : Uint8Array;
      found[key] = new Type(buffer, at, length);
      at += length * Type.BYTES_PER_ELEMENT;
    }
    return found;
  }

  // Lists of one value an example, in blocks; the blocks last used are kept.
  class Blocks {
    constructor(prefix, size, kept = 96) {
      this.prefix = prefix;
      this.size = size;
      this.kept = kept;
      this.cache = new Map();
    }

    block(number) {
      let waiting = this.cache.get(number);
      if (waiting === undefined) {
        waiting = unpacked(`${this.prefix}-${number}`).then((buffer) =>
          JSON.parse(new TextDecoder().decode(buffer)));
        if (this.cache.size >= this.kept) this.cache.delete(this.cache.keys().next().value);
      } else {
        this.cache.delete(number);
      }
      this.cache.set(number, waiting);
      return waiting;
    }

    async one(i) {
      return (await this.block(Math.floor(i / this.size)))[i % this.size];
    }

    // The values of some rows, in their order; each block is decoded once.
    async many(rows) {
      const byBlock = new Map();
      for (let place = 0; place < rows.length; place++) {
        const number = Math.floor(rows[place] / this.size);
        if (!byBlock.has(number)) byBlock.set(number, []);
        byBlock.get(number).push(place);
      }
      const result = new Array(rows.length);
      for (const [number, places] of byBlock) {
        const values = await this.block(number);
        for (const place of places) result[place] = values[rows[place] % this.size];
      }
      return result;
    }
  }

  Object.assign(window.ftft, { json, arrays, Blocks });
})();
