// Components whose value is one JSON text.

/** @import {Bridge} from "#visit/questions.js" */

/**
 * Follow a component whose value is one JSON text; a text that cannot be read changes nothing.
 * @template Data what the Python side of the component writes
 * @param {Bridge} bridge
 * @param {(data: Data) => void} take
 */
export const followJson = (bridge, take) => {
  const read = () => {
    /** @type {Data} */
    let data;
    try {
      data = JSON.parse(bridge.props.value);
    } catch (error) {
      return;
    }
    if (data) take(data);
  };
  read();
  bridge.watch("value", read);
};
