// The PostGraphile 5 preset for the schema trainledger_graphql: plugins for the
// smart tags of trainledger_graphql.sql. It knows no view and no function by name.

import { constant, lambda, SafeError } from "postgraphile/grafast";
import { defaultMaskError } from "postgraphile/grafserv";
import { GraphQLError, GraphQLNonNull, Kind } from "postgraphile/graphql";
import { TYPES } from "postgraphile/@dataplan/pg";
import { sql } from "postgraphile/pg-sql2";

const tagsOf = (thing) => thing?.extensions?.tags ?? {};
const words = (tag) => (typeof tag === "string" ? tag.split(/[\s,]+/) : []);

// ---------------------------------------------------------------------------
// Scalars
// ---------------------------------------------------------------------------

const NUMBER = /^[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})(e[+-]?\d{1,3})?$/i;
const MOMENT =
  /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?$/;

const matching = (pattern, what) => (value) => {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string" || !pattern.test(text)) {
    throw new GraphQLError(`'${String(value).slice(0, 64)}' is not ${what}`);
  }
  return text;
};

const literal = (parse, ...kinds) => (node) => {
  if (!kinds.includes(node.kind)) {
    throw new GraphQLError(`a ${node.kind} stands where it cannot`, {
      nodes: node,
    });
  }
  return parse(node.value);
};

const parseAmount = matching(NUMBER, "a number");
const parseMoment = matching(MOMENT, "a date or a time such as 2023-04-04T08:41:30Z");

const SCALARS = {
  TokenAmount: {
    description:
      "Number of tokens. Read from an Int, a Float or a String (exact), printed as a number with all its digits.",
    // keeps digits beyond those of a double
    serialize: (value) =>
      JSON.rawJSON(String(value).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "")),
    parseValue: parseAmount,
    parseLiteral: literal(parseAmount, Kind.INT, Kind.FLOAT, Kind.STRING),
  },
  DateTime: {
    description:
      "Instant, such as 2023-04-04T08:41:30Z; without a zone it is UTC. A date alone is read as its first moment in UTC, unless a field says otherwise.",
    // from the database: 2023-04-04T08:41:30.123456+00:00
    serialize: (value) =>
      String(value).replace(/^(.{19})(\.\d+)?\+00:00$/, "$1Z"),
    parseValue: parseMoment,
    parseLiteral: literal(parseMoment, Kind.STRING),
  },
};

const ScalarsPlugin = {
  name: "TrainledgerScalarsPlugin",
  schema: {
    hooks: {
      init: {
        before: ["PgCodecs"],
        callback(_, build) {
          for (const [name, spec] of Object.entries(SCALARS)) {
            build.registerScalarType(name, {}, () => spec, "trainledger");
          }
          build.setGraphQLTypeForPgCodec(
            TYPES.timestamptz, ["input", "output"], "DateTime");
          for (const codec of build.allPgCodecs) {
            const { scalar } = tagsOf(codec);
            if (scalar) {
              build.setGraphQLTypeForPgCodec(codec, ["input", "output"], scalar);
            }
          }
          return _;
        },
      },
    },
  },
};

// ---------------------------------------------------------------------------
// Names: the column "id" is the field "id", the list of a view is its plural,
// and a type named X_input in the database is the input XInput. (PostGraphile
// makes XInputRecord of such a type, and an input from that. It makes inputs for
// views too, which nothing uses.)
// ---------------------------------------------------------------------------

const NamesPlugin = {
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

// ---------------------------------------------------------------------------
// Mutations in namespaces
// ---------------------------------------------------------------------------

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

const NamespacesPlugin = {
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

// ---------------------------------------------------------------------------
// Lists: first, after, offset, filters; order; totalRecords
// ---------------------------------------------------------------------------

const DEFAULT_FIRST = 50;
const MAXIMUM_FIRST = 1000;

function checkedFirst(given) {
  const first = given ?? DEFAULT_FIRST;

  if (first < 1 || first > MAXIMUM_FIRST) {
    throw new SafeError(`'first' is from 1 to ${MAXIMUM_FIRST}`);
  }
  return first;
}

function checkedOffset(offset) {
  if (offset < 0) {
    throw new SafeError("'offset' is 0 or more");
  }
  return offset;
}

const COMPARISONS = {
  eq: [(left, right) => sql`${left} = ${right}`, "equal"],
  ne: [(left, right) => sql`(${left} = ${right}) is not true`, "not equal, or empty"],
  lt: [(left, right) => sql`${left} < ${right}`, "less"],
  le: [(left, right) => sql`${left} <= ${right}`, "less or equal"],
  gt: [(left, right) => sql`${left} > ${right}`, "greater"],
  ge: [(left, right) => sql`${left} >= ${right}`, "greater or equal"],
  like: [null, "matches a pattern, in which % stands for any text and _ for any character"],
  in: [null, "equal to one of several values, separated by commas"],
};

// Keys as they are printed
const PRINTED = new Map([
  [TYPES.bigint, /^(0|[1-9]\d*)$/],
  [TYPES.uuid, /^[0-9a-f]{32}$/],
]);

// The key in a global id of one of these types
function globalIdKey(value, types, codec) {
  const text = Buffer.from(value, "base64").toString("utf8");
  const [, type, key] = /^([A-Za-z][A-Za-z0-9]*):(.+)$/s.exec(text) ?? [];
  if (!types.includes(type)
      || PRINTED.get(codec)?.test(key) === false
      || Buffer.from(text, "utf8").toString("base64") !== value) {
    throw new SafeError(`'${value.slice(0, 64)}' is not a global id of ${types.join(" or ")}`);
  }
  return key;
}

// A column as the nodes show it: instants to the second
function shown(column, type) {
  return type === TYPES.timestamptz
    ? sql`date_trunc('second', ${column})`
    : column;
}

function shownText(column, type) {
  return type === TYPES.timestamptz
    ? sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
    : sql`${column}::text`;
}

// The condition of one filter on the rows of a table
function condition(alias, codec, { field, operation, value }) {
  const column = (name) => sql`${alias}.${sql.identifier(name)}`;
  const [name = field, ...types] = words(tagsOf(codec.attributes[field]).filterAs);
  const { codec: type } = codec.attributes[name];

  function compare(how, text) {
    const key = types.length ? globalIdKey(text, types, type) : text;
    const met = COMPARISONS[how][0](shown(column(name), type),
      sql`${sql.value(key)}::${type.sqlType}`);
    // ids of several types may have the same key
    return how === "eq" && types.length > 1
      ? sql`(${met} and ${column(field)} = ${sql.value(text)})`
      : met;
  }

  if (value == null) {
    if (operation !== "eq" && operation !== "ne") {
      throw new SafeError(`the filter on ${field} has no value`);
    }
    return operation === "eq"
      ? sql`${column(field)} is null`
      : sql`${column(field)} is not null`;
  }
  switch (operation) {
    case "like":
      return sql`${shownText(column(field), type)} like ${sql.value(value)}::text`;
    case "in":
      return sql`(${sql.join(
        value.split(",").map((one) => compare("eq", one.trim())), " or ")})`;
    case "ne":
      return sql`(${compare("eq", value)}) is not true`;
    default:
      return compare(operation, value);
  }
}

const isTable = (codec) =>
  codec?.attributes && !codec.isAnonymous && !!tagsOf(codec).primaryKey;

// Columns that are a field of the node and can be compared
function filterFields(build, codec) {
  return Object.entries(codec.attributes).filter(([name, attribute]) =>
    build.behavior.pgCodecAttributeMatches([codec, name], "attribute:select")
      && !attribute.codec.attributes && !attribute.codec.arrayOfCodec);
}

const ListsPlugin = {
  name: "TrainledgerListsPlugin",
  after: ["PgFirstLastBeforeAfterArgsPlugin"],
  schema: {
    hooks: {
      init(_, build) {
        build.registerEnumType("FilterOperation", {}, () => ({
          description: "How a filter compares.",
          values: Object.fromEntries(Object.entries(COMPARISONS).map(
            ([name, [, description]]) => [name, { description }])),
        }), "trainledger");
        for (const codec of build.pgCodecMetaLookup.keys()) {
          if (isTable(codec)) {
            registerFilter(build, codec);
          }
        }
        return _;
      },

      GraphQLObjectType_fields(fields, build, { Self, fieldWithHooks }) {
        if (Self.name !== "PageInfo") {
          return fields;
        }
        return build.extend(fields, {
          totalRecords: fieldWithHooks({ fieldName: "totalRecords" }, () => ({
            description: "How many there are, on all pages together.",
            type: new GraphQLNonNull(build.graphql.GraphQLInt),
            plan: ($pageInfo) =>
              $pageInfo.getDep(0)
                .cloneSubplanWithoutPagination("aggregate")
                .singleAsRecord()
                .select(sql`count(*)`, TYPES.bigint, false),
          })),
        }, "totalRecords");
      },

      GraphQLObjectType_fields_field(field, build, { scope }) {
        const codec = listCodec(scope);
        if (!codec) {
          return field;
        }
        const { plan } = field;
        return { ...field, plan: (...args) => ordered(codec, plan(...args), args[1]) };
      },

      GraphQLObjectType_fields_field_args(args, build, { scope }) {
        const codec = listCodec(scope);
        if (!codec) {
          return args;
        }
        const { first, after, offset } = args;
        const { GraphQLList } = build.graphql;
        return {
          first: {
            ...first,
            description: `At most so many, up to ${MAXIMUM_FIRST}.`,
            defaultValue: DEFAULT_FIRST,
            applyPlan: (_, $connection, arg) =>
              $connection.setFirst(lambda(arg.getRaw(), checkedFirst)),
          },
          after: { ...after, description: "Only those after this cursor." },
          offset: {
            ...offset,
            description: "Leave out so many, from the cursor on.",
            applyPlan: (_, $connection, arg) =>
              $connection.setOffset(lambda(arg.getRaw(), checkedOffset)),
          },
          filters: {
            description: "Only those for which every filter holds.",
            type: new GraphQLList(new GraphQLNonNull(
              build.getTypeByName(filterName(build, codec)))),
          },
        };
      },
    },
  },
};

function listCodec({ isPgFieldConnection, pgFieldResource, pgFieldCodec }) {
  const codec = pgFieldCodec ?? pgFieldResource?.codec;
  return isPgFieldConnection && isTable(codec) ? codec : null;
}

function filterName(build, codec) {
  return `${build.inflection.tableType(codec)}FieldFilter`;
}

function registerFilter(build, codec) {
  const { inflection, graphql } = build;
  const fieldsName = `${inflection.tableType(codec)}Field`;

  build.registerEnumType(fieldsName, {}, () => ({
    description: `Field of ${inflection.tableType(codec)} to filter by.`,
    values: Object.fromEntries(filterFields(build, codec).map(
      ([attributeName, { description }]) =>
        [inflection.attribute({ attributeName, codec }),
         { value: attributeName, description }])),
  }), "trainledger");
  build.registerInputObjectType(filterName(build, codec), {}, () => ({
    description: `Compares a field of ${inflection.tableType(codec)} with a value.`,
    fields: () => ({
      field: { type: new GraphQLNonNull(build.getTypeByName(fieldsName)) },
      operation: { type: new GraphQLNonNull(build.getTypeByName("FilterOperation")) },
      value: {
        description: "Value as a text; null with eq and ne: empty.",
        type: graphql.GraphQLString,
      },
    }),
  }), "trainledger");
}

// A list in its order, with its filters
function ordered(codec, $connection, fieldArgs) {
  const $select = $connection.getSubplan();
  const { orderFirst, primaryKey, hideUnlessAsked } = tagsOf(codec);

  for (const attribute of [...words(orderFirst), ...words(primaryKey)]) {
    $select.orderBy({ attribute, direction: "ASC" });
  }
  $select.setOrderIsUnique();
  $select.apply(lambda(fieldArgs.getRaw("filters"), (filters) => (query) => {
    for (const filter of filters ?? []) {
      query.where(condition(query.alias, codec, filter));
    }
    if (hideUnlessAsked
        && !filters?.some(({ field }) => field === hideUnlessAsked)) {
      query.where(sql`not ${query.alias}.${sql.identifier(hideUnlessAsked)}`);
    }
  }));
  return $connection;
}

// ---------------------------------------------------------------------------
// Limits of a document
// ---------------------------------------------------------------------------

const MAXIMUM_DEPTH = 12;
const MAXIMUM_FIELDS = 1000;

// A validation rule: the depth of a document and the number of its fields, with
// fragments expanded. Introspection is not counted.
function limits(context) {
  const known = new Map();

  function measure(selectionSet) {
    const whole = { depth: 0, fields: 0 };
    for (const selection of selectionSet?.selections ?? []) {
      const isField = selection.kind === Kind.FIELD;
      if (isField && /^__(schema|type)$/.test(selection.name.value)) {
        continue;
      }
      const part = selection.kind === Kind.FRAGMENT_SPREAD
        ? measureFragment(selection.name.value)
        : measure(selection.selectionSet);
      whole.depth = Math.max(whole.depth, part.depth + (isField ? 1 : 0));
      whole.fields += part.fields + (isField ? 1 : 0);
    }
    return whole;
  }

  // Another rule refuses circular fragments
  function measureFragment(name) {
    if (!known.has(name)) {
      known.set(name, { depth: 0, fields: 0 });
      known.set(name, measure(context.getFragment(name)?.selectionSet));
    }
    return known.get(name);
  }

  return {
    OperationDefinition(node) {
      const { depth, fields } = measure(node.selectionSet);
      if (depth > MAXIMUM_DEPTH) {
        context.reportError(new GraphQLError(
          `the document is ${depth} levels deep; ${MAXIMUM_DEPTH} are allowed`));
      }
      if (fields > MAXIMUM_FIELDS) {
        context.reportError(new GraphQLError(
          `the document has ${fields} fields; ${MAXIMUM_FIELDS} are allowed`));
      }
    },
  };
}

const LimitsPlugin = {
  name: "TrainledgerLimitsPlugin",
  grafserv: {
    middleware: {
      setPreset(next, event) {
        event.validationRules.push(limits);
        return next();
      },
    },
  },
};

// ---------------------------------------------------------------------------
// Errors
// ---------------------------------------------------------------------------

// The client sees refusals, invalid values, missing rights, cancelled statements
// and conflicts, with SQLSTATE, DETAIL and HINT.
const PUBLIC_STATES = /^(TL\w{3}|22\w{3}|42501|57014|40001|40P01)$/;

export function maskError(error) {
  const { code, message, detail, hint } = error.originalError ?? {};
  if (!PUBLIC_STATES.test(code)) {
    return defaultMaskError(error);
  }
  return new GraphQLError(message, {
    nodes: error.nodes,
    path: error.path,
    extensions: { code, detail, hint },
  });
}

export default {
  plugins: [
    ScalarsPlugin, NamesPlugin, NamespacesPlugin, ListsPlugin, LimitsPlugin,
  ],
  // Nodes are found in their lists. The schema has what the views and functions
  // define, and nothing else.
  disablePlugins: [
    "NodePlugin", "NodeAccessorPlugin", "PgTableNodePlugin",
    "PgNodeIdAttributesPlugin", "AddNodeInterfaceToSuitableTypesPlugin",
    "RegisterQueryNodePlugin", "QueryQueryPlugin", "PgRowByUniquePlugin",
    "PgConditionArgumentPlugin", "PgConditionCustomFieldsPlugin",
    "PgConnectionArgOrderByPlugin", "PgConnectionArgOrderByDefaultValuePlugin",
    "PgOrderAllAttributesPlugin", "PgOrderCustomFieldsPlugin",
    "PgOrderByPrimaryKeyPlugin", "PgConnectionTotalCountPlugin",
    "PgMutationCreatePlugin", "PgMutationUpdateDeletePlugin",
    "PgMutationPayloadEdgePlugin", "MutationPayloadQueryPlugin",
  ],
  schema: {
    defaultBehavior: "-resource:insert -resource:update -resource:delete",
  },
};
