// Lists: first, after, offset and filters; their order; totalRecords.

import { TYPES } from "postgraphile/@dataplan/pg";
import { lambda, SafeError } from "postgraphile/grafast";
import { GraphQLNonNull } from "postgraphile/graphql";
import { sql } from "postgraphile/pg-sql2";

import { tagsOf, words } from "./tags.mjs";

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

export const ListsPlugin = {
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
