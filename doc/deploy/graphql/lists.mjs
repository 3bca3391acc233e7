// Lists: pages, order and filters; what the interface of a list says of a page.

import { createHash } from "node:crypto";

import { TYPES } from "postgraphile/@dataplan/pg";
import { constant, ConstantStep, lambda, SafeError } from "postgraphile/grafast";
import { GraphQLBoolean, GraphQLInt, GraphQLList, GraphQLNonNull, GraphQLString }
  from "postgraphile/graphql";
import { sql } from "postgraphile/pg-sql2";

import { comparedAs, keyValues, parseGlobalId } from "./ids.mjs";
import { DEFAULT_FIRST, MAXIMUM_FIRST, NESTED_FIRST, pageSize } from "./paging.mjs";
import { isTable, tagsOf, words } from "./tags.mjs";

const columnOf = (alias, name) => sql`${alias}.${sql.identifier(name)}`;

// --- Filters

const COMPARISONS = {
  eq: [(left, right) => sql`${left} = ${right}`, "equal"],
  ne: [(left, right) => sql`(${left} = ${right}) is not true`, "not equal, or empty"],
  lt: [(left, right) => sql`${left} < ${right}`, "less"],
  le: [(left, right) => sql`${left} <= ${right}`, "less or equal"],
  gt: [(left, right) => sql`${left} > ${right}`, "greater"],
  ge: [(left, right) => sql`${left} >= ${right}`, "greater or equal"],
  like: [null, "matches a pattern, in which % stands for any text and _ for any character; upper and lower case are the same"],
  in: [null, "equal to one of several values, separated by commas; \\, is a comma in a value, and \\\\ a backslash"],
};

// The values of a text for "in"
function separated(text) {
  return [...text.matchAll(/(?:^|,)((?:\\[\\,]|[^,])*)/g)].map(([, value]) =>
    value.trim().replace(/\\([\\,])/g, "$1"));
}

function globalIdKey(value, types, columns, codec) {
  const { type, key } = parseGlobalId(value) ?? {};
  const values = types.includes(type) && keyValues(key, columns, codec);
  if (!values) {
    throw new SafeError(`'${value.slice(0, 64)}' is not a global id of ${types.join(" or ")}`);
  }
  return values;
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

// An enum has the values of the column's type.
function checkValue(text, { codec: { values } }, fieldName) {
  if (values && !values.some(({ value }) => value === text)) {
    throw new SafeError(
      `'${text.slice(0, 64)}' is not a value of ${fieldName}`, { code: "22P02" });
  }
}

// The condition of one filter on the rows of a table
function condition(alias, codec, fieldName, { field, operation, value }) {
  const { columns, types } = comparedAs(codec, field);
  const asShown = columnOf(alias, field);
  const row = (expressions) => sql`(${sql.join(expressions, ", ")})`;

  function compare(how, text) {
    checkValue(text, codec.attributes[field], fieldName);
    const values =
      types.length ? globalIdKey(text, types, columns, codec) : [text];
    const met = COMPARISONS[how][0](
      row(columns.map((name) =>
        shown(columnOf(alias, name), codec.attributes[name].codec))),
      row(values.map((one, i) =>
        sql`${sql.value(one)}::${codec.attributes[columns[i]].codec.sqlType}`)));
    // ids of several types may have the same key
    if (how === "eq" && types.length > 1) {
      return sql`(${met} and ${asShown} = ${sql.value(text)})`;
    }
    // the id of something that the caller may not see is null
    return types.length && !codec.attributes[field].notNull
      ? sql`(${met} and ${asShown} is not null)`
      : met;
  }

  if (value == null) {
    if (operation !== "eq" && operation !== "ne") {
      throw new SafeError(`the filter on ${fieldName} has no value`);
    }
    return operation === "eq"
      ? sql`${asShown} is null`
      : sql`${asShown} is not null`;
  }
  switch (operation) {
    case "like":
      return sql`${shownText(asShown, codec.attributes[field].codec)} ilike ${sql.value(value)}::text`;
    case "in":
      return sql`(${sql.join(
        separated(value).map((one) => compare("eq", one)), " or ")})`;
    case "ne":
      return sql`(${compare("eq", value)}) is not true`;
    default:
      return compare(operation, value);
  }
}

// Columns that are a field of the node and can be compared
function filterFields(build, codec) {
  return Object.entries(codec.attributes).filter(([name, attribute]) =>
    build.behavior.pgCodecAttributeMatches([codec, name], "attribute:select")
      && !attribute.codec.attributes && !attribute.codec.arrayOfCodec);
}

// --- Order

// The columns that rows are in the order of. Those of the default order come
// last, the primary key among them, so that no two rows are equal.
function ordersOf(alias, codec, order) {
  const { orderFirst, primaryKey } = tagsOf(codec);
  const always = [...words(orderFirst), ...words(primaryKey)];
  const directions = new Map();

  for (const { field, direction } of order ?? []) {
    for (const name of comparedAs(codec, field).columns) {
      if (!directions.has(name)) {
        directions.set(name, direction);
      }
    }
  }
  for (const name of always) {
    if (!directions.has(name)) {
      directions.set(name, "ASC");
    }
  }
  return [...directions].map(([name, direction]) => ({
    name,
    fragment: columnOf(alias, name),
    // cursors keep values as the database prints them, null too
    codec: { ...codec.attributes[name].codec, fromPg: (value) => value },
    nullable: !always.includes(name),
    direction,
  }));
}

// Whether the columns of an order are never null and all ascending, or all
// descending: an index can serve a comparison of rows.
const isEven = (orders) => orders.every(({ nullable, direction }) =>
  !nullable && direction === orders[0].direction);

const opposite = ({ direction, ...order }) =>
  ({ ...order, direction: direction === "ASC" ? "DESC" : "ASC" });

// Rows behind a cursor in this order; inclusive: its own row too. Nulls come
// last in an ascending order, first in a descending one. (PostGraphile's own
// condition has them the other way round.)
function behind(orders, values, inclusive) {
  const compared = orders.map(({ fragment, codec, direction }, i) => ({
    column: fragment,
    isNull: values[i] == null,
    value: sql`${sql.value(values[i])}::${codec.sqlType}`,
    isAscending: direction === "ASC",
  }));

  if (isEven(orders)) {
    const row = (what) => sql.join(compared.map((one) => one[what]), ", ");
    const strictly = compared[0].isAscending ? sql`>` : sql`<`;
    return sql`(${row("column")}) ${strictly}${inclusive ? sql`=` : sql.blank} (${row("value")})`;
  }
  return compared.reduceRight((rest, { column, isNull, value, isAscending }) =>
    isNull && isAscending ? sql`(${column} is null and ${rest})`
    : isNull ? sql`(${column} is not null or ${rest})`
    : isAscending
      ? sql`(${column} > ${value} or ${column} is null or (${column} = ${value} and ${rest}))`
    : sql`(${column} < ${value} or (${column} = ${value} and ${rest}))`,
  inclusive ? sql`true` : sql`false`);
}

// All other rows: those before the cursor, and inclusive: its own row too
function notBehind(orders, values, inclusive) {
  return isEven(orders)
    ? behind(orders.map(opposite), values, inclusive)
    : sql`${behind(orders, values, !inclusive)} is not true`;
}

// A short name of the order, which a cursor ends with: it says nothing in another
// order.
function nameOf(orders) {
  return createHash("sha256")
    .update(orders.map(({ name, direction }) => `${name} ${direction}`).join())
    .digest("base64url").slice(0, 8);
}

const namedAs = (name) => ({
  fragment: sql`${sql.value(name)}::text`,
  codec: TYPES.text,
  nullable: false,
  direction: "ASC",
});

// The values of a cursor: what PostGraphile makes of the order's columns and
// name, after a digest of its own
function cursorValues(cursor, argument, orders) {
  const values = cursor.slice(1, -1);
  if (values.length !== orders.length || cursor.at(-1) !== nameOf(orders)
      || !values.every((value) => value == null || typeof value === "string")) {
    throw new SafeError(`Invalid cursor in '${argument}': a cursor is good for the order that it comes from`);
  }
  return values;
}

// --- Pages

const SIZES = ["first", "last", "offset"];
const CURSORS = ["before", "after"];
// for an argument that a variable decides about
const MAY_BE_GIVEN = Symbol("may be given");

function parseCursor(cursor, argument) {
  try {
    const values =
      cursor == null ? [] : JSON.parse(Buffer.from(cursor, "base64").toString());
    if (Array.isArray(values)) {
      return cursor == null ? null : values;
    }
  } catch {
    // refused below
  }
  throw new SafeError(`Invalid cursor in '${argument}'`);
}

// Which rows of a list are asked for: the first so many, or the last
const pageOf = (isNested) => ([first, last, offset, before, after]) => {
  [first, last, offset].forEach((given, i) => {
    if (given < 0) {
      throw new SafeError(`'${SIZES[i]}' is 0 or more`);
    }
  });
  if (last != null && (first != null || offset > 0)) {
    throw new SafeError(
      `'last' cannot be combined with '${first != null ? "first" : "offset"}'`);
  }
  const size = pageSize({ first, last }, isNested);
  const isBackward = last != null
    || (before != null && first == null && after == null && !(offset > 0));
  return {
    first: isBackward ? null : size,
    last: isBackward ? size : null,
    offset: offset > 0 ? offset : null,
    before: parseCursor(before, "before"),
    after: parseCursor(after, "after"),
  };
};

// A list with its filters, in its order, and one page of it
function paged({ codec, isNested, fieldNameOf }, $connection, fieldArgs) {
  const $select = $connection.getSubplan();
  const { hideUnlessAsked } = tagsOf(codec);
  const $given = [...SIZES, ...CURSORS].map((name) => fieldArgs.getRaw(name));
  const $page = lambda($given, pageOf(isNested));

  $select.setOrderIsUnique();
  $select.apply(lambda(
    [fieldArgs.getRaw("filters"), fieldArgs.getRaw("order"), $page],
    ([filters, order, { before, after }]) => (query) => {
      const asked = (filters ?? []).filter((filter) => filter != null);
      const orders = ordersOf(query.alias, codec,
        order?.filter((one) => one != null));
      for (const filter of asked) {
        query.where(condition(query.alias, codec, fieldNameOf(filter.field), filter));
      }
      if (hideUnlessAsked
          && !asked.some(({ field }) => field === hideUnlessAsked)) {
        query.where(sql`not ${columnOf(query.alias, hideUnlessAsked)}`);
      }
      query.setMeta("orders", orders);
      // the total counts all pages
      if (query.mode === "aggregate" || query.getMetaRaw("isProbe")) {
        return;
      }
      if (after) {
        query.where(behind(orders, cursorValues(after, "after", orders), false));
      }
      if (before) {
        query.where(notBehind(orders, cursorValues(before, "before", orders), false));
      }
      [...orders, namedAs(nameOf(orders))].forEach((one) => query.orderBy(one));
    }));
  $connection.setFirst(lambda($page, ({ first }) => first));
  $connection.setLast(lambda($page, ({ last }) => last));
  $connection.setOffset(lambda($page, ({ offset }) => offset));
  $connection.pageDependency = $connection.addUnaryDependency($page);
  $connection.given = Object.fromEntries([...SIZES, ...CURSORS].map((name, i) =>
    [name, $given[i] instanceof ConstantStep ? $given[i].data : MAY_BE_GIVEN]));
  return $connection;
}

// --- What a list says of its page

// Rows after a page and before it that the page's own query does not look for,
// because they are beyond a cursor or the page is empty: their condition, and
// whether the arguments can make one
const BEYOND = {
  hasNextPage: {
    isPossible: ({ first, before }) =>
      before != null || first === 0 || first === MAY_BE_GIVEN,
    where: ({ first, offset, before, after }) =>
      before ? before(behind, true)
      : first !== 0 ? sql`false`
      : after ? after(behind, false)
      : sql`true`,
  },
  hasPreviousPage: {
    isPossible: ({ last, offset, after }) =>
      offset != null || after != null || last === 0 || last === MAY_BE_GIVEN,
    where: ({ last, offset, before, after }) =>
      offset == null && last !== 0
        ? (after ? after(notBehind, true) : sql`false`)
      : before ? before(notBehind, false)
      : sql`true`,
  },
};

// hasNextPage or hasPreviousPage: is there one row, in the page's query or
// beyond?
function hasPage(fieldName, $pageInfo) {
  const $connection = $pageInfo.getDep(0);
  const { isPossible, where } = BEYOND[fieldName];
  const isForward = fieldName === "hasNextPage";
  const side = isForward ? "first" : "last";
  const $page = $connection.getDep($connection.pageDependency);
  const $inQuery = lambda([$pageInfo.get(fieldName), $page],
    ([has, page]) => has && page[side] != null);

  if (!isPossible($connection.given)) {
    return $inQuery;
  }
  // a clone has pages like its original only if it is in the same mode
  const $rows =
    $connection.cloneSubplanWithoutPagination("aggregate").clone("normal");
  $rows.setMeta("isProbe", true);
  $rows.setFirst(constant(1));
  $rows.setOffset(lambda($page, ({ first, offset, before }) =>
    isForward && first === 0 && !before ? offset : null));
  $rows.apply(lambda($page, (page) => (query) => {
    const orders = query.getMetaRaw("orders");
    const rows = (name) => page[name] && ((side, inclusive) =>
      side(orders, cursorValues(page[name], name, orders), inclusive));
    query.where(where({ ...page, before: rows("before"), after: rows("after") }));
  }));
  return lambda([$inQuery, $rows],
    ([has, { items }]) => has || items.length > 0);
}

const PAGE_INFO = {
  hasNextPage: "Whether there are nodes after this page.",
  hasPreviousPage: "Whether there are nodes before this page.",
  startCursor: "Cursor of the first node, for before; null on an empty page.",
  endCursor: "Cursor of the last node, for after; null on an empty page.",
};

// --- The arguments of lists

function listCodec({ isPgFieldConnection, pgFieldResource, pgFieldCodec }) {
  const codec = pgFieldCodec ?? pgFieldResource?.codec;
  return isPgFieldConnection && isTable(codec) ? codec : null;
}

const typeName = (build, codec, suffix) =>
  `${build.inflection.tableType(codec)}${suffix}`;

function listArguments(args, build, { scope, Self }) {
  const codec = listCodec(scope);
  if (!codec) {
    return args;
  }
  const size = Self.name === "Query" ? DEFAULT_FIRST : NESTED_FIRST;
  const listOf = (suffix) =>
    new GraphQLList(build.getTypeByName(typeName(build, codec, suffix)));
  return {
    first: {
      type: GraphQLInt,
      description: `The first so many, at most ${MAXIMUM_FIRST}; ${size} without first and last.`,
    },
    after: {
      type: args.after.type,
      description: "Only those after this cursor.",
    },
    last: {
      type: GraphQLInt,
      description: `The last so many, at most ${MAXIMUM_FIRST}.`,
    },
    before: {
      type: args.before.type,
      description: "Only those before this cursor; the last of them, without first and after.",
    },
    offset: {
      type: GraphQLInt,
      description: "Leave out so many, from the cursor on; not with last.",
    },
    filters: {
      description: "Only those for which every filter holds.",
      type: listOf("FieldFilter"),
    },
    order: {
      description: "By these fields; among equals in the order of the list without it.",
      type: listOf("Order"),
    },
  };
}

function registerInputs(build, codec) {
  const name = typeName(build, codec, "");
  const field = () => ({
    description: "The field.",
    type: new GraphQLNonNull(build.getTypeByName(`${name}Field`)),
  });

  build.registerEnumType(`${name}Field`, {}, () => ({
    description: `Field of ${name} to filter and order by.`,
    values: Object.fromEntries(filterFields(build, codec).map(
      ([attributeName, { description }]) =>
        [build.inflection.attribute({ attributeName, codec }),
         { value: attributeName, description }])),
  }), "trainledger");
  build.registerInputObjectType(`${name}FieldFilter`, {}, () => ({
    description: `Compares a field of ${name} with a value.`,
    fields: () => ({
      field: field(),
      operation: {
        description: "How it is compared.",
        type: new GraphQLNonNull(build.getTypeByName("FilterOperation")),
      },
      value: {
        description: "Value as a text; null with eq and ne: empty.",
        type: GraphQLString,
      },
    }),
  }), "trainledger");
  build.registerInputObjectType(`${name}Order`, {}, () => ({
    description: `Order by a field of ${name}.`,
    fields: () => ({
      field: field(),
      direction: {
        description: "Which way.",
        type: new GraphQLNonNull(build.getTypeByName("OrderDirection")),
        defaultValue: "ASC",
      },
    }),
  }), "trainledger");
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
        build.registerEnumType("OrderDirection", {}, () => ({
          description: "Which way a list is ordered.",
          values: {
            asc: { value: "ASC", description: "From the least; empty ones last." },
            desc: { value: "DESC", description: "From the greatest; empty ones first." },
          },
        }), "trainledger");
        for (const codec of build.pgCodecMetaLookup.keys()) {
          if (isTable(codec)) {
            registerInputs(build, codec);
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
            type: new GraphQLNonNull(GraphQLInt),
            plan: ($pageInfo) =>
              $pageInfo.getDep(0)
                .cloneSubplanWithoutPagination("aggregate")
                .singleAsRecord()
                .select(sql`count(*)`, TYPES.bigint, false),
          })),
        }, "totalRecords");
      },

      GraphQLObjectType_fields_field(field, build, { scope, Self }) {
        const { fieldName } = scope;
        if (Self.name === "PageInfo" && PAGE_INFO[fieldName]) {
          return {
            ...field,
            description: PAGE_INFO[fieldName],
            ...(BEYOND[fieldName]
              && { plan: ($pageInfo) => hasPage(fieldName, $pageInfo) }),
          };
        }
        const codec = listCodec(scope);
        if (!codec) {
          return field;
        }
        const { plan } = field;
        const list = {
          codec,
          isNested: Self.name !== "Query",
          fieldNameOf: (attributeName) =>
            build.inflection.attribute({ attributeName, codec }),
        };
        return {
          ...field,
          plan: (...args) => paged(list, plan(...args), args[1]),
        };
      },

      GraphQLObjectType_fields_field_args: listArguments,
      GraphQLInterfaceType_fields_field_args: listArguments,
    },
  },
};
