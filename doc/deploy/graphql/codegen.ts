// Types for a client in TypeScript, with graphql-codegen: copy this file and
// schema.graphql beside the client's src.
//
//   npm install --save-dev @graphql-codegen/cli @graphql-codegen/client-preset
//   npx graphql-codegen
import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: ['src/**/*.{ts,graphql}'],
  importExtension: '.ts',
  generates: {
    'src/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        useTypeImports: true,
        // A scalar that is not here is an error, not unknown.
        strictScalars: true,
        scalars: {
          // Numbers of JavaScript have 15 digits: send longer ones as strings.
          TokenAmount: { input: 'number | string', output: 'number' },
          DateTime: 'string',
          Cursor: 'string',
          UUID: 'string',
        },
      },
    },
  },
};

export default config;
