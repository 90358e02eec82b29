// Draws points: with WebGL where there is a graphics card, else into an image, pixel by pixel, which
// is faster than WebGL computed in software. Both are given:
//   load(x, y): coordinates, 0 to 65535
//   colour(codes, colours, shapes): a code an example; red, green and blue, and a shape, a code
//   mark(states): 0 hidden, 1 faint, 2 plain
//   draw(view, count): the first `count` points, as x0, x1, y0, y1 of the view lie on the canvas
"use strict";
(function () {
  const MOST_CODES = 32;

  const VERTEX = `#version 300 es
    in float x; in float y; in float code; in float state;
    uniform vec4 view; uniform float size; uniform float wanted;
    uniform vec3 colours[${MOST_CODES}]; uniform float shapes[${MOST_CODES}];
    out vec3 colour; flat out int shape;
    void main() {
      colour = colours[int(code)]; shape = int(shapes[int(code)]);
      gl_Position = state == wanted
        ? vec4((x - view.x) / (view.y - view.x) * 2.0 - 1.0, (y - view.z) / (view.w - view.z) * 2.0 - 1.0, 0, 1)
        : vec4(9, 9, 9, 1);
      gl_PointSize = size;
    }`;

  const FRAGMENT = `#version 300 es
    precision highp float;
    in vec3 colour; flat in int shape; uniform float alpha; uniform float size;
    out vec4 result;
    void main() {
      vec2 p = (gl_PointCoord - 0.5) * 2.0; vec2 a = abs(p); bool inside = true;
      if (size > 3.5) {
        if (shape == 0) inside = dot(p, p) <= 1.0;
        else if (shape == 1) inside = max(a.x, a.y) <= 0.8;
        else if (shape == 2) inside = p.y <= 0.8 && a.x <= (p.y + 1.0) * 0.55;
        else if (shape == 3) inside = a.x + a.y <= 1.0;
        else if (shape == 4) inside = min(a.x, a.y) <= 0.34;
        else if (shape == 5) inside = p.y >= -0.8 && a.x <= (1.0 - p.y) * 0.55;
        else inside = dot(p, p) <= 1.0 && dot(p, p) >= 0.3;
      }
      if (!inside) discard;
      result = vec4(colour * alpha, alpha);
    }`;

  // The same shapes, for the other way of drawing.
  const INSIDE = [
    (x, y) => x * x + y * y <= 1,
    (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= 0.8,
    (x, y) => y <= 0.8 && Math.abs(x) <= (y + 1) * 0.55,
    (x, y) => Math.abs(x) + Math.abs(y) <= 1,
    (x, y) => Math.min(Math.abs(x), Math.abs(y)) <= 0.34,
    (x, y) => y >= -0.8 && Math.abs(x) <= (1 - y) * 0.55,
    (x, y) => x * x + y * y <= 1 && x * x + y * y >= 0.3,
  ];

  function program(gl) {
    const made = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(made, shader);
    }
    gl.linkProgram(made);
    return gl.getProgramParameter(made, gl.LINK_STATUS) ? made : null;
  }

  const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

  function renderer(gl) {
    const about = gl.getExtension("WEBGL_debug_renderer_info");
    return String(gl.getParameter(about ? about.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  }

  function withWebGL(canvas, inSoftware) {
    const gl = canvas.getContext("webgl2", {
      antialias: false, depth: false, preserveDrawingBuffer: true, failIfMajorPerformanceCaveat: !inSoftware,
    });
    if (!gl || (!inSoftware && SOFTWARE.test(renderer(gl)))) return null;
    const made = program(gl);
    if (!made) return null;
    gl.useProgram(made);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const at = (name) => gl.getUniformLocation(made, name);
    const buffers = {};
    function fill(name, values) {
      buffers[name] ??= gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
      const place = gl.getAttribLocation(made, name);
      gl.enableVertexAttribArray(place);
      const type = values instanceof Uint16Array ? gl.UNSIGNED_SHORT : gl.UNSIGNED_BYTE;
      gl.vertexAttribPointer(place, 1, type, false, 0, 0);
    }
    return {
      kind: "WebGL",
      load(x, y) { fill("x", x); fill("y", y); },
      colour(codes, colours, shapes) {
        fill("code", codes);
        gl.uniform3fv(at("colours"), colours.flat().map((part) => part / 255));
        gl.uniform1fv(at("shapes"), shapes);
      },
      mark(states) { fill("state", states); },
      draw(view, count) {
        gl.viewport(0, 0, canvas.width, canvas.height);
        gl.clearColor(0, 0, 0, 0);
        gl.clear(gl.COLOR_BUFFER_BIT);
        gl.uniform4f(at("view"), view.x0, view.x1, view.y0, view.y1);
        gl.uniform1f(at("size"), view.size);
        for (const [state, alpha] of [[1, view.faint], [2, view.alpha]]) {
          gl.uniform1f(at("wanted"), state);
          gl.uniform1f(at("alpha"), alpha);
          gl.drawArrays(gl.POINTS, 0, count);
        }
      },
    };
  }

  // Offsets of a shape's pixels from its middle, in bytes.
  function stamp(shape, size, width) {
    const half = (size - 1) / 2;
    const offsets = [];
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        const x = (column - half) / (size / 2), y = (row - half) / (size / 2);
        if (size < 4 || INSIDE[shape](x, y)) {
          offsets.push(((row - Math.floor(half)) * width + column - Math.floor(half)) * 4);
        }
      }
    }
    return Int32Array.from(offsets);
  }

  function withPixels(canvas) {
    const context = canvas.getContext("2d", { alpha: false });
    let xs, ys, codes, colours, shapes, states, image;
    function pass(view, count, wanted, alpha) {
      const { width, height, data } = image;
      const size = Math.max(1, Math.round(view.size));
      const stamps = shapes.map((shape) => stamp(shape, size, width));
      const rightOf = width / (view.x1 - view.x0), above = height / (view.y1 - view.y0);
      const weight = Math.round(alpha * 256);
      for (let i = 0; i < count; i++) {
        if (states[i] !== wanted) continue;
        const column = ((xs[i] - view.x0) * rightOf) | 0;
        const row = height - 1 - (((ys[i] - view.y0) * above) | 0);
        if (column < size || row < size || column >= width - size || row >= height - size) continue;
        const [red, green, blue] = colours[codes[i]];
        const offsets = stamps[codes[i]];
        const middle = (row * width + column) * 4;
        for (let k = 0; k < offsets.length; k++) {
          const at = middle + offsets[k];
          data[at] += ((red - data[at]) * weight) >> 8;
          data[at + 1] += ((green - data[at + 1]) * weight) >> 8;
          data[at + 2] += ((blue - data[at + 2]) * weight) >> 8;
        }
      }
    }
    return {
      kind: "pixels",
      load(x, y) { xs = x; ys = y; },
      colour(given, palette, forms) { codes = given; colours = palette; shapes = forms; },
      mark(given) { states = given; },
      draw(view, count) {
        if (!image || image.width !== canvas.width || image.height !== canvas.height) {
          image = context.createImageData(canvas.width, canvas.height);
        }
        const [red, green, blue] = ftft.rgb(ftft.cssColour("--paper"));
        new Uint32Array(image.data.buffer).fill((255 << 24) | (blue << 16) | (green << 8) | red);
        pass(view, count, 1, view.faint);
        pass(view, count, 2, view.alpha);
        context.putImageData(image, 0, 0);
      },
    };
  }

  // `way` is "webgl" or "pixels" where one of them is wanted, for tests. A canvas that was asked for
  // WebGL can have nothing else, so another one may take its place.
  function createDrawing(canvas, way) {
    const drawing = way === "pixels" ? null : withWebGL(canvas, way === "webgl");
    if (drawing) return { canvas, drawing };
    const fresh = canvas.cloneNode();
    canvas.replaceWith(fresh);
    return { canvas: fresh, drawing: withPixels(fresh) };
  }

  Object.assign(ftft, { createDrawing, MOST_CODES });
})();
