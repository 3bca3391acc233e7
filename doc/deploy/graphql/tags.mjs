// Smart tags of trainledger_graphql.sql, as the modules here read them.

export const tagsOf = (thing) => thing?.extensions?.tags ?? {};
export const words = (tag) => (typeof tag === "string" ? tag.split(/[\s,]+/) : []);

// Whether rows of a view have this codec
export const isTable = (codec) =>
  codec?.attributes && !codec.isAnonymous && !!tagsOf(codec).primaryKey;
