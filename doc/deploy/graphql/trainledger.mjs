// The PostGraphile 5 preset for the schema trainledger_graphql: plugins for the
// smart tags of trainledger_graphql.sql. It knows no view and no function by name.

import { LimitsPlugin } from "./limits.mjs";
import { ListsPlugin } from "./lists.mjs";
import { NamesPlugin } from "./names.mjs";
import { NamespacesPlugin } from "./namespaces.mjs";
import { NodePlugin } from "./node.mjs";
import { ScalarsPlugin } from "./scalars.mjs";
import { ValuesPlugin } from "./values.mjs";

export default {
  plugins: [
    ScalarsPlugin, NamesPlugin, ValuesPlugin, NamespacesPlugin, ListsPlugin,
    NodePlugin, LimitsPlugin,
  ],
  // The schema has what the views, the functions and the plugins above define,
  // and nothing else.
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
