// node(id): whatever has a global id, by it. The interface Node.

import { TYPES } from "postgraphile/@dataplan/pg";
import { lambda } from "postgraphile/grafast";
import { GraphQLID, GraphQLNonNull } from "postgraphile/graphql";
import { sql } from "postgraphile/pg-sql2";

import { comparedAs, keyValues, parseGlobalId } from "./ids.mjs";
import { isTable, tagsOf, words } from "./tags.mjs";

const idField = () => ({
  description: "Global id.",
  type: new GraphQLNonNull(GraphQLID),
});

export const NodePlugin = {
  name: "TrainledgerNodePlugin",
  schema: {
    hooks: {
      build(build) {
        return build.extend(build, { nodes: new Map() }, "nodes");
      },

      init(_, build) {
        nodesOf(build).forEach(([name, node]) => build.nodes.set(name, node));
        build.registerInterfaceType("Node", {}, () => ({
          description: "Anything with a global id.",
          fields: () => ({ id: idField() }),
          planType: ($id) => ({
            $__typename: lambda($id, typeNameOf(build.nodes), true),
            planForType: ({ name }) => found(build.nodes.get(name), $id),
          }),
        }), "trainledger");
        return _;
      },

      GraphQLObjectType_interfaces: withNode,
      GraphQLInterfaceType_interfaces: withNode,

      GraphQLObjectType_fields(fields, build, { scope, fieldWithHooks }) {
        if (!scope.isRootQuery) {
          return fields;
        }
        return build.extend(fields, {
          node: fieldWithHooks({ fieldName: "node" }, () => ({
            description:
              "The one thing with a global id; null if there is none that the caller may see.",
            type: build.getTypeByName("Node"),
            args: { id: idField() },
            plan: (_root, fieldArgs) => fieldArgs.getRaw("id"),
          })),
        }, "node");
      },
    },
  },
};

function withNode(interfaces, build, { Self }) {
  return build.nodes.has(Self.name)
    ? build.append(interfaces, [build.getTypeByName("Node")], "name", "Node")
    : interfaces;
}

// name of a GraphQL type => how it is found. types are those in the global ids
// that node(id) finds as this type: none for the interface of several.
function nodesOf(build) {
  return [...build.pgCodecMetaLookup.keys()]
    .filter((codec) => isTable(codec) && codec.attributes.id)
    .flatMap((codec) => {
      const { columns, types } = comparedAs(codec, "id");
      const asked = tagsOf(codec).node;
      const node = (own) => ({
        codec, columns, types: own, resource: build.pgTableResource(codec),
      });
      const name = build.inflection.tableType(codec);
      return codec.polymorphism
        ? [[name, node([])],
          ...Object.values(codec.polymorphism.types).map(
            (one) => [one.name, node([one.name])])]
        : [[name, node(asked ? words(asked) : types)]];
    });
}

function typeNameOf(nodes) {
  const names = new Map([...nodes].flatMap(([name, { types }]) =>
    types.map((type) => [type, name])));
  return (id) => names.get(parseGlobalId(id)?.type) ?? null;
}

// The row with a global id. The key has an index; the id itself is compared too,
// because ids of several types can have the same key.
function found({ codec, columns, resource }, $id) {
  const $values = lambda($id, (id) =>
    keyValues(parseGlobalId(id)?.key ?? "", columns, codec) ?? []);
  const $rows = resource.find(Object.fromEntries(columns.map((column, i) =>
    [column, lambda($values, (values) => values[i] ?? null)])));
  $rows.where(sql`${$rows.alias}.id = ${$rows.placeholder($id, TYPES.text)}`);
  return $rows.single();
}
