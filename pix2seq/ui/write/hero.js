// The sentence above the photo, and the two ways to begin.

import { usePhoto } from "#kit/actions.js";
import { emit } from "#kit/bus.js";
import { h } from "#kit/elements.js";

/** @param {string} name */
function role(name) {
  return h("span", { class: "p2s-role", "data-role": name }, name);
}

export const hero = () => {
  const words = ["ymin", "xmin", "ymax", "xmax", "class"].flatMap((name) => [role(name), ", "]);
  words.pop();
  return h(
    "div",
    { class: "p2s-hero" },
    h("p", {}, "A detector that writes: ", ...words, "."),
    h(
      "div",
      { class: "p2s-hero-buttons" },
      h("button", { type: "button", class: "p2s-button", "data-use-photo": "", onclick: usePhoto }, "Use my photo"),
      h(
        "button",
        { type: "button", class: "p2s-button", "data-tour": "", onclick: () => emit("tour") },
        "Take the tour"
      )
    )
  );
};
