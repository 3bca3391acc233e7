// How many nodes a list gives. The lists and the limits reckon alike.

export const DEFAULT_FIRST = 50;
// of a list that is a field of a node or of another object
export const NESTED_FIRST = 20;
export const MAXIMUM_FIRST = 1000;

// The nodes of a page at most. first and last are as the client gave them, null
// where it gave none.
export function pageSize({ first, last }, isNested) {
  const asked = first ?? last ?? (isNested ? NESTED_FIRST : DEFAULT_FIRST);

  return Math.min(Math.max(asked, 0), MAXIMUM_FIRST);
}
