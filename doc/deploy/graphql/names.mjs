// Names: the column "id" is the field "id", the list of a view is its plural,
// and a type named X_input in the database is the input XInput. (PostGraphile
// makes XInputRecord of such a type, and an input from that. It makes inputs for
// views too, which nothing uses.)

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
};
