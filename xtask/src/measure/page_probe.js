// Appended to a copy of a report: uses it as a reader would, and says what did not work in the document's title.
addEventListener("load", () => {
  const wrong = [];
  const check = (holds, what) => { if (!holds) wrong.push(what); };
  const box = document.querySelector(".readout");
  check(box && box.hidden, "a readout that waits");
  const drawn = [...document.querySelectorAll("figure")].filter((figure) => figure.querySelector("script.marks"));
  check(drawn.length > 0, "figures that say values");
  for (const figure of drawn) {
    const name = figure.querySelector("title").textContent;
    const frame = figure.querySelector(".scroll");
    const [x, y] = JSON.parse(figure.querySelector("script.marks").textContent)[0];
    const at = new DOMPoint(x, y).matrixTransform(frame.querySelector("svg").getScreenCTM());
    frame.dispatchEvent(new PointerEvent("pointermove", { clientX: at.x, clientY: at.y }));
    check(!box.hidden && box.textContent !== "", `a value under the pointer in "${name}"`);
    frame.dispatchEvent(new PointerEvent("pointerleave"));
    check(box.hidden, `no value without a pointer in "${name}"`);
    frame.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
    check(!box.hidden, `a value by the keyboard in "${name}"`);
    frame.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
    const axis = figure.querySelector(".choices button");
    check(Boolean(axis) === Boolean(figure.querySelector("template")), `a button for the axis of "${name}"`);
    if (!axis) continue;
    const before = frame.firstElementChild;
    axis.click();
    check(frame.firstElementChild !== before, `another axis in "${name}"`);
    axis.click();
    check(frame.firstElementChild === before, `the first axis again in "${name}"`);
  }
  for (const button of document.querySelectorAll(".choices.modes button")) {
    const ink = button.className;
    const seen = () => [...document.querySelectorAll(`.by-mode svg .${ink}`)].filter((e) => e.getClientRects().length > 0);
    const all = seen().length;
    button.click();
    check(seen().length === 0, `${button.textContent} switched off`);
    button.click();
    check(seen().length === all, `${button.textContent} switched on again`);
  }
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  check(wide <= 0, `no sideways scrolling, it is ${wide} px too wide`);
  document.title = wrong.length === 0 ? `page ok, ${drawn.length} figures` : `page fails: ${wrong.join("; ")}`;
});
