// What a page with scripts can do more: values where the pointer is, modes to switch off, other axes.
// Without it every figure stands as it is.
(() => {
  "use strict";
  const figures = [...document.querySelectorAll("figure")];
  const hidden = new Set();

  const shown = (figure) => figure.querySelector(".scroll svg");
  const marksOf = (figure) => {
    const of = figure.dataset.other === "on" ? "script.marks.other" : "script.marks:not(.other)";
    const script = figure.querySelector(of);
    const all = script ? JSON.parse(script.textContent) : [];
    return all.filter(([, , mode]) => mode === null || !hidden.has(mode));
  };

  // one box for all figures, read out when it changes
  const box = document.createElement("div");
  box.className = "readout";
  box.setAttribute("role", "status");
  box.hidden = true;
  document.body.append(box);
  const ring = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  ring.setAttribute("class", "ring");
  ring.setAttribute("r", "12");

  const hide = () => {
    box.hidden = true;
    ring.remove();
  };
  const show = (figure, mark) => {
    const svg = shown(figure);
    const [x, y, , text] = mark;
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
    svg.append(ring);
    box.textContent = text;
    box.hidden = false;
    const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
    const width = box.offsetWidth;
    const room = document.documentElement.clientWidth;
    const left = Math.max(4, Math.min(at.x - width / 2, room - width - 4));
    const above = at.y - box.offsetHeight - 14;
    box.style.left = `${left + scrollX}px`;
    box.style.top = `${(above > 0 ? above : at.y + 14) + scrollY}px`;
  };

  const nearest = (figure, event) => {
    const svg = shown(figure);
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const reach = 80;
    let best = null;
    let least = reach * reach;
    for (const mark of marksOf(figure)) {
      const far = (mark[0] - at.x) ** 2 + (mark[1] - at.y) ** 2;
      if (far < least) [best, least] = [mark, far];
    }
    return best;
  };

  const step = (figure, forward) => {
    const marks = marksOf(figure).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    if (marks.length === 0) return;
    const now = marks.findIndex((mark) => mark[3] === box.textContent);
    const next = now < 0 ? (forward ? 0 : marks.length - 1) : now + (forward ? 1 : -1);
    show(figure, marks[(next + marks.length) % marks.length]);
  };

  for (const figure of figures) {
    if (!figure.querySelector("script.marks")) continue;
    const frame = figure.querySelector(".scroll");
    frame.addEventListener("pointermove", (event) => {
      const mark = nearest(figure, event);
      if (mark) show(figure, mark);
      else hide();
    });
    frame.addEventListener("pointerleave", hide);
    frame.addEventListener("blur", hide);
    frame.addEventListener("keydown", (event) => {
      if (event.key === "Escape") hide();
      if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
      event.preventDefault();
      step(figure, event.key === "ArrowRight");
    });
  }

  // the other axis of a figure takes the place of the first one
  for (const figure of figures) {
    const template = figure.querySelector("template");
    if (!template) continue;
    const frame = figure.querySelector(".scroll");
    const first = shown(figure);
    const second = template.content.firstElementChild;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = template.dataset.label;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      const on = figure.dataset.other !== "on";
      figure.dataset.other = on ? "on" : "off";
      button.setAttribute("aria-pressed", String(on));
      hide();
      frame.replaceChildren(on ? second : first);
    });
    const bar = document.createElement("div");
    bar.className = "choices";
    bar.append(button);
    figure.prepend(bar);
  }

  // one switch a mode, where the page begins
  const names = new Map();
  for (const label of document.querySelectorAll(".mode[data-mode]")) {
    names.set(Number(label.dataset.mode), label.textContent);
  }
  const said = new Set(figures.flatMap((figure) => marksOf(figure).map(([, , mode]) => mode)));
  const drawn = [...names].filter(([mode]) => said.has(mode));
  if (drawn.length > 1) {
    const bar = document.createElement("div");
    bar.className = "choices modes";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Modes that are drawn");
    for (const [mode, name] of drawn) {
      const ink = `ink-mode-${(mode % 8) + 1}`;
      const button = document.createElement("button");
      button.type = "button";
      button.className = ink;
      button.textContent = name;
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        const off = !hidden.has(mode);
        if (off) hidden.add(mode);
        else hidden.delete(mode);
        button.setAttribute("aria-pressed", String(!off));
        document.body.classList.toggle(`without-${ink}`, off);
        for (const figure of figures) {
          if (figure.dataset.mode === String(mode)) figure.hidden = off;
        }
        hide();
      });
      bar.append(button);
    }
    document.querySelector("nav").after(bar);
  }
})();
