// What is on the page now: the stage of *Write* and the lesson of *Learn*, for the rooms that look at
// them (Compare, Learn, the tour) without knowing the rooms that they live in.

let stage = null;
let lesson = null;

export const currentStage = () => stage;
export const currentLesson = () => lesson;

export const enterStage = (one) => {
  stage = one;
  return one;
};

export const enterLesson = (one) => {
  lesson = one;
  return one;
};
