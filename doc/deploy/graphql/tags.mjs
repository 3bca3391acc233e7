// Smart tags of trainledger_graphql.sql, as the modules here read them.

export const tagsOf = (thing) => thing?.extensions?.tags ?? {};
export const words = (tag) => (typeof tag === "string" ? tag.split(/[\s,]+/) : []);
