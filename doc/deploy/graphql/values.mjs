// Values of composite types that are no rows of a view, such as the errors of a
// mutation: they come with the row that they are in. PostGraphile would send them
// back to the database, to read their fields in a transaction of its own.

import { isTable } from "./tags.mjs";

const isValue = (codec) => codec?.attributes && !isTable(codec);

export const ValuesPlugin = {
  name: "TrainledgerValuesPlugin",
  schema: {
    hooks: {
      GraphQLObjectType: (type, _build, { scope: { pgCodec } }) =>
        (isValue(pgCodec) ? { ...type, assertStep: null } : type),
      GraphQLObjectType_fields_field(field, _build, { scope }) {
        const { pgCodec, pgFieldAttribute: attribute } = scope;

        if (!isValue(attribute?.codec.arrayOfCodec ?? attribute?.codec)) {
          return field;
        }
        const [name] = Object.entries(pgCodec.attributes)
          .find(([, other]) => other === attribute);
        return { ...field, plan: ($row) => $row.get(name) };
      },
    },
  },
};
