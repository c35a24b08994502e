// Keyboard, zoom and help. Everything else works without it.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const follow = (id) => byId(id)?.click();
  const isTyping = (element) =>
    element.matches("input:not([type=radio]):not([type=checkbox]):not([type=range]), textarea, select");

  // ---- zoom: both pictures together, at the same place

  const pictures = byId("pictures");
  const levels = [1, 2, 4];
  const frames = pictures ? [...pictures.querySelectorAll(".picture:not(.missing)")] : [];

  function zoom(level) {
    if (!pictures) return;
    const before = frames[0];
    const x = before ? (before.scrollLeft + before.clientWidth / 2) / before.scrollWidth : 0.5;
    const y = before ? (before.scrollTop + before.clientHeight / 2) / before.scrollHeight : 0.5;
    pictures.dataset.zoom = level;
    for (const frame of frames) {
      frame.scrollLeft = x * frame.scrollWidth - frame.clientWidth / 2;
      frame.scrollTop = y * frame.scrollHeight - frame.clientHeight / 2;
    }
    for (const button of document.querySelectorAll("[data-level]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.level) === level));
    }
  }

  function zoomStep(step) {
    if (!pictures) return;
    const at = levels.indexOf(Number(pictures.dataset.zoom)) + step;
    zoom(levels[(at + levels.length) % levels.length]);
  }

  let leader = null;
  for (const frame of frames) {
    frame.addEventListener("pointerenter", () => { leader = frame; });
    frame.addEventListener("focus", () => { leader = frame; });
    frame.addEventListener("scroll", () => {
      if (leader !== null && leader !== frame) return;
      for (const other of frames) {
        if (other !== frame) {
          other.scrollLeft = frame.scrollLeft / frame.scrollWidth * other.scrollWidth;
          other.scrollTop = frame.scrollTop / frame.scrollHeight * other.scrollHeight;
        }
      }
    });
    frame.addEventListener("dblclick", () => zoomStep(1));
  }
  for (const button of document.querySelectorAll("[data-level]")) {
    button.addEventListener("click", () => zoom(Number(button.dataset.level)));
  }
  byId("print")?.addEventListener("click", () => window.print());

  // ---- help

  const help = byId("keys");
  byId("show-keys")?.addEventListener("click", () => help.showModal());

  // ---- the list

  const rows = [...document.querySelectorAll("tr[data-row]")];

  function move(step) {
    if (rows.length === 0) return;
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1);
    rows[next].querySelector("a").focus();
    rows[next].scrollIntoView({ block: "nearest" });
  }

  // ---- the threshold's line

  const slider = byId("at");

  function showThreshold() {
    const at = Number(slider.value);
    byId("at-value").textContent = slider.value;
    const row = document.querySelector(`#thresholds tr[data-threshold='${at}']`);
    const names = ["passing", "failing", "newly-failing", "newly-passing", "fnmr", "fmr"];
    names.forEach((name, column) => {
      document.querySelector(`[data-cell='${name}']`).textContent = row.cells[column + 1].textContent;
    });
    for (const [id, field] of [["newly-failing", "most"], ["newly-passing", "least"]]) {
      const address = new URL(byId(id).href);
      address.searchParams.set(field, slider.value);
      byId(id).href = address.href;
    }
    for (const line of document.querySelectorAll("svg .line")) {
      const axis = line.ownerSVGElement.querySelector(".axis");
      const left = Number(axis.getAttribute("x1"));
      const x = left + (Number(axis.getAttribute("x2")) - left) * at / 100;
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
    }
    document.querySelectorAll("#histogram .histogram").forEach((bar, number) => {
      bar.classList.toggle("passes", number >= at);
      bar.classList.toggle("fails", number < at);
    });
  }
  slider?.addEventListener("input", showThreshold);

  // ---- deciding

  const form = byId("decide");

  function choose(selector) {
    const option = form?.querySelector(selector);
    if (!option) return;
    option.checked = true;
    option.focus();
    if (option.value.endsWith("/other")) byId("note").focus();
  }

  let isSent = false;
  form?.addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    isSent = true;
  });
  window.addEventListener("pageshow", () => { isSent = false; });

  function submit() {
    if (form?.querySelector("input[name=choice]:checked")) form.requestSubmit();
  }

  // ---- keys

  const onPair = {
    a: () => choose("[value='approve/same-person']"),
    r: () => choose("[value='reject/different-person']"),
    t: () => choose("[value='retake/poor-picture']"),
    m: () => byId("note")?.focus(),
    n: () => follow("next"),
    p: () => follow("previous"),
    u: () => follow("back"),
    z: () => zoomStep(1),
    Z: () => zoomStep(-1),
    P: () => window.print(),
  };
  const onList = {
    j: () => move(1),
    k: () => move(-1),
    n: () => follow("next"),
    "/": () => byId("search")?.focus(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || help?.open) return;
    const target = event.target;
    if (isTyping(target)) {
      if (event.key === "Escape") target.blur();
      return;
    }
    let action = null;
    if (event.key === "?") action = () => help?.showModal();
    else if (form && /^[0-9]$/.test(event.key)) action = () => choose(`[data-digit='${event.key}']`);
    else if (!pictures && /^[1-4]$/.test(event.key)) {
      action = () => document.querySelector(`[data-view='${event.key}']`)?.click();
    } else if (event.key === "Enter" && form && !target.matches("a, button")) action = submit;
    else action = (pictures ? onPair : onList)[event.key] ?? null;
    if (action) {
      event.preventDefault();
      action();
    }
  });
})();
