// Reckons what a document asks for, before it runs: the rows that its lists can
// give, and the values, every field as often as the object it is in.

import {
  getArgumentValues, getDirectiveValues, getIntrospectionQuery, getNamedType,
  getVariableValues, GraphQLError, GraphQLIncludeDirective, GraphQLSkipDirective,
  isLeafType, isListType, isNonNullType, isObjectType, Kind, parse,
  SchemaMetaFieldDef, TypeMetaFieldDef, typeFromAST,
} from "postgraphile/graphql";

import { NESTED_FIRST, pageSize } from "./paging.mjs";
import { exceeded } from "./refusals.mjs";
import { isIntrospection } from "./text-limits.mjs";

// Some clients ask every object for its type; the answer has it once.
const isAddedByClient = ({ name, alias }) => name.value === "__typename" && !alias;
const hasPages = (type) => isObjectType(type) && "pageInfo" in type.getFields();
const isList = (type) => isListType(isNonNullType(type) ? type.ofType : type);

// Walks what an operation selects: visit(node, type) is called for each field
// that is not left out by a directive.
function selected({ schema, fragments, variables }, selectionSet, type, visit) {
  for (const node of selectionSet.selections) {
    if (getDirectiveValues(GraphQLSkipDirective, node, variables)?.if === true
        || getDirectiveValues(GraphQLIncludeDirective, node, variables)?.if === false) {
      continue;
    }
    if (node.kind === Kind.FIELD) {
      visit(node, type);
    } else {
      const fragment = node.kind === Kind.FRAGMENT_SPREAD
        ? fragments[node.name.value]
        : node;
      selected({ schema, fragments, variables }, fragment.selectionSet,
        fragment.typeCondition ? typeFromAST(schema, fragment.typeCondition) : type,
        visit);
    }
  }
}

// The arguments that a document writes, without the schema's defaults
function writtenArguments(field, node, variables) {
  const written = new Set(node.arguments?.map(({ name }) => name.value));

  return Object.fromEntries(
    Object.entries(getArgumentValues(field, node, variables))
      .filter(([name]) => written.has(name)));
}

// How many values the filters compare with
function filterValues(filters) {
  return [filters ?? []].flat().reduce((sum, filter) =>
    sum + (filter?.operation === "in" ? filter.value?.split(",").length ?? 0 : 1), 0);
}

// The rows and values that an operation can give.
function reckon(context, operation) {
  const { schema, variables } = context;
  const root = schema.getRootType(operation.operation);
  const sum = { fields: 0, rows: 0, values: 0, filters: 0, introspection: 0 };

  // Of so many objects; page is the size of their lists, in a connection
  function walk(selectionSet, parent, objects, page) {
    selected(context, selectionSet, parent, (node, type) => {
      if (isIntrospection(node)) {
        sum.introspection += introspected(context, node, sum.introspection);
        return;
      }
      sum.fields += 1;
      sum.values += objects;
      const field = type.getFields?.()[node.name.value];
      if (!field || isLeafType(getNamedType(field.type))) {
        return;
      }
      const inner = getNamedType(field.type);
      if (hasPages(inner)) {
        const given = writtenArguments(field, node, variables);
        const size = pageSize(given, type !== root);
        sum.filters += sum.filters > context.filters ? 0 : filterValues(given.filters);
        sum.rows += objects * size;
        walk(node.selectionSet, inner, objects, size);
      } else if (isList(field.type)) {
        sum.rows += page === undefined ? objects * NESTED_FIRST : 0;
        walk(node.selectionSet, inner, objects * (page ?? NESTED_FIRST));
      } else {
        walk(node.selectionSet, inner, objects);
      }
    });
  }

  walk(operation.selectionSet, root, 1);
  return sum;
}

// The number of values in the answer to an introspection: the schema is walked as
// the answer would be, and no further than is allowed.
function introspected(context, root, before) {
  const { schema, variables } = context;
  const most = (context.introspection ?? Infinity) - before;
  let values = 0;

  function walk(node, field, source) {
    values += 1;
    if (values > most || !node.selectionSet) {
      return;
    }
    const found = field.resolve(
      source, getArgumentValues(field, node, variables), undefined, { schema });
    for (const one of [found ?? []].flat()) {
      selected(context, node.selectionSet, getNamedType(field.type), (inner, type) => {
        const { [inner.name.value]: definition } = type.getFields();
        if (definition && values <= most) {
          walk(inner, definition, one);
        } else if (!isAddedByClient(inner)) {
          values += 1;
        }
      });
    }
  }

  walk(root, root.name.value === "__schema" ? SchemaMetaFieldDef : TypeMetaFieldDef);
  return values;
}

// The values of the whole schema, as tools ask for it
const WHOLE_SCHEMA = parse(getIntrospectionQuery({
  descriptions: true, specifiedByUrl: true, directiveIsRepeatable: true,
  schemaDescription: true, inputValueDeprecation: true, oneOf: true,
}));
const wholeSchemas = new WeakMap();

function wholeSchema(schema) {
  if (!wholeSchemas.has(schema)) {
    wholeSchemas.set(schema, reckon(contextOf(schema, WHOLE_SCHEMA, {}),
      WHOLE_SCHEMA.definitions[0]).introspection);
  }
  return wholeSchemas.get(schema);
}

const contextOf = (schema, document, variables) => ({
  schema,
  variables,
  fragments: Object.fromEntries(document.definitions
    .filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)
    .map((definition) => [definition.name.value, definition])),
});

// What a request asks for: its rows and values, or what is wrong with it. What is
// wrong otherwise, such as a variable without a value, the execution says.
export function workOf({ schema, document, operationName, variableValues }, limits) {
  const operations = document.definitions.filter(
    ({ kind }) => kind === Kind.OPERATION_DEFINITION);
  const operation = operationName
    ? operations.find(({ name }) => name?.value === operationName)
    : operations[0];
  const { coerced } = operation && schema.getRootType(operation.operation)
    ? getVariableValues(schema, operation.variableDefinitions ?? [],
      variableValues ?? {}, { maxErrors: limits.errors })
    : {};
  if (!coerced || (!operationName && operations.length > 1)) {
    return { errors: [] };
  }

  const introspection = wholeSchema(schema);
  let sum;
  try {
    sum = reckon(
      { ...contextOf(schema, document, coerced), introspection, filters: limits.filters },
      operation);
  } catch (error) {
    if (error instanceof GraphQLError) {
      return { errors: [error] };
    }
    throw error;
  }
  return {
    ...sum,
    errors: [
      exceeded("the document asks for # rows", sum.rows, limits.rows),
      exceeded("the document asks for # values", sum.values, limits.values),
      exceeded("the document filters by # values", sum.filters, limits.filters),
      exceeded("the introspection asks for # values", sum.introspection, introspection),
    ].filter(Boolean),
  };
}
