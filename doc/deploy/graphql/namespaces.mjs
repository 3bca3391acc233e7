// Mutations in namespaces: a function with the tags @namespace NS @method M is
// the field M of the field NS of the mutations.

import { constant } from "postgraphile/grafast";

import { tagsOf } from "./tags.mjs";

// namespace -> its functions
function namespaces(build) {
  const found = new Map();
  for (const resource of Object.values(build.input.pgRegistry.pgResources)) {
    const { namespace, method } = tagsOf(resource);
    if (namespace && method && resource.parameters) {
      found.set(namespace, [...(found.get(namespace) ?? []), resource]);
    }
  }
  return found;
}

export const NamespacesPlugin = {
  name: "TrainledgerNamespacesPlugin",
  schema: {
    entityBehavior: {
      pgResource: {
        inferred: {
          after: ["default", "inferred"],
          callback: (behavior, resource) =>
            tagsOf(resource).namespace
              ? [behavior, "-mutationField", "-queryField"]
              : behavior,
        },
      },
    },
    hooks: {
      init(_, build) {
        for (const [namespace, resources] of namespaces(build)) {
          build.registerObjectType(
            namespaceType(build, namespace), {},
            () => ({
              fields: () =>
                Object.fromEntries(resources.map((resource) =>
                  [tagsOf(resource).method, mutationField(build, resource)])),
            }),
            "trainledger");
        }
        return _;
      },
      GraphQLObjectType_fields(fields, build, { scope, fieldWithHooks }) {
        if (!scope.isRootMutation) {
          return fields;
        }
        for (const namespace of namespaces(build).keys()) {
          fields[namespace] = fieldWithHooks({ fieldName: namespace }, () => ({
            type: build.getTypeByName(namespaceType(build, namespace)),
            plan: () => constant(Object.freeze({})),
          }));
        }
        return fields;
      },
    },
  },
};

function namespaceType(build, namespace) {
  return `${build.inflection.upperCamelCase(namespace)}Mutations`;
}

function mutationField(build, resource) {
  const { makeArgs, makeFieldArgs } =
    build.pgGetArgDetailsFromParameters(resource);

  return {
    description: resource.description,
    type: build.getGraphQLTypeByPgCodec(resource.codec, "output"),
    args: makeFieldArgs(),
    plan(_parent, args) {
      const $result = resource.execute(makeArgs(args), "mutation");
      $result.hasSideEffects = true;
      return $result;
    },
  };
}
