// Shows which required features the browser lacks, or loads the rest. In old JavaScript, so that old browsers can run it. Those with all of
// the features understand the rest's JavaScript, too.

(function () {
  var missing = [];
  function test(what, has) { try { if (!has()) missing.push(what) } catch (error) { missing.push(what) } }
  test("JavaScript modules", function () { return "noModule" in document.createElement("script") });
  test("WebAssembly", function () { return typeof WebAssembly === "object" && typeof WebAssembly.compile === "function" });
  // A module with one function that creates a vector: (func (result v128) i32.const 0 i8x16.splat).
  test("WebAssembly with vector instructions (SIMD)", function () {
    return WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11]));
  });
  // (func (param externref)), used by the page's module to pass JavaScript values.
  test("WebAssembly with reference types", function () {
    return WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 1, 111, 0, 3, 2, 1, 0, 10, 4, 1, 2, 0, 11]));
  });
  test("workers made of modules", function () {
    var asked = false;
    var options = { get type() { asked = true; return "module" } };
    new Worker("check.js", options).terminate();
    return asked;
  });
  test("WebGL", function () {
    var canvas = document.createElement("canvas");
    return canvas.getContext("webgl2") || canvas.getContext("webgl");
  });
  var notice = document.getElementById("notice");
  window.glasshouseRefuse = function (title, texts) {
    var box = notice.firstElementChild;
    box.innerHTML = "";
    function add(tag, text, parent) {
      var element = document.createElement(tag);
      element.textContent = text;
      (parent || box).appendChild(element);
      return element;
    }
    add("h1", title);
    for (var i = 0; i < texts.length; i++) {
      if (typeof texts[i] === "string") { add("p", texts[i]); continue }
      var list = add("ul", "");
      for (var j = 0; j < texts[i].length; j++) add("li", texts[i][j], list);
    }
    document.getElementById("cover").hidden = true;
    notice.hidden = false;
    notice.removeAttribute("hidden");
    return box;
  };
  if (missing.length) {
    window.glasshouseRefuse("This browser cannot run Glasshouse yet", [
      "Models are trained in your browser, which requires features that this browser lacks:", missing,
      "They are available in Chrome or Edge 97, Firefox 114, Safari 16.4 and newer versions. If only WebGL is missing, graphics acceleration may be disabled in the browser's settings.",
      "Alternatively, use the program for Windows, macOS or Linux, which does the same without a browser."]);
    return;
  }
  var script = document.createElement("script");
  script.type = "module";
  script.src = "boot.js";
  script.onerror = function () {
    window.glasshouseRefuse("Glasshouse could not be loaded", ["A part of it could not be downloaded. Check the connection and reload the page."]);
  };
  document.body.appendChild(script);
})();
