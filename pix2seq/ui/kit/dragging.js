// Dragging over a plot: from the press on, the surface follows the pointer wherever it goes.

/**
 * Call `follow` with the press and with every move until the pointer is let go.
 * @param {Element} surface
 * @param {(event: PointerEvent) => void} follow
 */
export const onDrag = (surface, follow) => {
  const take = (/** @type {Event} */ event) => {
    const pointer = /** @type {PointerEvent} */ (event);
    if (event.type === "pointerdown") surface.setPointerCapture(pointer.pointerId);
    if (surface.hasPointerCapture(pointer.pointerId)) follow(pointer);
  };
  for (const type of ["pointerdown", "pointermove"]) surface.addEventListener(type, take);
};
