// Mutations in namespaces: a function with the tags @namespace NS @method M @input T
// is the field M of the field NS of the mutations, with the type T as its input.

import { TYPES } from "postgraphile/@dataplan/pg";
import { constant, operationPlan } from "postgraphile/grafast";
import { GraphQLList, GraphQLNonNull, isNonNullType } from "postgraphile/graphql";

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
              description: descriptionOf(resources),
              fields: () =>
                Object.fromEntries(resources.map((resource) =>
                  [tagsOf(resource).method, mutationField(build, resource)])),
            }),
            "trainledger");
        }
        return _;
      },
      // The lists of payloads have no empty places.
      GraphQLObjectType_fields_field(field, _build, { scope }) {
        return scope.pgFieldAttribute?.codec.arrayOfCodec
          ? { ...field, type: withoutNulls(field.type) }
          : field;
      },
      GraphQLObjectType_fields(fields, build, { scope, fieldWithHooks }) {
        if (!scope.isRootMutation) {
          return fields;
        }
        const typeNames = [...namespaces(build).keys()].map((namespace) =>
          namespaceType(build, namespace));
        for (const [namespace, resources] of namespaces(build)) {
          fields[namespace] = fieldWithHooks({ fieldName: namespace }, () => ({
            description: descriptionOf(resources),
            type: build.getTypeByName(namespaceType(build, namespace)),
            plan: () => {
              runInSeries(operationPlan(), typeNames);
              return constant(Object.freeze({}));
            },
          }));
        }
        return fields;
      },
    },
  },
};

function withoutNulls(type) {
  return isNonNullType(type)
    ? new GraphQLNonNull(withoutNulls(type.ofType))
    : new GraphQLList(new GraphQLNonNull(type.ofType));
}

function descriptionOf(resources) {
  const methods = resources.map((resource) => tagsOf(resource).method);
  return `Mutations: ${methods.join(", ")}.`;
}

function namespaceType(build, namespace) {
  return `${build.inflection.upperCamelCase(namespace)}Mutations`;
}

// The mutations of a namespace run as those of the document do: one after the
// other, each with the reads below it. Grafast knows this of the fields of the type
// Mutation alone; the fields of other types it may read at any time, so that each
// would be answered as of the last mutation.
function runInSeries(plan, typeNames) {
  const { planSelectionSet } = plan;

  if (Object.hasOwn(plan, "planSelectionSet")) {
    return;
  }
  plan.planSelectionSet = (details) => planSelectionSet.call(plan,
    typeNames.includes(details.positionType.name)
      ? { ...details, isMutation: true }
      : details);
}

// The input goes to the function as it was sent: a field that is null differs from
// one that is left out.
function mutationField(build, resource) {
  const { serviceName, schemaName } = resource.extensions.pg;
  const codec = build.getPgCodecByDatabaseName(
    serviceName, schemaName, tagsOf(resource).input);
  const input = build.getGraphQLTypeByPgCodec(codec, "input");

  return {
    description: resource.description,
    type: build.getGraphQLTypeByPgCodec(resource.codec, "output"),
    args: {
      input: { description: codec.description, type: new GraphQLNonNull(input) },
    },
    plan(_parent, args) {
      const $result = resource.execute(
        [{ step: args.getRaw("input"), pgCodec: TYPES.json }], "mutation");
      $result.hasSideEffects = true;
      return $result;
    },
  };
}
