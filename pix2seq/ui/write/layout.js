// Where the parts of the stage stand: photo and what belongs to it, sentence and what is told of a token.

import { h } from "#kit/elements.js";
import { hero } from "#write/hero.js";

/** @import {Stage} from "#write/stage.js" */

const NARROW = "(min-width: 761px) and (max-width: 1199px)";

/**
 * Place the parts; returns the column of panels, which scrolls on its own.
 * @param {Stage} stage
 */
export const layOut = (stage) => {
  stage.photo.shaped = (ratio, margins) => {
    const { style } = stage.root;
    style.setProperty("--ratio", ratio.toFixed(4));
    style.setProperty("--margin-x", `${margins.x}px`);
    style.setProperty("--margin-y", `${margins.y}px`);
  };
  const aside = h(
    "aside",
    { class: "p2s-inspector", "aria-label": "Inspector" },
    stage.inspector.node,
    stage.objects.node,
    stage.share.node
  );
  const main = [
    hero(),
    stage.forbidden.node,
    stage.photo.node,
    stage.toolbar.node,
    stage.timeline.node,
    stage.branches.node,
  ];
  const [left, right] = [
    h("div", { class: "p2s-main" }, ...main),
    h("div", { class: "p2s-side" }, stage.sentence.frame(stage.toolbar.units), aside, stage.presenter.hint),
  ];
  stage.root.replaceChildren(left, right, stage.toast.node, stage.objects.live);
  const narrow = window.matchMedia(NARROW);
  // On a low, narrow window the lines under the photo would take its height.
  const placeTools = () => {
    if (narrow.matches) right.insertBefore(stage.toolbar.node, aside);
    else left.insertBefore(stage.toolbar.node, stage.timeline.node);
  };
  narrow.addEventListener("change", placeTools);
  placeTools();
  return aside;
};
