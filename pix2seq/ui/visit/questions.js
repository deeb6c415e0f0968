// Questions to the server beside Gradio's queue (`questions.py` answers them).

/** @import {Options} from "#visit/record.js" */

/**
 * What Gradio gives a component of ours: its value, how to follow and change it, and the functions
 * that the server registered for it.
 * @typedef {object} Bridge
 * @property {{value: string}} props
 * @property {(name: string, callback: () => void) => void} watch
 * @property {(event: string, data: object) => void} trigger
 * @property {{[name: string]: (question: object) => Promise<any>}} server
 * @property {string[]} events of the component
 * @property {string[]} reading names of the controls that only re-read what is written
 * @property {{[control: string]: {option: keyof Options, label: string}}} [writing] the other ones
 */

/**
 * Ask; a server that is gone comes back as an error, as a mistake in the question does.
 * @param {Bridge["server"]} server
 * @param {string} name
 * @param {object} question
 */
export const ask = async (server, name, question) => {
  try {
    return (await server[name](question)) || {};
  } catch (error) {
    return { error: "The server does not answer; is it still running?" };
  }
};
