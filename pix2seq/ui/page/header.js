// The header's buttons: presenter mode, light and dark; with them starts what keeps the address.

import { emit } from "#kit/bus.js";
import { h, partOf } from "#kit/elements.js";
import { startScene } from "#page/scene.js";

/** @import {Bridge} from "#visit/questions.js" */

/** @type {(element: Element, bridge: Bridge) => void} */
export const mountActions = (element, bridge) => {
  const dark = () => document.body.classList.contains("dark");
  const theme = h("button", { type: "button", class: "p2s-button", "data-theme-switch": "" });
  const show = () => {
    theme.textContent = dark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", `Switch to ${dark() ? "light" : "dark"} colours`);
  };
  theme.addEventListener("click", () => {
    document.body.classList.toggle("dark");
    try {
      localStorage.setItem("p2s-theme", dark() ? "dark" : "light");
    } catch (error) {
      // storage may be blocked; the switch still works for this visit
    }
    show();
  });
  try {
    const kept = localStorage.getItem("p2s-theme");
    if (kept) document.body.classList.toggle("dark", kept === "dark");
  } catch (error) {
    // as above
  }
  show();
  const present = h(
    "button",
    {
      type: "button",
      class: "p2s-button",
      "data-present": "",
      title: "Photo and sentence alone, in large type (key P)",
      onclick: () => emit("present"),
    },
    "Present"
  );
  const tour = h(
    "button",
    { type: "button", class: "p2s-button", "data-tour-small": "", onclick: () => emit("tour") },
    "Tour"
  );
  partOf(element, "[data-actions]").replaceChildren(tour, present, theme);
  startScene(JSON.parse(bridge.props.value));
};
