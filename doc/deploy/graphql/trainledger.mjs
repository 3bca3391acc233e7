// The PostGraphile 5 preset for the schema trainledger_graphql: plugins for the
// smart tags of trainledger_graphql.sql. It knows no view and no function by name.

import { DocumentsPlugin } from "./documents.mjs";
import { LIMITS, LimitsPlugin } from "./limits.mjs";
import { ListsPlugin } from "./lists.mjs";
import { NamesPlugin } from "./names.mjs";
import { NamespacesPlugin } from "./namespaces.mjs";
import { NodePlugin } from "./node.mjs";
import { OperationsPlugin } from "./operations.mjs";
import { ScalarsPlugin } from "./scalars.mjs";
import { TransportPlugin } from "./transport.mjs";

export default {
  plugins: [
    ScalarsPlugin, NamesPlugin, NamespacesPlugin, ListsPlugin, NodePlugin,
    DocumentsPlugin, LimitsPlugin, OperationsPlugin, TransportPlugin,
  ],
  // Settings of these plugins
  trainledger: {
    ...LIMITS,
    introspection: true,
    origins: ["*"],
    operations: new Map(),
    onlyListed: false,
    automatic: false,
  },
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
