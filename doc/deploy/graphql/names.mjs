// Names: the column "id" is the field "id", the list of a view is its plural,
// and a type named X_input in the database is the input XInput. (PostGraphile
// makes XInputRecord of such a type, and an input from that. It makes inputs for
// views too, which nothing uses.) And what tags say of single fields: a list that
// only one of several types has, arguments of a function that are required.

import { GraphQLNonNull } from "postgraphile/graphql";

import { tagsOf, words } from "./tags.mjs";

export const NamesPlugin = {
  name: "TrainledgerNamesPlugin",
  inflection: {
    replace: {
      _attributeName(previous, _options, details) {
        return previous.call(this, { ...details, skipRowId: true });
      },
      allRowsConnection(_previous, _options, resource) {
        return this.camelCase(this.pluralize(resource.name));
      },
      inputType(_previous, _options, typeName) {
        return /InputRecord$/.test(typeName)
          ? typeName.replace(/Record$/, "")
          : `${typeName}RecordInput`;
      },
    },
  },
  schema: {
    hooks: {
      GraphQLObjectType_fields: { after: ["PgRefsPlugin"], callback: withoutListsOfOthers },
      GraphQLInterfaceType_fields: { after: ["PgRefsPlugin"], callback: withoutListsOfOthers },

      GraphQLObjectType_fields_field_args(args, _build, { scope }) {
        const required = words(tagsOf(scope.pgCodec).required);
        return Object.fromEntries(Object.entries(args).map(([name, arg]) =>
          [name, required.includes(`${scope.fieldName}.${name}`)
            ? { ...arg, type: new GraphQLNonNull(arg.type) }
            : arg]));
      },

      // PostGraphile describes an input by the type that it would have made
      GraphQLInputObjectType: (spec, _build, { scope }) =>
        scope.pgCodec?.description
          ? { ...spec, description: scope.pgCodec.description }
          : spec,
    },
  },
};

function withoutListsOfOthers(fields, _build, { Self, scope }) {
  const [list, type] = words(tagsOf(scope.pgCodec).listOf);
  const { [list]: _left, ...others } = fields;
  return list && Self.name !== type ? others : fields;
}
